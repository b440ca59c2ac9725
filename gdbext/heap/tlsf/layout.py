# SPDX-License-Identifier: Apache-2.0
"""Describes a TLSF: where its tables lie, and which list a size belongs on."""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple

from gdbext.heap.geometry import FREE_BIT, PREV_FREE_BIT, Geometry, Part
from gdbext.model.region import Span
from gdbext.source.snapshot import WordReader


class TlsfLayout(Geometry):
    """The constants of one TLSF control block, and the addresses of its tables."""

    fl_count: int  # number of classes of the first level
    sl_log2: int  # log2 of the lists in a class
    shift: int  # log2 of the smallest size outside of the first class
    fl_bitmap: int  # address of the first-level bitmap
    sl_bitmaps: int  # address of the second-level bitmaps
    lists: int  # address of the lists' heads
    tables_end: int  # address behind them
    beyond: FrozenSet[int] = frozenset()  # payloads that lists lead to in memory that is not at hand
    unlisted: Tuple[Tuple[int, int], ...] = ()  # ranges that look like pools but that no list leads to

    repeats_flags = True

    @property
    def control_end(self) -> int:
        """Returns the address behind the control block."""
        return self.tables_end

    @property
    def leads_away(self) -> bool:
        """True if lists lead to memory of this heap that is not at hand."""
        return bool(self.beyond)

    @property
    def slots(self) -> int:
        """Returns the number of lists."""
        return self.fl_count << self.sl_log2

    def slot_of(self, size: int) -> int:
        """Returns the number of the list for free blocks of this size."""
        small = 1 << self.shift
        if size < small:
            return size // (small >> self.sl_log2)
        top = size.bit_length() - 1
        second = (size >> (top - self.sl_log2)) ^ (1 << self.sl_log2)
        return (top - self.shift + 1 << self.sl_log2) + second

    def needed(self, requested: int) -> int:
        """Returns the least size on the first list that is searched: of the list that a request's own size belongs on,
        some blocks are smaller, so that the search begins at the next one.
        """
        size = self.rounded(requested)
        if size < 1 << self.shift:
            return size
        step = 1 << (size.bit_length() - 1 - self.sl_log2)
        return (size + step - 1) // step * step

    def slot_words(self, slot: int) -> Tuple[int, int, int]:
        """Returns the address of a list's head, the address of its second-level bitmap, and its bit in that bitmap."""
        first = slot >> self.sl_log2
        return self.lists + slot * self.word, self.sl_bitmaps + 4 * first, slot - (first << self.sl_log2)

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size with both flags. The flags are taken from the neighbours."""
        free = FREE_BIT if following is not None and following & PREV_FREE_BIT else 0
        return size | free | (PREV_FREE_BIT if before is not None and before & FREE_BIT else 0)

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns the possible header words among the words of some memory: they stand there as they are."""
        smallest = self.smallest
        return [(index, word) for index, word in enumerate(words) if smallest <= word <= largest]

    def old_link(self, end: int) -> Optional[int]:
        """Returns the address of the word in front of the next size word: TLSF's blocks begin there."""
        return end - self.word

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns a free block's list pointers, and its last word, which is its own address."""
        links = [place for place in (payload, payload + self.word) if self._is_link(read(place))]
        last = payload + size - self.word
        places = [*links, *([last] if read(last) == payload - 2 * self.word else [])]
        return [(place, place + self.word) for place in places]

    def parts(self, payload: int, size: int, is_free: bool, read: WordReader) -> List[Part]:
        """Returns the size word, and of a free block its links and the last word, which is its own address."""
        word = self.word
        found = [Part(payload - word, word, "header", "size")]
        if is_free:
            found.append(Part(payload, word, "link", "next_free"))
            found.append(Part(payload + word, word, "link", "prev_free"))
            found.append(Part(payload + size - word, word, "link", "prev_phys_block"))
        return found

    def _is_link(self, value: Optional[int]) -> bool:
        """True if a word can be a list pointer: to the null block, or to where a block of the heap may begin."""
        payload = None if value is None else value + 2 * self.word
        inside = payload is not None and not payload % self.align and self.pool_of(payload) is not None
        return value == self.control or inside


def tlsf(layout: Geometry) -> TlsfLayout:
    """Returns the layout of a heap that must be a TLSF."""
    assert isinstance(layout, TlsfLayout)
    return layout
