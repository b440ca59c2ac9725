# SPDX-License-Identifier: Apache-2.0
"""Merges the streams of a log whose regions stand in no order (bit 3 of `required`), in constant memory.

Approach: one pass looks for STREAM records and headers, and remembers where each region lies. Then each run is given
out: its header, what lies before its first region, and slices of the regions. A slice is a pack, or up to 1,024 rows,
or other records; it goes out as a short region of its own, with the least time that it can have. The stream whose next
slice is the earliest comes next. So a reader of the result waits for one slice of each stream, not for whole regions.
Records behind a region that has an end go with it, as a region of stream 0. Where two slices may have the same time,
stream 0 comes first: it has the definitions. SKIP records and rows of zeros are passed over, however long they are.
A definition has no time: its slice has that of what stands before it, which nobody who uses it can be earlier than.
Rejected: sorting in the reader (it gets bytes from a pipe as well); whole regions in the order of their least times
(100 threads of 1 MiB each make 10 million events wait); a table of all slices (it grows with the log).
Cost: some 15 microseconds for a slice, 200 bytes for each region, 16 KiB for each stream; records in regions without a
length are looked at one by one.
Assumptions: all of it is hostile. Regions cannot overlap, as one is looked for where the one before ends; each step
moves towards the end of a region; where the sizes of a record are wrong, it is given out as a row.
"""

from __future__ import annotations

import re
import struct
from heapq import heapify, heappop, heapreplace
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple

from gdbext.model.said import Trouble
from gdbext.trace.format import HEADER_BYTES, MAGIC, parse_header
from gdbext.trace.log_definitions import PACK, SKIP, STREAM
from gdbext.trace.log_event import SYNC, Layout

ReadAt = Callable[[int, int], bytes]
_PIECE_BYTES = 1 << 18
_SLICE_BYTES = 1 << 14  # that are read at once: most packs are shorter
_SLICE_ROWS = 1024
_ROWS_LOOKED_AT = 4  # for the first time of a slice
_LONGEST_PAYLOAD = 1 << 21
_FIRST_PAYLOAD, _BUSY = 16, 31
_REGION_BYTES = 16
_PACK_HEAD = 16
_LATEST = (1 << 64) - 1
_MAY_TELL = re.compile(  # the byte that has the kind, and other bits above it: of SYNC, or 16 and more
    rb"[\x08\x10-\x1f\x28\x30-\x3f\x48\x50-\x5f\x68\x70-\x7f\x88\x90-\x9f\xa8\xb0-\xbf\xc8\xd0-\xdf\xe8\xf0-\xff]"
)
_NOT_ZERO = re.compile(rb"[^\0]")


class _Region(NamedTuple):
    """Records of one stream that follow each other."""

    least: int
    start: int  # regions of one least time stay in order
    end: int
    number: int


class _Slice(NamedTuple):
    """Some records of a region, and the next slice of its stream is given by the iterator."""

    least: int
    is_event: bool  # not of stream 0
    start: int
    number: int
    data: bytes
    rest: Iterator[Tuple[int, int, bytes]]


