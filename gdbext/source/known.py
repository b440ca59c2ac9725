# SPDX-License-Identifier: Apache-2.0
"""Which memory may be read: what the program, the target or the user has named, and what was recognised in it.

Approach: a read outside of it is not made. Stubs answer reads of nothing with ff, with an error, with data of the ELF
file, or by dying, and none of that is data. A structure that a pointer of the program leads to may also lie near the
program's own writable sections: the heaps of a chip begin where its .bss ends.
Rejected: trying and seeing what fails (QEMU fails nowhere, Espressif's stub on the chip faults).
Assumptions: a chip's memories do not share a window of 4 MiB with registers.
"""

from __future__ import annotations

from typing import Iterable, List, Tuple

Range = Tuple[int, int]  # start, end

_WINDOW_BITS = 22
_LARGEST_STRUCTURE = 512


class Known:
    """Ranges that may be read, and windows in which structures may."""

    def __init__(self, ranges: Iterable[Range] = (), writable: Iterable[Range] = ()) -> None:
        self._ranges: List[Range] = []
        self._windows = {address >> _WINDOW_BITS for start, end in writable for address in (start, end - 1)}
        for start, end in ranges:
            self.allow(start, end)

    def without_windows(self) -> Known:
        """The ranges alone: for a source that does not survive a guess."""
        return Known(self._ranges)

    def allow(self, start: int, end: int) -> None:
        """Adds a range."""
        touching = [span for span in self._ranges if span[0] <= end and start <= span[1]]
        if start < end:
            joined = (min([start, *(low for low, _ in touching)]), max([end, *(high for _, high in touching)]))
            self._ranges = sorted([span for span in self._ranges if span not in touching] + [joined])

    def holds(self, address: int) -> bool:
        """Whether an address lies in one of the ranges."""
        return any(start <= address < end for start, end in self._ranges)

    def clip(self, start: int, end: int) -> List[Range]:
        """The parts of a range that may be read."""
        if end - start <= _LARGEST_STRUCTURE and {start >> _WINDOW_BITS, end - 1 >> _WINDOW_BITS} <= self._windows:
            return [(start, end)]
        clipped = ((max(start, low), min(end, high)) for low, high in self._ranges)
        return [(low, high) for low, high in clipped if low < high]

    def outside(self, start: int, end: int) -> List[Range]:
        """The parts of a range that may not be read."""
        parts = [*self.clip(start, end), (end, end)]
        gaps = zip([start, *(high for _, high in parts)], (low for low, _ in parts))
        return [(low, high) for low, high in gaps if low < high]


def parse_ranges(text: str) -> List[Range]:
    """Ranges as the user writes them: START,END [START,END ...]. ValueError says what is wrong."""
    return [_parse_range(word) for word in text.split()]


def _parse_range(word: str) -> Range:
    first, comma, last = word.partition(",")
    try:
        start, end = int(first, 0), int(last, 0)
    except ValueError:
        comma, start, end = "", 0, 0
    if not comma or not 0 <= start < end:
        raise ValueError(f"{word}: give START,END with START below END, as 0x... or decimal numbers")
    return start, end
