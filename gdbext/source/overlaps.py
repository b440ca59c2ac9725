# SPDX-License-Identifier: Apache-2.0
"""Compares pieces of memory that overlap: do they hold the same bytes at the same addresses?

Approach: the pieces are taken in address order. Each is compared with disjoint parts of the earlier ones, so that a
part is compared once. Pieces that take the same bytes of a file for the same addresses are equal and not compared.
Cost: each overlap is compared once, up to a bound: a hostile core has thousands of segments over the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from mmap import mmap
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

Bytes = Union[bytes, mmap]  # slices of both are bytes

MOST_COMPARED = 64 << 20
_STEP, _COMPARISON = 64, 4096  # costs of a part in bytes: in all if it is not compared, beside its own bytes if it is
_CHUNK = 1 << 20


class Piece(NamedTuple):
    """Memory from start to end. `offset` is the place of its first byte in `data`."""

    start: int
    end: int
    offset: int
    data: Bytes


def differing(one: Piece, other: Piece) -> Optional[int]:
    """Returns the first address at which two pieces differ; None if they agree wherever they overlap."""
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
    """Returns True if both take the same bytes of one file for the same addresses."""
    return one.data is other.data and one.offset - one.start == other.offset - other.start


def first_difference(
    pieces: Sequence[Piece], most: Optional[int] = None
) -> Tuple[Optional[Tuple[int, int, int]], bool]:
    """Compares all pieces, at a cost of at most `most` bytes. Returns the difference, and False if the cost ran out.

    The difference is an address at which two pieces differ, and the positions of both. None if none was found.
    """
    parts: List[Tuple[int, Piece]] = []  # disjoint, in address order; each with the position of its piece
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
                return (at, other, number), True
        low = max([piece.start, *(part.end for _, part in parts[-1:])])
        if low < piece.end:  # it ends behind all earlier ones
            starts.append(low)
            parts.append((number, piece._replace(start=low, offset=piece.offset + low - piece.start)))
    return None, True
