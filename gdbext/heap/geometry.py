# SPDX-License-Identifier: Apache-2.0
"""How the blocks of a recognised heap lie in memory: every number that the walk and the checks need.

Approach: one description for all allocators. What an allocator adds to it or does otherwise is a class in its own
folder; nothing outside of that folder asks which class a layout is of.
Rejected: a class for each version of an allocator. Versions differ in where tables lie, not in how blocks work.
Assumptions: everywhere above the recognisers a block's header is one word: its size in bytes, counted from its payload,
with FREE_BIT and PREV_FREE_BIT. TLSF stores exactly that; `header_reader` makes it from what others store.
"""

from __future__ import annotations

from typing import Optional, Tuple, Type, TypeVar

from gdbext.model.record import Record
from gdbext.model.said import Said, said
from gdbext.source.snapshot import WordReader

FREE_BIT = 1
PREV_FREE_BIT = 2
FLAG_BITS = FREE_BIT | PREV_FREE_BIT
_Kind = TypeVar("_Kind")


def is_marker(word: Optional[int]) -> bool:
    """Whether a size word is an end marker's, of a used block of size 0; one that was not read is none."""
    return word is not None and not word & ~PREV_FREE_BIT


class Flaw(Record):
    """A word of the control data that is not what the layout demands."""

    rule: str
    address: int
    length: int
    text: Said
    role: str = "constant"
    expected: Optional[int] = None
    actual: Optional[int] = None


class Pool(Record):
    """Memory that blocks fill without a hole."""

    first: int  # payload address of the first block
    end: int  # payload address of the end marker, or of the block that would come next; TLSF: also behind the last word
    open: bool = False  # the pool goes on behind `end`, nobody knows how far: that memory is not at hand


class Geometry(Record):
    """How the blocks of one heap lie in memory, and how their headers are read."""

    name: str
    word: int
    align: int
    header: int  # bytes from the end of one payload to the next payload
    smallest: int
    control: int  # the lowest address that matters; TLSF: the control block, which is also the null block
    pools: Tuple[Pool, ...]  # in address order
    flaws: Tuple[Flaw, ...]

    has_headers = True
    has_markers = True  # a header of size 0 stands at the end of each pool
    fills_pools = True  # every byte of a pool belongs to a block; else only the blocks themselves are at hand
    repeats_flags = False  # the header behind a block repeats whether that block is free
    links_in_headers = False  # a free block's pointer is part of its header, not of its payload
    ends_at = said("ends-at-marker")  # what tells where a chain of blocks ends

    @property
    def behind(self) -> int:
        """The address behind the heap's last byte."""
        return self.behind_pool(self.pools[-1])

    def behind_pool(self, pool: Pool) -> int:
        """The address behind a pool's last byte."""
        return pool.end if self.has_markers else pool.end - self.header

    @property
    def control_end(self) -> int:
        """The address behind the control data that lie in front of the first block."""
        return self.first - self.header

    @property
    def leads_away(self) -> bool:
        """Whether lists lead to memory of this heap that is not at hand."""
        return False

    def slot_of(self, size: int) -> Optional[int]:
        """Number of the list that a free block of this size belongs to; None: lists are not by size."""
        return None

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """The size word of a block of `size` bytes as it stands in memory: `stored` is what stands there, `before` and
        `following` are the words of the blocks around it.
        """
        return size

    def counted_used(self) -> Optional[int]:
        """The bytes in use, where blocks cannot be summed up and a counter says."""
        return None

    @property
    def first(self) -> int:
        """Payload address of the first block."""
        return self.pools[0].first

    @property
    def end(self) -> int:
        """Payload address of the last end marker."""
        return self.pools[-1].end

    def pool_of(self, payload: int) -> Optional[Pool]:
        """The pool in which a block with this payload may lie."""
        return next((pool for pool in self.pools if pool.first <= payload < pool.end), None)

    def is_end(self, payload: int) -> bool:
        """Whether this is the payload address of an end marker."""
        return any(pool.end == payload for pool in self.pools)

    def place_of_size(self, payload: int) -> int:
        """Address of a block's size word: the last word of its header."""
        return payload - self.word

    def header_reader(self, read: WordReader) -> WordReader:
        """What reads the header of the block whose payload is `header` bytes behind an address."""
        return read

    def rounded(self, requested: int) -> int:
        """The least that the allocator holds for a request."""
        return max(self.smallest, (requested + self.align - 1) // self.align * self.align)


def narrowed(layout: Geometry, kind: Type[_Kind]) -> _Kind:
    """A layout as its own allocator knows it."""
    assert isinstance(layout, kind)
    return layout
