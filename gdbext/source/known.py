# SPDX-License-Identifier: Apache-2.0
"""Which memory may be read: what the program, the target or the user has named, and what was recognised in it.

Approach: a read outside of it is not made. Stubs answer reads of nothing with ff, with an error, with data of the ELF
file, or by dying, and none of that is data. A structure that a pointer of the program leads to may also lie near the
program's own writable sections: the heaps of a chip begin where its .bss ends.
Rejected: trying and seeing what fails (QEMU fails nowhere, Espressif's stub on the chip faults).
Assumptions: a chip's memories do not share a window of 4 MiB with registers.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterable, List, Sequence, Tuple

Range = Tuple[int, int]  # start, end

_WINDOW_BITS = 22
_LARGEST_STRUCTURE = 512


def clipped(ranges: Sequence[Range], start: int, end: int) -> List[Range]:
    """The parts of start..end that lie in some ranges, which are in order and apart."""
    parts: List[Range] = []
    index = max(0, bisect_right(ranges, (start, start)) - 1)
    while index < len(ranges) and ranges[index][0] < end:
        parts.append((max(start, ranges[index][0]), min(end, ranges[index][1])))
        index += 1
    return [(low, high) for low, high in parts if low < high]


def gaps(parts: Iterable[Range], start: int, end: int) -> List[Range]:
    """The rest of start..end between parts of it, which are in order."""
    edges = [start, *(edge for part in parts for edge in part), end]
    return [(low, high) for low, high in zip(edges[::2], edges[1::2]) if low < high]


class Known:
    """Ranges that may be read, in order, and windows in which structures may."""

    def __init__(self, ranges: Iterable[Range] = (), writable: Iterable[Range] = ()) -> None:
        self.ranges: List[Range] = []  # everything that has been named or recognised
        self._windows = {address >> _WINDOW_BITS for start, end in writable for address in (start, end - 1)}
        for start, end in ranges:
            self.allow(start, end)

    def allow(self, start: int, end: int) -> None:
        """Adds a range."""
        touching = [span for span in self.ranges if span[0] <= end and start <= span[1]]
        if start < end:
            joined = (min([start, *(low for low, _ in touching)]), max([end, *(high for _, high in touching)]))
            self.ranges = sorted([span for span in self.ranges if span not in touching] + [joined])

    def clip(self, start: int, end: int) -> List[Range]:
        """The parts of a range that may be read."""
        if end - start <= _LARGEST_STRUCTURE and {start >> _WINDOW_BITS, end - 1 >> _WINDOW_BITS} <= self._windows:
            return [(start, end)]
        return clipped(self.ranges, start, end)

    def end(self, address: int) -> int:
        """The end of the range that holds an address; behind it structures may lie, but nothing large."""
        ends = [end for start, end in self.ranges if start <= address < end]
        return ends[0] if ends else address + _LARGEST_STRUCTURE


def parse_ranges(text: str) -> List[Range]:
    """Ranges as the user writes them: START,END [START,END ...]. ValueError says what is wrong."""
    ranges: List[Range] = []
    for word in text.split():
        first, _, last = word.partition(",")
        try:
            start, end = int(first, 0), int(last, 0)
        except ValueError:  # also where there is no comma
            start, end = 0, 0
        if not 0 <= start < end:
            raise ValueError(f"{word}: give START,END with START below END, as 0x... or decimal numbers")
        ranges.append((start, end))
    return ranges
