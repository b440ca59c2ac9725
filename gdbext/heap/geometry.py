# SPDX-License-Identifier: Apache-2.0
"""Describes how the blocks of a recognised heap lie in memory: every number that the walk and the checks need.

Approach: one description for all allocators. An allocator that needs more derives a class in its own folder. Nothing
outside of that folder asks for the class of a layout.
Rejected: a class for each version of an allocator. Versions differ in where tables lie, not in how blocks work.
Assumptions: above the recognisers a block's header is one word: the size of its payload in bytes, with FREE_BIT and
PREV_FREE_BIT. TLSF stores exactly that; `header_reader` converts the headers of other allocators.
"""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple, Type, TypeVar

from gdbext.model.record import Record
from gdbext.model.region import Span
from gdbext.model.said import Said, said
from gdbext.source.snapshot import WordReader

FREE_BIT = 1
PREV_FREE_BIT = 2
FLAG_BITS = FREE_BIT | PREV_FREE_BIT
_Kind = TypeVar("_Kind")


def is_marker(word: Optional[int]) -> bool:
    """True if a size word is that of an end marker: a used block of size 0. False if it was not read."""
    return word is not None and not word & ~PREV_FREE_BIT


class Flaw(Record):
    """A word of the control data that is not what the layout requires."""

    rule: str
    address: int
    length: int
    text: Said
    role: str = "constant"
    expected: Optional[int] = None
    actual: Optional[int] = None


class Pool(Record):
    """A range of memory that blocks fill without a hole."""

    first: int  # payload address of the first block
    end: int  # payload address of the end marker, or of the block that would come next; TLSF: also behind the last word
    open: bool = False  # True if the pool goes on behind `end`, in memory that is not at hand


class Part(Record):
    """Some of the allocator's own bytes in a block, and what they are."""

    address: int
    length: int
    kind: str  # "header", "link", "guard" or "owner"
    name: str  # as the allocator's source calls it, or a plain word


class Geometry(Record):
    """The numbers that tell how the blocks of one heap lie in memory, and a reader of their headers."""

    name: str
    word: int
    align: int
    header: int  # bytes from the end of one payload to the next payload
    smallest: int
    control: int  # the lowest address that matters; TLSF: the control block, which is also the null block
    pools: Tuple[Pool, ...]  # in address order
    flaws: Tuple[Flaw, ...]

    has_headers = True
    has_markers = True  # each pool ends with a header of size 0
    fills_pools = True  # every byte of a pool belongs to a block; if False, only single blocks are known
    repeats_flags = False  # the header behind a block repeats whether that block is free
    # True if a user's pointer may lie behind the payload's start, because of an alignment: at `user_of`.
    leads = False
    apart = False  # True if the control block lies outside of the heap's memory, anywhere
    links_in_headers = False  # a free block's pointer is part of its header, not of its payload
    joins_free = True  # neighbouring free blocks become one, at the latest when an allocation needs that
    ends_at = said("ends-at-marker")  # how the end of a chain of blocks is known

    @property
    def begin(self) -> int:
        """Returns the address of the heap's first byte."""
        return self.first - self.header if self.apart else min(self.control, self.first - self.header)

    @property
    def behind(self) -> int:
        """Returns the address behind the heap's last byte."""
        return self.behind_pool(self.pools[-1])

    def behind_pool(self, pool: Pool) -> int:
        """Returns the address behind a pool's last byte."""
        return pool.end if self.has_markers else pool.end - self.header

    @property
    def lists_all(self) -> bool:
        """True if every free block is on a list that is read."""
        return True

    @property
    def control_end(self) -> int:
        """Returns the address behind the control data, which lie before the first block."""
        return self.first - self.header

    @property
    def leads_away(self) -> bool:
        """True if lists lead to memory of this heap that is not at hand."""
        return False

    def slot_of(self, size: int) -> Optional[int]:
        """Returns the number of the list for free blocks of this size; None if lists are not by size."""
        return None

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size word that a block of `size` bytes should have in memory. `stored` is the present word;
        `before` and `following` are the words of the blocks around it.
        """
        return size

    def counted_used(self) -> Optional[int]:
        """Returns the bytes in use by a counter, if blocks cannot be summed up; else None."""
        return None

    @property
    def first(self) -> int:
        """Returns the payload address of the first block."""
        return self.pools[0].first

    @property
    def end(self) -> int:
        """Returns the payload address of the last end marker."""
        return self.pools[-1].end

    def pool_of(self, payload: int) -> Optional[Pool]:
        """Returns the pool that a payload address lies in; None if it lies in none."""
        return next((pool for pool in self.pools if pool.first <= payload < pool.end), None)

    def is_end(self, payload: int) -> bool:
        """True if this is the payload address of an end marker."""
        return any(pool.end == payload for pool in self.pools)

    def place_of_size(self, payload: int) -> int:
        """Returns the address of a block's size word, the last word of its header."""
        return payload - self.word

    @property
    def size_bytes(self) -> int:
        """Returns the bytes of a size as it is stored."""
        return self.word

    def stored(self, read: WordReader, place: int) -> Optional[int]:
        """Returns the size that is stored at a place, with its flags."""
        return read(place)

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of headers. It takes a header's address, which is `header` bytes before the payload."""
        return read

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns the possible header words among the words of some memory, and which of the places for headers in it
        each has. Returns None if each must be read by `header_reader`, which takes longer.
        """
        return None

    def user_of(self, payload: int, read: WordReader) -> int:
        """Returns the pointer that the user of a block has, as far as the block's own bytes tell. Where they do not,
        the trace does.
        """
        return payload

    def raw_of(self, user: int, read: WordReader) -> int:
        """Returns the payload of the block that a user's pointer belongs to."""
        return user

    def old_link(self, end: int) -> Optional[int]:
        """Returns where old free-list links to the block behind `end` point; None if users' bytes hold none."""
        return None

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns where the allocator's own words lie in a free block's bytes, as far as they are intact."""
        return []

    def parts(self, payload: int, size: int, is_free: bool, read: WordReader) -> List[Part]:
        """Returns the allocator's own words of a block, in address order: what a dump of the block names."""
        start, place = payload - self.header, self.place_of_size(payload)
        header = [Part(start, place - start, "header", "header"), Part(place, self.word, "header", "size")]
        behind = place + self.word
        header.append(Part(behind, payload - behind, "header", "header"))
        links = self.own_words(payload, size, read) if is_free else []
        found = header if start <= place < payload else [Part(start, self.header, "header", "header")]
        return [part for part in found if part.length > 0] + [
            Part(low, high - low, "link", "link") for low, high in links
        ]

    def rounded(self, requested: int) -> int:
        """Returns the smallest size that the allocator reserves for a request, in bytes."""
        return max(self.smallest, (requested + self.align - 1) // self.align * self.align)

    def needed(self, requested: int) -> int:
        """Returns the least size of a free block that the allocator takes for a request, in bytes. First fit and best
        fit take any that is large enough.
        """
        return self.rounded(requested)


def narrowed(layout: Geometry, kind: Type[_Kind]) -> _Kind:
    """Returns a layout as the class that its own allocator uses. Any other class is an error."""
    assert isinstance(layout, kind)
    return layout
