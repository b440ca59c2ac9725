# SPDX-License-Identifier: Apache-2.0
"""The ranges of addresses that are mapped, of which any part may be given back.

Approach: a sorted list. What a MAP or an UNMAP meets is cut out, and the pieces that are left stand in its place.
Cost: a binary search, and moving the list's end. A process has at most some 65,000 ranges.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterator, List, NamedTuple, Optional, Tuple

MOST_RANGES = 65_536
END_OF_MEMORY = (1 << 64) - 1


class Range(NamedTuple):
    """A part of what a MAP has given. `owner` is None if it does not count."""

    start: int
    end: int
    owner: Optional[int]
    seq: int
    time: Optional[int]
    moment: int  # of its MAP


class Ranges:
    """All mapped ranges, sorted, without overlap."""

    def __init__(self) -> None:
        self._starts: List[int] = []
        self._ranges: List[Range] = []
        self.left_out = 0  # parts that found no room

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def __len__(self) -> int:
        return len(self._ranges)

    def cut(self, start: int, end: int) -> List[Tuple[Range, List[Range]]]:
        """Takes a range out. Returns whatever it has met, each with the pieces that are left of it."""
        first = bisect_right(self._starts, start)
        if first and self._ranges[first - 1].end > start:
            first -= 1
        last = first
        while last < len(self._ranges) and self._ranges[last].start < end:
            last += 1
        met = [(one, _without(one, start, end)) for one in self._ranges[first:last]]
        if len(self) >= MOST_RANGES and len(met) == 1 and len(met[0][1]) == 2:
            self.left_out += 1
            met = [(met[0][0], met[0][1][:1])]
        self._replace(first, last, [piece for _, pieces in met for piece in pieces])
        return met

    def add(self, new: Range) -> None:
        """Adds a range that meets none."""
        place = bisect_right(self._starts, new.start)
        self._replace(place, place, [new])

    def _replace(self, first: int, last: int, ranges: List[Range]) -> None:
        self._ranges[first:last] = ranges
        self._starts[first:last] = [one.start for one in ranges]


def _without(one: Range, start: int, end: int) -> List[Range]:
    pieces = [one._replace(end=min(one.end, start)), one._replace(start=max(one.start, end))]
    return [piece for piece in pieces if piece.start < piece.end]
