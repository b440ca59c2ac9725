# SPDX-License-Identifier: Apache-2.0
"""Sorts the regions of a log by their least times, for logs whose writers could not (bit 3 of `required`).

Approach: one pass looks for STREAM records and headers, and remembers where each region lies; then each run is given
out: its header, what lies before its first region, its regions in order, each with the length that it has. Records
behind a region that has an end go with it, as a region of stream 0. A region with a length is jumped over.
Rejected: sorting in the reader (it gets bytes from a pipe as well).
Cost: 200 bytes for each region; records in regions without a length are looked at one by one.
"""

from __future__ import annotations

import struct
from typing import Callable, Iterator, List, NamedTuple, Tuple

from gdbext.model.said import Trouble
from gdbext.trace.format import HEADER_BYTES, MAGIC, parse_header
from gdbext.trace.log_definitions import STREAM
from gdbext.trace.log_event import Layout

ReadAt = Callable[[int, int], bytes]
_PIECE_BYTES = 1 << 18
_LONGEST_PAYLOAD = 1 << 21
_FIRST_PAYLOAD, _BUSY = 16, 31
_REGION_BYTES = 16


class _Region(NamedTuple):
    """Records of one stream that follow each other."""

    least: int
    start: int  # regions of one least time stay in order
    end: int
    number: int


def sorted_regions(read_at: ReadAt, size: int) -> Iterator[bytes]:
    """Yields the bytes of a log with the regions of each run in order. Raises Trouble if it is no log."""
    start = 0
    while start == 0 or start + HEADER_BYTES <= size:
        header = parse_header(read_at(start, HEADER_BYTES))
        layout = Layout(header)
        first = start + -(-header.header_size // layout.size) * layout.size
        regions, end = _regions(read_at, size, layout, first)
        yield read_at(start, regions[0].end - start)
        for region in sorted(regions[1:]):
            payload = struct.pack(layout.mark + "2Q", region.end - region.start, region.least)
            yield layout.words.pack(region.number, layout.word_of(len(payload), 0), 0, STREAM)
            yield payload + bytes(-len(payload) % layout.size)
            for at in range(region.start, region.end, _PIECE_BYTES):
                yield read_at(at, min(_PIECE_BYTES, region.end - at))
        start = end


def _regions(read_at: ReadAt, size: int, layout: Layout, at: int) -> Tuple[List[_Region], int]:
    """Returns what lies before the first region of a run, its regions, and where the run ends."""
    found: List[_Region] = []
    start, number, least, piece, piece_at, end = at, 0, 0, b"", at, size
    while at + layout.size <= size:
        if at + layout.size > piece_at + len(piece):
            piece, piece_at = read_at(at, _PIECE_BYTES), at
        if piece.startswith(MAGIC, at - piece_at):
            header = read_at(at, HEADER_BYTES)
            if len(header) < HEADER_BYTES:
                break
            if _is_header(header):
                end = at
                break
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


def _is_header(data: bytes) -> bool:
    try:
        return parse_header(data).is_log
    except Trouble:
        return False
