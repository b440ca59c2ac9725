# SPDX-License-Identifier: Apache-2.0
"""What a recognised heap looks like: every number that the walk and the checks need.

Approach: one description of how blocks follow each other for every allocator (Geometry), and what each adds to it:
TLSF its lists, FreeRTOS its chain. Recognisers (one function a layout) fill it in and say what did not agree.
Rejected: a class a version. The versions differ in where tables lie, not in how blocks work.
Assumptions: everywhere above the recognisers a block's header is one word: its size in bytes, counted from its payload,
with FREE_BIT and PREV_FREE_BIT. TLSF stores just that; `header_reader` makes it of what FreeRTOS stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, NamedTuple, Optional, Tuple

from gdbext.source.snapshot import WordReader

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
class Pool:
    """Memory that blocks fill without a hole."""

    first: int  # payload address of the first block
    end: int  # payload address of the end marker; TLSF: also the address behind the pool's last word
    open: bool = False  # the pool goes on behind `end`, nobody knows how far: that memory is not at hand


@dataclass(frozen=True)
class Geometry:
    """How the blocks of one heap lie in memory, and how their headers are read."""

    name: str
    word: int
    align: int
    header: int  # bytes from the end of one payload to the next payload
    smallest: int
    control: int  # the lowest address that matters; TLSF: the control block, which is also the null block
    pools: Tuple[Pool, ...]  # in address order
    flaws: Tuple[Flaw, ...]

    plain_headers = True  # size words are read as they stand in memory
    has_headers = True
    has_markers = True  # a header of size 0 stands at the end of each pool
    links_tell_ends = True  # what a free block's pointers and the bytes behind it say depends on where it ends

    @property
    def behind(self) -> int:
        """The address behind the heap's last byte."""
        return self.behind_pool(self.pools[-1])

    def behind_pool(self, pool: Pool) -> int:
        """The address behind a pool's last byte."""
        return pool.end

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


@dataclass(frozen=True)
class TlsfLayout(Geometry):
    """The constants of one TLSF control block and where its tables lie."""

    fl_count: int
    sl_log2: int
    shift: int
    fl_bitmap: int
    sl_bitmaps: int
    lists: int
    control_end: int
    beyond: FrozenSet[int] = frozenset()  # payloads that lists lead to in memory that is not at hand
    unlisted: Tuple[Tuple[int, int], ...] = ()  # memory that looks like pools of which no list knows

    @property
    def slots(self) -> int:
        """How many lists there are."""
        return self.fl_count << self.sl_log2

    @property
    def sl_count(self) -> int:
        """Lists a first level."""
        return 1 << self.sl_log2

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


class Link(NamedTuple):
    """A block header of FreeRTOS whose vendor has added to it: its bytes, and where the two members stand."""

    size: int
    next_at: int
    size_at: int


@dataclass(frozen=True)
class LinkedBlocks(Geometry):
    """Blocks of FreeRTOS: a header is a pointer to the next free block and a size, which counts the header too."""

    plain_headers = False
    links_tell_ends = False

    @property
    def form(self) -> Link:
        """Where in a header its members stand."""
        return Link(2 * self.word, 0, self.word)

    def place_of_size(self, payload: int) -> int:
        """Address of a block's size word: behind its next pointer."""
        return payload - self.header + self.form.size_at

    def next_place(self, payload: int) -> int:
        """Address of a block's next pointer."""
        return payload - self.header + self.form.next_at

    def header_reader(self, read: WordReader) -> WordReader:
        """Sizes count from the payload, the allocated bit becomes the absence of FREE_BIT; nonsense becomes size 4."""
        place, header, odd = self.form.size_at, self.header, self.align - 1
        allocated = 1 << (8 * self.word - 1)

        def read_header(address: int) -> Optional[int]:
            value = read(address + place)
            if not value or value & odd or (value & ~allocated) < header:
                return value and 4
            return (value & ~allocated) - header | (0 if value & allocated else FREE_BIT)

        return read_header


@dataclass(frozen=True)
class FreeRtosLayout(LinkedBlocks):
    """heap_4 or heap_5: a chain through the free blocks in address order, each pointer masked with a canary (or 0)."""

    canary: int
    used_next: int  # what used blocks keep as their next pointer: 0, or the canary
    beyond: FrozenSet[int] = frozenset()  # heap_5: where the chain leads in memory that may not be read
    link: Optional[Link] = None  # as debug information says, where that is not the kernel's own

    @property
    def form(self) -> Link:
        """Where in a header its members stand."""
        return self.link or super().form

    def stored(self, payload: Optional[int]) -> int:
        """A pointer to a block as the heap stores it; None is NULL."""
        return (0 if payload is None else payload - self.header) ^ self.canary


@dataclass(frozen=True)
class MultiHeap:
    """struct multi_heap_info, read."""

    address: int
    lock: Optional[int]
    free_bytes: int
    minimum_free: int
    pool_size: int
    flaws: Tuple[Flaw, ...] = ()
