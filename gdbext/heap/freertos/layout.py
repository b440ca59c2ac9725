# SPDX-License-Identifier: Apache-2.0
"""Describes FreeRTOS's blocks: headers with a pointer and a size, and a chain through the free blocks."""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple

from gdbext.heap.geometry import FREE_BIT, Geometry, Part
from gdbext.model.region import Hints
from gdbext.source.snapshot import WordReader
from gdbext.symbols.shapes import Types

_ALLOCATES = "pvPortMalloc"  # the source of this function has the structure of block headers
_LARGEST_LINK = 256  # bytes of a block header
USUAL_ALIGNMENT = 8  # bytes
REACH_BYTES = 64 << 20  # a heap is followed no further than this outside of the memory at hand
BLOCKS_BEYOND_CHANCE = 8  # it is no chance if so many blocks all have a coarser alignment


def link_hints(types: Types, word: int) -> Hints:
    """Returns the form of block headers by debug information, as hints of a region. Returns {} for the usual form."""
    found = types.variable_of(_ALLOCATES, "xStart")
    members = {} if found is None else found.shapes[0].members
    following, size = members.get("pxNextFreeBlock"), members.get("xBlockSize")
    if found is None or following is None or size is None or (following.size, size.size) != (word, word):
        return {}
    whole, next_at, size_at = found.shapes[0].size, following.offset, size.offset
    sound = max(next_at, size_at) + word <= whole <= _LARGEST_LINK
    if not sound or (whole, next_at, size_at) == (2 * word, 0, word):
        return {}
    return {"link_size": whole, "link_next_at": next_at, "link_size_at": size_at}


def link_in(hints: Hints) -> Optional[Tuple[int, int, int]]:
    """Reads the hints back: a header's size in bytes, and the offsets of its next pointer and its size word. Returns
    None if a region has no such hints, or impossible ones.
    """
    whole, next_at, size_at = (hints.get(name, 0) for name in ("link_size", "link_next_at", "link_size_at"))
    sound = min(next_at, size_at) >= 0 and max(next_at, size_at) < whole <= _LARGEST_LINK
    return (whole, next_at, size_at) if sound else None


class LinkedBlocks(Geometry):
    """Blocks of FreeRTOS: a header has a pointer to the next free block and a size, which counts the header too."""

    next_at: int  # bytes from the header's start to its next pointer
    size_at: int  # bytes from the header's start to its size word

    links_in_headers = True

    def place_of_size(self, payload: int) -> int:
        """Returns the address of a block's size word."""
        return payload - self.header + self.size_at

    def next_place(self, payload: int) -> int:
        """Returns the address of a block's next pointer."""
        return payload - self.header + self.next_at

    def parts(self, payload: int, size: int, is_free: bool, read: WordReader) -> List[Part]:
        """Returns the two words of the header, and what a vendor has added to it."""
        start = payload - self.header
        named = {self.next_at: ("link", "pxNextFreeBlock"), self.size_at: ("header", "xBlockSize")}
        places = range(0, self.header, self.word)
        return [Part(start + place, self.word, *named.get(place, ("header", "header"))) for place in places]

    @property
    def impossible(self) -> int:
        """Returns the size that stands for an impossible one, a size that no block has."""
        return 4 if self.smallest > 4 else 1 << 8 * self.word

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size with its header, and the allocated bit as stored."""
        return (size + self.header) | (stored & 1 << (8 * self.word - 1))

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of size words in memtrace's form: the payload's size, and FREE_BIT if the allocated bit is
        clear. An impossible size becomes one that no block can have.
        """
        place, header, odd = self.size_at, self.header, self.align - 1
        allocated, impossible = 1 << (8 * self.word - 1), self.impossible

        def read_header(address: int) -> Optional[int]:
            value = read(address + place)
            if not value or value & odd or (value & ~allocated) < header:
                return value and impossible
            return (value & ~allocated) - header | (0 if value & allocated else FREE_BIT)

        return read_header

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns the possible ones of the words where sizes may stand, in memtrace's form."""
        header, odd, allocated = self.header, self.align - 1, 1 << (8 * self.word - 1)
        low, high = self.smallest + header, largest + header
        sizes = words[self.size_at // self.word :: self.align // self.word]
        fit = [(at, size) for at, size in enumerate(sizes) if not size & odd and low <= size & ~allocated <= high]
        return [(at, (size & ~allocated) - header | (0 if size & allocated else FREE_BIT)) for at, size in fit]


class FreeRtosLayout(LinkedBlocks):
    """heap_4 or heap_5: a chain through the free blocks in address order, its pointers masked with a canary or 0."""

    canary: int
    used_next: int  # the next pointer of used blocks: 0, or the canary
    beyond: FrozenSet[int] = frozenset()  # targets of the chain in regions that are not at hand
    told: bool = False  # True if headers have the form that debug information tells, not the kernel's own

    def leads_beyond(self, value: int) -> bool:
        """True if a pointer leads to where the heap goes on: to another region, or into the rest of an open pool."""
        target = value ^ self.canary
        rests = (target - pool.end + self.header for pool in self.pools if pool.open)
        return target in self.beyond or (not target % self.align and any(0 <= rest < REACH_BYTES for rest in rests))

    def target_of(self, value: Optional[int]) -> Optional[int]:
        """Returns the payload of the block or end marker that a stored pointer leads to; None if it leads elsewhere."""
        payload = None if value is None else (value ^ self.canary) + self.header
        if payload is None or payload % self.align != self.first % self.align:
            return None
        return payload if self.pool_of(payload) is not None or self.is_end(payload) else None
