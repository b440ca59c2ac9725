# SPDX-License-Identifier: Apache-2.0
"""Files as they lie about: plain or gzip, whole or cut off.

Approach: what a file is shows in its bytes, never in its name.
Cost: large plain files are mapped; others are held in memory, packed ones up to a bound.
"""

from __future__ import annotations

import mmap
import os
import zlib
from itertools import chain
from typing import Iterator, List, NamedTuple, Tuple

from gdbext.model.said import Text, said
from gdbext.source.overlaps import Bytes

LARGEST_FILE = 1 << 30
_GZIP = b"\x1f\x8b"
_GZIP_BITS = zlib.MAX_WBITS | 16
_PIECE = 1 << 20
_LARGEST_HELD = 32 << 20  # what is larger is mapped: should somebody cut it off meanwhile, that ends the process


class FileError(ValueError):
    """A file that cannot be used; the text says why."""


class Loaded(NamedTuple):
    """The bytes of a file, and what is to be said of them."""

    data: Bytes
    remarks: Tuple[Text, ...] = ()


def load_file(path: str) -> Loaded:
    """The bytes of a file, unpacked if they are packed."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(_GZIP))
            if not head:
                raise FileError("is empty")
            if head == _GZIP:
                return _unpacked(chain([head], iter(lambda: file.read(_PIECE), b"")))
            if os.fstat(file.fileno()).st_size > _LARGEST_HELD:
                return Loaded(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return Loaded(head + file.read(LARGEST_FILE))
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise FileError(f"{path}: {reason}") from None


def _unpacked(pieces: Iterator[bytes]) -> Loaded:
    """What gzip holds, as far as it can be unpacked. A file may hold several, one behind the other."""
    unpacker, parts, size = zlib.decompressobj(_GZIP_BITS), [], 0
    for piece in pieces:
        while piece and size < LARGEST_FILE:
            if unpacker.eof:
                unpacker = zlib.decompressobj(_GZIP_BITS)
            try:
                parts.append(unpacker.decompress(piece, _PIECE))
            except zlib.error:
                return _partly(parts, "damaged")
            size += len(parts[-1])
            piece = unpacker.unconsumed_tail or unpacker.unused_data.lstrip(b"\0")
    if size >= LARGEST_FILE:
        return _partly(parts, "large")
    parts.append(unpacker.flush())
    return Loaded(b"".join(parts)) if unpacker.eof else _partly(parts, "cut off")


def _partly(parts: List[bytes], why: str) -> Loaded:
    data = b"".join(parts)
    if not data:
        raise FileError(f"the gzip file is {why}, and nothing of it can be read")
    remarks = {
        "cut off": said("gzip-cut", read=len(data)),
        "damaged": said("gzip-damaged", read=len(data)),
        "large": said("gzip-large", most=LARGEST_FILE, read=len(data)),
    }
    return Loaded(data, (remarks[why],))