def sorted_regions(read_at: ReadAt, size: int) -> Iterator[bytes]:
    """Yields the bytes of a log with the streams of each run merged. Raises Trouble if it is no log."""
    start = 0
    while start == 0 or start + HEADER_BYTES <= size:
        header = parse_header(read_at(start, HEADER_BYTES))
        layout = Layout(header)
        first = start + -(-header.header_size // layout.size) * layout.size
        regions, end = _regions(read_at, size, layout, first)
        yield read_at(start, regions[0].end - start)
        yield from _joined(_merged(read_at, layout, regions[1:]))
        start = end


def _joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yields pieces of a good size."""
    pieces: List[bytes] = []
    size = 0
    for part in parts:
        pieces.append(part)
        size += len(part)
        if size >= _PIECE_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield b"".join(pieces)


def _merged(read_at: ReadAt, layout: Layout, regions: List[_Region]) -> Iterator[bytes]:
    """Yields the slices of all streams in the order of their least times, each as a region."""
    by_number: Dict[int, List[_Region]] = {}
    for region in sorted(regions):
        by_number.setdefault(region.number, []).append(region)
    heap: List[_Slice] = []
    for number, own in by_number.items():
        heap += _next_slice(number, _Slicer(read_at, layout).slices(own))
    heapify(heap)
    while heap:
        least, _, _, number, data, rest = heap[0]
        payload = struct.pack(layout.mark + "2Q", len(data), least)
        yield layout.words.pack(number, layout.word_of(len(payload), 0), 0, STREAM)
        yield payload + bytes(-len(payload) % layout.size)
        yield data
        following = _next_slice(number, rest)
        if following:
            heapreplace(heap, following[0])
        else:
            heappop(heap)


def _next_slice(number: int, rest: Iterator[Tuple[int, int, bytes]]) -> List[_Slice]:
    found = next(rest, None)
    return [] if found is None else [_Slice(found[0], number != 0, found[1], number, found[2], rest)]


class _Slicer:
    """Cuts the regions of one stream into slices. It follows the times of the stream's rows as a reader does."""

    def __init__(self, read_at: ReadAt, layout: Layout) -> None:
        self._read_at, self._layout = read_at, layout
        self._from = 0  # the earliest time that a row can have
        self._least = 0  # that the next slice can have
        self._kind_at = 3 * layout.width if layout.byte_order == "little" else layout.size - 1
        self._pack = struct.Struct(layout.mark + "2Q")

    def slices(self, regions: Iterable[_Region]) -> Iterator[Tuple[int, int, bytes]]:
        """Yields the least time, the place and the bytes of each slice."""
        for region in regions:
            self._see(region.least)
            at, nothing, data = region.start, 0, b""
            while at < region.end:
                if len(data) < self._layout.size:
                    data = self._read_at(at, min(_PIECE_BYTES if nothing else _SLICE_BYTES, region.end - at))
                if len(data) < self._layout.size:
                    break  # the file has become shorter, or no row is left
                nothing = self._nothing(data, region.end - at)
                count = nothing or self._records(data, region.end - at) or self._rows(data)
                if not nothing:
                    yield self._least, at, data[:count] if count <= len(data) else self._read_at(at, count)
                at, data = at + count, data[count : count + _SLICE_BYTES]

    def _see(self, time: int) -> None:
        if self._layout.has_clock and time > self._least:
            self._least = time

    def _payload(self, data: bytes, at: int, left: int) -> Tuple[int, int]:
        """Returns kind and bytes of the record with a payload at `at`, of `left` bytes at most; 0 if it is none."""
        layout = self._layout
        _, sizes, _, kind = layout.words.unpack_from(data, at)
        length = layout.size_heap(sizes)[0] if _FIRST_PAYLOAD <= kind < _BUSY else left
        total = layout.size + -(-length // layout.size) * layout.size
        return (kind, total) if length <= _LONGEST_PAYLOAD and total <= left else (0, 0)

    def _nothing(self, data: bytes, left: int) -> int:
        """Returns the bytes at the beginning that say nothing: zeros, or a SKIP."""
        size = self._layout.size
        if data.startswith(bytes(size)):
            return _zeros(data, size)
        kind, total = self._payload(data, 0, left)
        return total if kind == SKIP else 0

    def _records(self, data: bytes, left: int) -> int:
        """Returns the bytes of the pack, or of the other records with a payload, at the beginning; 0: there is none."""
        kind, total = self._payload(data, 0, left)
        if kind == PACK:
            self._see(
                self._pack.unpack_from(data, self._layout.size)[1] if len(data) >= self._layout.size + _PACK_HEAD else 0
            )
            return total
        while total and total + self._layout.size <= len(data):
            kind, more = self._payload(data, total, left - total)
            if kind in (0, PACK, SKIP) or total + more > len(data):
                break
            total += more
        return total

    def _rows(self, data: bytes) -> int:
        """Returns the bytes of the rows that `data` begins with, up to a record with a payload; of one row at least."""
        layout = self._layout
        size, words = layout.size, layout.words
        rows = min(len(data) // size, _SLICE_ROWS)
        kinds = data[self._kind_at : rows * size : size]
        for row in range(min(rows, _ROWS_LOOKED_AT)):
            _, _, _, last = moment = words.unpack_from(data, row * size)
            kind = last & layout.kind_mask
            if kind == SYNC:
                self._sync(moment)
            elif 0 < kind < _FIRST_PAYLOAD:
                self._see(self._from + ((last >> layout.time_at) - self._from & layout.time_mask))
                break
        for found in _MAY_TELL.finditer(kinds):
            row = found.start()
            moment = words.unpack_from(data, row * size)
            kind = moment[3] & layout.kind_mask
            if kind == SYNC:
                self._sync(moment)
            elif row and moment[3] == kind and _FIRST_PAYLOAD <= kind < _BUSY:
                return row * size
        return rows * size

    def _sync(self, words: Tuple[int, ...]) -> None:
        moment = words[0] & 0xFFFFFFFF | (words[1] & 0xFFFFFFFF) << 32
        self._from = max(0, moment - (self._layout.time_mask + 1) // 4)


def _regions(read_at: ReadAt, size: int, layout: Layout, at: int) -> Tuple[List[_Region], int]:
    """Returns what lies before the first region of a run, its regions, and where the run ends."""
    found: List[_Region] = []
    start, number, least, piece, piece_at, end = at, 0, 0, b"", at, size
    zeros = bytes(layout.size)
    while at + layout.size <= size:
        if at + layout.size > piece_at + len(piece):
            piece, piece_at = read_at(at, _PIECE_BYTES), at
            if len(piece) < layout.size:
                break  # the file has become shorter
        if piece.startswith(MAGIC, at - piece_at):
            header = read_at(at, HEADER_BYTES)
            if len(header) < HEADER_BYTES:
                break
            if _is_header(header):
                end = at
                break
        if piece.startswith(zeros, at - piece_at):
            at += _zeros(piece[at - piece_at :], layout.size)
            continue
        word, sizes, _, kind = layout.words.unpack_from(piece, at - piece_at)
        length = layout.size_heap(sizes)[0] if _FIRST_PAYLOAD <= kind < _BUSY else 0
        behind = at + layout.size + (-(-length // layout.size) * layout.size if length <= _LONGEST_PAYLOAD else 0)
        if behind > size:
            break  # a record that is not whole
        if kind == STREAM and length >= _REGION_BYTES:
            count, next_least = struct.unpack(layout.mark + "2Q", read_at(at + layout.size, _REGION_BYTES))
            found += [_Region(least, start, at, number)] if at > start or not found else []
            start, number, least = behind, word, next_least
            if 0 < count <= size - behind:
                behind += count // layout.size * layout.size
                found.append(_Region(least, start, behind, number))
                start, number = behind, 0
        at = behind
    return [*found, _Region(least, start, at, number)] if at > start or not found else found, end


def _zeros(data: bytes, size: int) -> int:
    """Returns the bytes of the rows of zeros, each of `size` bytes, that `data` begins with."""
    found = None if data == bytes(len(data)) else _NOT_ZERO.search(data)
    return (len(data) if found is None else found.start()) // size * size


def _is_header(data: bytes) -> bool:
    try:
        return parse_header(data).is_log
    except Trouble:
        return False
