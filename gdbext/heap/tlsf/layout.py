# SPDX-License-Identifier: Apache-2.0
"""What TLSF adds to a heap's geometry: where its tables lie, and which list a size belongs on."""

from __future__ import annotations

from typing import FrozenSet, Optional, Tuple

from gdbext.heap.geometry import FREE_BIT, PREV_FREE_BIT, Geometry


class TlsfLayout(Geometry):
    """The constants of one TLSF control block and where its tables lie."""

    fl_count: int
    sl_log2: int
    shift: int
    fl_bitmap: int
    sl_bitmaps: int
    lists: int
    tables_end: int
    beyond: FrozenSet[int] = frozenset()  # payloads that lists lead to in memory that is not at hand
    unlisted: Tuple[Tuple[int, int], ...] = ()  # memory that looks like pools of which no list knows

    repeats_flags = True

    @property
    def control_end(self) -> int:
        """The address behind the control block."""
        return self.tables_end

    @property
    def leads_away(self) -> bool:
        """Whether lists lead to memory of this heap that is not at hand."""
        return bool(self.beyond)

    @property
    def slots(self) -> int:
        """How many lists there are."""
        return self.fl_count << self.sl_log2

    def slot_of(self, size: int) -> int:
        """Number of the list that a free block of this size belongs to."""
        small = 1 << self.shift
        if size < small:
            return size // (small >> self.sl_log2)
        top = size.bit_length() - 1
        second = (size >> (top - self.sl_log2)) ^ (1 << self.sl_log2)
        return (top - self.shift + 1 << self.sl_log2) + second

    def slot_words(self, slot: int) -> Tuple[int, int, int]:
        """Where a list's head lies, where the bitmap word of its first level, and which bit of that is its own."""
        first = slot >> self.sl_log2
        return self.lists + slot * self.word, self.sl_bitmaps + 4 * first, slot - (first << self.sl_log2)

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """The size with both flags, as the neighbours have them."""
        free = FREE_BIT if following is not None and following & PREV_FREE_BIT else 0
        return size | free | (PREV_FREE_BIT if before is not None and before & FREE_BIT else 0)


def tlsf(layout: Geometry) -> TlsfLayout:
    """The layout of a heap that is a TLSF."""
    assert isinstance(layout, TlsfLayout)
    return layout
