# SPDX-License-Identifier: Apache-2.0
"""Finds the file that has a program's debug information: the program itself, or one that was split off.

Approach: by build-id in the folders of --symbols and of the system, then by the name in .gnu_debuglink, then by the
program's own name. A file counts if it has the program's build-id; without one, if it has the checksum of the link.
Cost: some look-ups of names. Nothing is listed, so a folder may be as large as it likes.
"""

from __future__ import annotations

import os
import zlib
from typing import Iterator, Optional, Sequence, Tuple

from gdbext.source.files import FileError
from gdbext.symbols.elf_head import Head, head_of, section_bytes

_SYSTEM = "/usr/lib/debug"
_LARGEST_LINK = 1 << 12
_PIECE_BYTES = 1 << 20


def debug_file(head: Head, folders: Sequence[str]) -> Head:
    """Returns the head of the file with a program's debug information, else the program's own."""
    if head.has_lines:
        return head
    linked, checksum = _link_of(head)
    for path in _candidates(head, linked, folders):
        try:
            found = head_of(path)
        except FileError:
            continue
        same = found.build_id == head.build_id if head.build_id else bool(linked) and _checksum(path) == checksum
        if same and found.has_lines:
            return found
    return head


def _candidates(head: Head, linked: str, folders: Sequence[str]) -> Iterator[str]:
    """Yields where the debug information of a program may be."""
    folder, name = os.path.split(os.path.abspath(head.path))
    for one in (*folders, _SYSTEM):
        if head.build_id:
            yield from by_build_id(head.build_id, one)
    if linked:
        yield os.path.join(folder, linked)
        yield os.path.join(folder, ".debug", linked)
        yield from (os.path.join(one, linked) for one in folders)
        yield os.path.join(f"{_SYSTEM}{folder}", linked)
    for one in folders:
        yield os.path.join(one, name)
        yield os.path.join(one, f"{name}.debug")


def by_build_id(build_id: str, folder: str) -> Iterator[str]:
    """Yields the names that a file with a build-id has in folders of debuggers, of debuginfod and of symbol servers."""
    yield os.path.join(folder, ".build-id", build_id[:2], f"{build_id[2:]}.debug")
    yield os.path.join(folder, build_id[:2], f"{build_id[2:]}.debug")
    yield os.path.join(folder, build_id, "debuginfo")
    yield os.path.join(folder, build_id)
    yield os.path.join(folder, f"{build_id}.debug")


def _link_of(head: Head) -> Tuple[str, int]:
    """Returns name and checksum of the file that .gnu_debuglink names. It may not choose a folder."""
    data = section_bytes(head, ".gnu_debuglink", _LARGEST_LINK)
    name = data.partition(b"\0")[0]
    at = len(name) + 4 & ~3
    checksum = int.from_bytes(data[at : at + 4], "big" if head.big_endian else "little")
    text = os.fsdecode(name)
    return (text if text not in ("", ".", "..") and "/" not in text else ""), checksum


def _checksum(path: str) -> Optional[int]:
    """Returns the CRC-32 of a file."""
    value = 0
    try:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE_BYTES), b""):
                value = zlib.crc32(piece, value)
    except OSError:
        return None
    return value
