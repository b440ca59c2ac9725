# SPDX-License-Identifier: Apache-2.0
"""The one way to write a file: as a whole, and over nothing but a regular file that is empty or may be replaced.

Approach: what stands at a path is asked for by its kind before anything is opened, so that no device is touched and no
pipe waited for. Symbolic links are resolved: what they lead to is replaced, and the link stays. The bytes go into a
file beside the place, which is then renamed: nobody ever finds half a file.
Rejected: opening first and asking then (an open of a pipe waits for its writer, that of a tape winds it).
Limits: between the last look and the rename somebody may still put something there; a device never comes by itself.
"""

from __future__ import annotations

import os
import stat
from typing import Callable, NamedTuple

from gdbext.source.core import is_core

_HEAD = 64
_WISHED = ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
_FLAGS = sum(getattr(os, name, 0) for name in _WISHED)  # as far as the system has them
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a symbolic link"),
)


class Policy(NamedTuple):
    """Which files may be replaced, by their first bytes, and what to say of others."""

    may_replace: Callable[[bytes], bool]
    refusal: str


CORES = Policy(is_core, "there is a file that is no core")
NEW_FILES = Policy(lambda _: False, "there is a file already; --overwrite replaces it")
ANY_FILE = Policy(lambda _: True, "")


def place_of(path: str, policy: Policy) -> str:
    """Where a file for this path will stand, links resolved. OSError says why there can be none."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        folder, name = os.path.split(path)
        if not name:
            raise IsADirectoryError("it names no file") from None
        if os.path.islink(path):
            raise FileExistsError("it is a symbolic link that leads nowhere") from None
        return os.path.join(os.path.realpath(folder), name)
    _require_file(there)
    place = os.path.realpath(path)
    if not os.path.lexists(place) or not os.path.samestat(there, os.lstat(place)):
        raise FileExistsError("it is an open file that has no name")
    refuse_to_replace(place, policy)
    return place


def _require_file(there: os.stat_result) -> None:
    if not stat.S_ISREG(there.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(there.st_mode)), "no file")
        raise FileExistsError(f"it is {kind}")


def refuse_to_replace(place: str, policy: Policy) -> None:
    """FileExistsError unless there is nothing at a place, or a regular file that is empty or may be replaced."""
    try:
        there = os.lstat(place)
    except FileNotFoundError:
        return
    _require_file(there)
    with open(os.open(place, os.O_RDONLY | _FLAGS), "rb") as file:
        if not os.path.samestat(there, os.fstat(file.fileno())):
            raise FileExistsError("somebody has just put another file there")
        head = file.read(_HEAD)
    if head and not policy.may_replace(head):
        raise FileExistsError(policy.refusal)


def write_file(place: str, data: bytes, policy: Policy) -> None:
    """Puts a file in its place as a whole."""
    name = f"{place}.{os.getpid()}.part"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)  # what is there is somebody else's
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        refuse_to_replace(place, policy)
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise
