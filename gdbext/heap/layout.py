# SPDX-License-Identifier: Apache-2.0
"""What a recognised TLSF heap looks like: every number that the walk and the checks need.

Approach: one description for all TLSF layouts; recognisers (one function a layout) fill it in and say what did not
agree.
Rejected: a class a version. The versions differ in where four tables lie, not in how blocks work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

FREE_BIT = 1
PREV_FREE_BIT = 2
FLAG_BITS = FREE_BIT | PREV_FREE_BIT


@dataclass(frozen=True)
class Flaw:
    """A word of the control data that is not what the layout demands."""

    rule: str
    address: int
    length: int
    text: str


@dataclass(frozen=True)
class TlsfLayout:
    """The constants of one TLSF control block and where its tables and its pool lie."""

    name: str
    word: int
    align: int
    control: int
    fl_count: int
    sl_log2: int
    shift: int
    fl_bitmap: int
    sl_bitmaps: int
    lists: int
    pool: int
    end: int  # address behind the pool's last word: also the payload address of the end marker
    flaws: Tuple[Flaw, ...] = ()

    @property
    def sl_count(self) -> int:
        """Lists a first level."""
        return 1 << self.sl_log2

    @property
    def smallest(self) -> int:
        """The smallest block: its links and its last word must fit."""
        return 3 * self.word

    @property
    def first(self) -> int:
        """Payload address of the first block."""
        return self.pool + self.word

    def rounded(self, requested: int) -> int:
        """The least that the allocator holds for a request."""
        return max(self.smallest, (requested + self.align - 1) // self.align * self.align)

    def slot_of(self, size: int) -> int:
        """Number of the list that a free block of this size belongs to."""
        small = 1 << self.shift
        if size < small:
            return size // (small >> self.sl_log2)
        top = size.bit_length() - 1
        second = (size >> (top - self.sl_log2)) ^ self.sl_count
        return (top - self.shift + 1) * self.sl_count + second

    def slot_words(self, slot: int) -> Tuple[int, int]:
        """Where a list's head lies, and where the bitmap word of its first level."""
        return self.lists + slot * self.word, self.sl_bitmaps + (slot >> self.sl_log2) * 4


@dataclass(frozen=True)
class MultiHeap:
    """struct multi_heap_info, read."""

    address: int
    lock: Optional[int]
    free_bytes: int
    minimum_free: int
    pool_size: int
    flaws: Tuple[Flaw, ...] = ()
