# SPDX-License-Identifier: Apache-2.0
"""Whether pieces of memory that hold the same addresses hold the same bytes there.

Approach: the pieces in address order, each against the disjoint parts that those before it have left, so that a part
is compared once. Pieces that take the same bytes of a file for the same addresses are the same without a look.
Cost: what overlaps, once, up to a bound: a hostile core has thousands of segments over the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from mmap import mmap
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

Bytes = Union[bytes, mmap]  # slicing gives bytes; a memory map of a file is as good as its bytes

MOST_COMPARED = 64 << 20
_STEP, _COMPARISON = 64, 4096  # what a part costs beside its bytes: without a look, and with one
_CHUNK = 1 << 20


class Piece(NamedTuple):
    """Memory from start to end, and its place in some bytes."""

    start: int
    end: int
    offset: int
    data: Bytes


class Difference(NamedTuple):
    """Two pieces, by their numbers, and the first address at which they differ."""

    address: int
    one: int
    other: int


def differing(one: Piece, other: Piece) -> Optional[int]:
    """The first address that both have and at which they differ."""
    start, end = max(one.start, other.start), min(one.end, other.end)
    if _is_same(one, other):
        return None
    for low in range(start, end, _CHUNK):
        high = min(end, low + _CHUNK)
        shifts = ((piece.data, piece.offset - piece.start) for piece in (one, other))
        mine, theirs = (data[low + shift : high + shift] for data, shift in shifts)
        if mine != theirs:
            return low + next(at for at, (byte, another) in enumerate(zip(mine, theirs)) if byte != another)
    return None


def _is_same(one: Piece, other: Piece) -> bool:
    """Whether both take the same bytes for the same addresses."""
    return one.data is other.data and one.offset - one.start == other.offset - other.start


def first_difference(pieces: Sequence[Piece], most: Optional[int] = None) -> Tuple[Optional[Difference], bool]:
    """A difference, if there is any, and whether all was compared, which may take `most` bytes."""
    parts: List[Tuple[int, Piece]] = []  # disjoint, in address order, with the number of the first piece that has each
    starts: List[int] = []
    for number in sorted(range(len(pieces)), key=lambda number: pieces[number].start):
        piece = pieces[number]
        for index in range(max(0, bisect_right(starts, piece.start) - 1), len(parts)):
            other, part = parts[index]
            if part.start >= piece.end:
                break
            if part.end <= piece.start:
                continue
            if most is not None:
                most -= _STEP if _is_same(pieces[other], piece) else _COMPARISON + part.end - part.start
                if most < 0:
                    return None, False
            at = differing(part, piece)
            if at is not None:
                return Difference(at, other, number), True
        low = max([piece.start, *(part.end for _, part in parts[-1:])])
        if low < piece.end:  # it goes on behind all before it
            starts.append(low)
            parts.append((number, piece._replace(start=low, offset=piece.offset + low - piece.start)))
    return None, True
