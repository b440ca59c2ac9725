# SPDX-License-Identifier: Apache-2.0
"""Loads files: plain or gzip, whole or cut off.

Approach: the bytes of a file tell its kind, never its name.
Cost: plain files above 32 MiB are mapped. Others are read into memory, packed ones up to 1 GiB of unpacked bytes.
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
_PIECE_BYTES = 1 << 20
_LARGEST_READ = 32 << 20  # a larger file is mapped; if somebody truncates a mapped file, the process dies


class FileError(ValueError):
    """A file cannot be used. The text says why."""


class Loaded(NamedTuple):
    """The bytes of a file, and remarks about them."""

    data: Bytes
    remarks: Tuple[Text, ...] = ()


def load_file(path: str) -> Loaded:
    """Returns the bytes of a file, unpacked if it is gzip."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(_GZIP))
            if not head:
                raise FileError("is empty")
            if head == _GZIP:
                return _unpacked(chain([head], iter(lambda: file.read(_PIECE_BYTES), b"")))
            if os.fstat(file.fileno()).st_size > _LARGEST_READ:
                return Loaded(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return Loaded(head + file.read(LARGEST_FILE))
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise FileError(f"{path}: {reason}") from None


def _unpacked(pieces: Iterator[bytes]) -> Loaded:
    """Unpacks gzip data as far as possible. A file may hold several gzip members, one behind the other."""
    unpacker, parts, size = zlib.decompressobj(_GZIP_BITS), [], 0
    for piece in pieces:
        while piece and size < LARGEST_FILE:
            if unpacker.eof:
                unpacker = zlib.decompressobj(_GZIP_BITS)
            try:
                parts.append(unpacker.decompress(piece, _PIECE_BYTES))
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
