# SPDX-License-Identifier: Apache-2.0
"""Whether pieces of memory that hold the same addresses hold the same bytes there.

Approach: the pieces in address order, each against the disjoint parts that those before it have left, so that a part
is compared once. Pieces that take the same bytes of a file for the same addresses are the same without a look.
Cost: what overlaps, once, up to a bound: a hostile core has thousands of segments over the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from mmap import mmap
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

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
        mine, theirs = (_slice(piece, low, min(end, low + _CHUNK)) for piece in (one, other))
        if mine != theirs:
            return low + next(at for at, (byte, another) in enumerate(zip(mine, theirs)) if byte != another)
    return None


def _is_same(one: Piece, other: Piece) -> bool:
    """Whether both take the same bytes for the same addresses."""
    return one.data is other.data and one.offset - one.start == other.offset - other.start


def _slice(piece: Piece, start: int, end: int) -> bytes:
    return piece.data[piece.offset + start - piece.start : piece.offset + end - piece.start]


def first_difference(pieces: Sequence[Piece], most: Optional[int] = None) -> Tuple[Optional[Difference], bool]:
    """A difference, if there is any, and whether all was compared, which may take `most` bytes."""
    kept = _Kept()
    for number in sorted(range(len(pieces)), key=lambda one: pieces[one].start):
        piece = pieces[number]
        for other, part in kept.under(piece):
            if most is not None:
                most -= _STEP if _is_same(pieces[other], piece) else _COMPARISON + part.end - part.start
                if most < 0:
                    return None, False
            at = differing(part, piece)
            if at is not None:
                return Difference(at, other, number), True
        kept.add(number, piece)
    return None, True


class _Kept:
    """The disjoint parts of the pieces so far, in address order, each of the first piece that has it."""

    def __init__(self) -> None:
        self._starts: List[int] = []
        self._parts: List[Tuple[int, Piece]] = []

    def under(self, piece: Piece) -> Iterator[Tuple[int, Piece]]:
        """The parts that a piece shares addresses with, with the numbers of their pieces."""
        for index in range(max(0, bisect_right(self._starts, piece.start) - 1), len(self._starts)):
            number, part = self._parts[index]
            if part.start >= piece.end:
                return
            if part.end > piece.start:
                yield number, part

    def add(self, number: int, piece: Piece) -> None:
        """Adds what a piece has beyond all before it."""
        low = max([piece.start, *(part.end for _, part in self._parts[-1:])])
        if low < piece.end:
            self._starts.append(low)
            self._parts.append((number, piece._replace(start=low, offset=piece.offset + low - piece.start)))
