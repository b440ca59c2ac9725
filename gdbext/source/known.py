# SPDX-License-Identifier: Apache-2.0
"""Keeps the memory that may be read: ranges that the program, the target or the user named, and heaps found in them.

Approach: nothing outside of these ranges is read. If there is no memory, a stub answers with ff bytes, an error or data
of the ELF file, or it dies; none of that is data of the target. Up to 512 bytes may also be read in the 4 MiB windows
of the program's writable sections, for the heaps of a chip begin where its .bss ends.
Rejected: reading anywhere and looking which reads fail. In QEMU none fails; Espressif's stub on the chip faults.
Assumptions: no 4 MiB window contains both memory and registers of a chip.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterable, List, Sequence, Tuple

Range = Tuple[int, int]  # start, end

_WINDOW_BITS = 22
_LARGEST_STRUCTURE = 512


def clipped(ranges: Sequence[Range], start: int, end: int) -> List[Range]:
    """Returns the parts of start..end that lie in `ranges`, which must be in order and disjoint."""
    parts: List[Range] = []
    index = max(0, bisect_right(ranges, (start, start)) - 1)
    while index < len(ranges) and ranges[index][0] < end:
        parts.append((max(start, ranges[index][0]), min(end, ranges[index][1])))
        index += 1
    return [(low, high) for low, high in parts if low < high]


def gaps(parts: Iterable[Range], start: int, end: int) -> List[Range]:
    """Returns what `parts` leave of start..end. The parts must be in order."""
    edges = [start, *(edge for part in parts for edge in part), end]
    return [(low, high) for low, high in zip(edges[::2], edges[1::2]) if low < high]


class Known:
    """The ranges that may be read, in order, and the windows in which structures of up to 512 bytes may be read."""

    def __init__(self, ranges: Iterable[Range] = (), writable: Iterable[Range] = ()) -> None:
        self.ranges: List[Range] = []  # the named and the recognised memory
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
        """Returns the parts of a range that may be read."""
        if end - start <= _LARGEST_STRUCTURE and {start >> _WINDOW_BITS, end - 1 >> _WINDOW_BITS} <= self._windows:
            return [(start, end)]
        return clipped(self.ranges, start, end)

    def end(self, address: int) -> int:
        """Returns the end of the range that contains an address. Outside of all ranges it is 512 bytes ahead."""
        ends = [end for start, end in self.ranges if start <= address < end]
        return ends[0] if ends else address + _LARGEST_STRUCTURE


def parse_ranges(text: str) -> List[Range]:
    """Parses ranges that the user wrote as START,END [START,END ...]. ValueError says what is wrong."""
    ranges: List[Range] = []
    for word in text.split():
        first, _, last = word.partition(",")
        try:
            start, end = int(first, 0), int(last, 0)
        except ValueError:  # also if there is no comma
            start, end = 0, 0
        if not 0 <= start < end:
            raise ValueError(f"{word}: give START,END with START below END, as 0x... or decimal numbers")
        ranges.append((start, end))
    return ranges
