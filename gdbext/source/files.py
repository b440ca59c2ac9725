# SPDX-License-Identifier: Apache-2.0
"""Loads files: plain or gzip, whole or cut off.

Approach: the bytes of a file tell its kind, never its name. No more is asked of the system at once than the file has,
for a request takes its memory before it is answered. Packed data are unpacked twice: first only to count their bytes.
Cost: plain files of more than 32 MiB are mapped. Others are read into memory: what is packed or comes through a pipe up
to 256 MiB of bytes, with many times as much refused after a second.
"""

from __future__ import annotations

import mmap
import os
import stat
import zlib
from collections import deque
from itertools import chain
from typing import BinaryIO, Iterator, List, NamedTuple, Tuple

from gdbext.model.said import Text, said
from gdbext.source.overlaps import Bytes

LARGEST_FILE = 256 << 20  # no heap is larger than a quarter of it, and a search of it takes some seconds
_TOO_MANY = f"more than the {LARGEST_FILE:,} that memtrace takes into memory: cut out what holds the heap"
EMPTY = "is empty: nothing was written to it"
_GZIP = b"\x1f\x8b"
_GZIP_BITS = zlib.MAX_WBITS | 16
_MOST_MEMBERS = 1 << 16  # of one gzip file, each of which costs microseconds, however empty
_PACKED_BYTES = 4096  # handed to zlib at once: what is behind a member is copied
_PIECE_BYTES = 1 << 20
_LARGEST_READ = 32 << 20  # a larger file is mapped; if somebody truncates a mapped file, the process dies


class FileError(ValueError):
    """A file cannot be used. The text says why."""


class _Broken(Exception):
    """A gzip file is "damaged" or "cut off"."""


class Loaded(NamedTuple):
    """The bytes of a file, and remarks about them."""

    data: Bytes
    remarks: Tuple[Text, ...] = ()


def load_file(path: str) -> Loaded:
    """Returns the bytes of a file, unpacked if it is gzip."""
    try:
        with open(path, "rb") as file:
            status, head = os.fstat(file.fileno()), file.read(len(_GZIP))
            if not head:
                raise FileError(EMPTY)
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            if head == _GZIP:
                if size:
                    _count(_unpacked(chain([head], _pieces(file, _PACKED_BYTES))))
                    file.seek(len(head))
                return _kept(_unpacked(chain([head], _pieces(file, _PACKED_BYTES))))
            if size > _LARGEST_READ:
                return Loaded(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            if size:
                file.seek(0)
            return Loaded(whole_of(chain([file.read(size) if size else head], _pieces(file, _PIECE_BYTES))))
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise FileError(f"{path}: {reason}") from None


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    return iter(lambda: file.read(size), b"")


def in_memory(data: Bytes, name: str = "", others: int = 0) -> bytes:
    """Returns all bytes of a loaded file. Raises FileError if they are too many, with those that are in memory."""
    if len(data) + others > LARGEST_FILE:
        beside = f", with the {others:,} of those before," if others else ""
        raise FileError(f"{name}its {len(data):,} bytes{beside} are {_TOO_MANY}")
    return data[:]


def whole_of(pieces: Iterator[bytes]) -> bytes:
    """Returns all pieces as one. Raises FileError if they are too many."""
    parts, size = [], 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > LARGEST_FILE:
            raise FileError(f"it gives {_TOO_MANY}")
    return b"".join(parts)


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields what gzip data unpack to, as far as possible. A file may hold several gzip members, one behind the other,
    then zeros. Raises _Broken at the end if the data are damaged or cut off.
    """
    unpacker, members, size, packed = zlib.decompressobj(_GZIP_BITS), 1, 0, 0
    for piece in pieces:
        packed += len(piece)
        while piece:
            if unpacker.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                unpacker, members = zlib.decompressobj(_GZIP_BITS), members + 1
            if members > _MOST_MEMBERS:
                raise FileError(f"it has more than {_MOST_MEMBERS:,} gzip members: unpack it first")
            try:
                data = unpacker.decompress(piece, _PIECE_BYTES)
            except zlib.error:
                raise _Broken("damaged") from None
            size += len(data)
            if max(size, packed) > LARGEST_FILE:
                raise FileError(f"it is packed, its first {packed:,} bytes unpack to {size:,}, {_TOO_MANY}")
            yield data
            piece = unpacker.unconsumed_tail or unpacker.unused_data
    yield unpacker.flush()
    if not unpacker.eof:
        raise _Broken("cut off")


def _count(data: Iterator[bytes]) -> None:
    """Raises FileError if gzip data unpack to too much, and keeps nothing of it."""
    try:
        deque(data, maxlen=0)
    except _Broken:
        pass


def _kept(data: Iterator[bytes]) -> Loaded:
    parts: List[bytes] = []
    try:
        for part in data:
            parts.append(part)
    except _Broken as problem:
        return _partly(parts, str(problem))
    return Loaded(b"".join(parts))


def _partly(parts: List[bytes], why: str) -> Loaded:
    data = b"".join(parts)
    if not data:
        raise FileError(f"the gzip file is {why}, and nothing of it can be read")
    remarks = {"cut off": said("gzip-cut", read=len(data)), "damaged": said("gzip-damaged", read=len(data))}
    return Loaded(data, (remarks[why],))
