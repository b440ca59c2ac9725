# SPDX-License-Identifier: Apache-2.0
"""Writes a file as a whole. It replaces nothing but a regular file that is empty or that the policy lets it replace,
and never a file that the command reads: what is made of a log or an image has less than it.

Approach: the kind of the old file is checked before it is opened, so that no device is touched and no pipe waited for.
Symbolic links are resolved: their target is replaced, and the link stays. The bytes go into a file beside the place,
which is then renamed: nobody ever finds half a file.
Rejected: opening first and checking then. Opening a pipe waits for its writer; opening a tape winds it.
Limits: somebody may put a file there between the last check and the rename. That file is lost.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import BinaryIO, Callable, Iterable, Iterator, Tuple

from gdbext.source.core import is_core

_HEAD = 64
_WISHED = ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
_FLAGS = sum(getattr(os, name, 0) for name in _WISHED)  # those that the system has
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a symbolic link"),
)


Policy = Tuple[Callable[[bytes], bool], str]  # tells by the head of a file if it may be replaced; the refusal if not
CORES: Policy = (is_core, "there is a file that is no core")
NEW_FILES: Policy = (lambda _: False, "there is a file already; --overwrite replaces it")
ANY_FILE: Policy = (lambda _: True, "")


def place_of(path: str, policy: Policy, read: Iterable[str] = ()) -> str:
    """Returns the real path of a file to be written, with links resolved. OSError says why it cannot be written.
    `read` are the files that the command reads.
    """
    if path == "-":
        raise FileExistsError("it would be a file of this name; ./- is one")
    try:
        status = os.stat(path)
    except FileNotFoundError:
        folder, name = os.path.split(path)
        if not name:
            raise IsADirectoryError("it names no file") from None
        if os.path.islink(path):
            raise FileExistsError("it is a symbolic link that leads nowhere") from None
        return os.path.join(os.path.realpath(folder), name)
    _require_file(status)
    place = os.path.realpath(path)
    if not os.path.lexists(place) or not os.path.samestat(status, os.lstat(place)):
        raise FileExistsError("it is an open file that has no name")
    refuse_to_replace(place, policy)
    if any(os.path.exists(one) and os.path.samefile(one, place) for one in read):
        raise FileExistsError("it is the file that is read; give another name")
    return place


def _require_file(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "no file")
        raise FileExistsError(f"it is {kind}")


def refuse_to_replace(place: str, policy: Policy) -> None:
    """Raises FileExistsError if a place has a file that is neither empty nor may be replaced, or no regular file."""
    try:
        status = os.lstat(place)
    except FileNotFoundError:
        return
    _require_file(status)
    with open(os.open(place, os.O_RDONLY | _FLAGS), "rb") as file:
        if not os.path.samestat(status, os.fstat(file.fileno())):
            raise FileExistsError("somebody has just put another file there")
        head = file.read(_HEAD)
    may_replace, refusal = policy
    if head and not may_replace(head):
        raise FileExistsError(refusal)


def write_file(place: str, data: bytes, policy: Policy) -> None:
    """Writes a file as a whole."""
    with new_file(place, policy) as file:
        file.write(data)


@contextmanager
def new_file(place: str, policy: Policy) -> Iterator[BinaryIO]:
    """Yields a file that takes its place when all has been written without an error."""
    name = f"{place}.{os.getpid()}.part"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)  # never somebody else's file
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        refuse_to_replace(place, policy)
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise
