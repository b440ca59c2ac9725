# SPDX-License-Identifier: Apache-2.0
"""What FreeRTOS adds to a heap's geometry: headers of a pointer and a size, and a chain through the free blocks."""

from __future__ import annotations

from typing import FrozenSet, NamedTuple, Optional

from gdbext.heap.geometry import FREE_BIT, Geometry
from gdbext.heap.region import Hints
from gdbext.source.snapshot import WordReader
from gdbext.symbols.shapes import Types

_ALLOCATES = "pvPortMalloc"  # stands in the source that has the structures of its blocks
_LARGEST_LINK = 256  # bytes of a block header
USUAL_ALIGNMENT = 8  # bytes
BLOCKS_BEYOND_CHANCE = 8  # so many blocks do not all have a coarser alignment by chance


class Link(NamedTuple):
    """A block header of FreeRTOS whose vendor has added to it: its bytes, and where the two members stand."""

    size: int
    next_at: int
    size_at: int


def link_of(types: Types, word: int) -> Optional[Link]:
    """What a block header is by debug information, if that is not what it is in the kernel itself."""
    found = types.variable_of(_ALLOCATES, "xStart")
    members = {} if found is None else found.shapes[0].members
    following, size = members.get("pxNextFreeBlock"), members.get("xBlockSize")
    if found is None or following is None or size is None or (following.size, size.size) != (word, word):
        return None
    link = Link(found.shapes[0].size, following.offset, size.offset)
    whole = max(link.next_at, link.size_at) + word <= link.size <= _LARGEST_LINK
    return link if whole and link != (2 * word, 0, word) else None


def hints_of_link(link: Optional[Link]) -> Hints:
    """A header's form, as a region keeps it."""
    return {} if link is None else {"link_size": link.size, "link_next_at": link.next_at, "link_size_at": link.size_at}


def link_in(hints: Hints) -> Optional[Link]:
    """The same back; None where a region says nothing of it, or nonsense."""
    size, following, own = (hints.get(name, 0) for name in ("link_size", "link_next_at", "link_size_at"))
    sound = min(following, own) >= 0 and max(following, own) < size <= _LARGEST_LINK
    return Link(size, following, own) if sound else None


class LinkedBlocks(Geometry):
    """Blocks of FreeRTOS: a header is a pointer to the next free block and a size, which counts the header too."""

    links_in_headers = True

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

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """The size with its header counted, and the allocated bit as it stands."""
        return (size + self.header) | (stored & 1 << (8 * self.word - 1))

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


class FreeRtosLayout(LinkedBlocks):
    """heap_4 or heap_5: a chain through the free blocks in address order, each pointer masked with a canary (or 0)."""

    canary: int
    used_next: int  # what used blocks keep as their next pointer: 0, or the canary
    beyond: FrozenSet[int] = frozenset()  # heap_5: where the chain leads in memory that is not at hand
    link: Optional[Link] = None  # as debug information says, where that is not the kernel's own

    @property
    def form(self) -> Link:
        """Where in a header its members stand."""
        return self.link or super().form

    def stored(self, payload: Optional[int]) -> int:
        """A pointer to a block as the heap stores it; None is NULL."""
        return (0 if payload is None else payload - self.header) ^ self.canary
