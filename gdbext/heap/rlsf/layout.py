# SPDX-License-Identifier: Apache-2.0
"""Describes how the blocks of rlsf lie in memory, and where a Tlsf has its tables.

Approach: a block is {size with two flags, the block before}, a multiple of four words. Below the layout, its size is
that of its payload; a used block has bit 0, the last one of a pool bits 0 and 1.
Rejected: asking debug information for the parameters (images have none; both users of the crate give it the same).
Assumptions: esp-alloc's and embedded-alloc's parameters: as many classes, and lists in each, as a word has bits. Rust
may order a struct's members as it likes: the tables stand as declared, or the largest first (rustc 1.95 does that).
As of rlsf 0.2.3.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Tuple

from gdbext.heap.geometry import FREE_BIT, Geometry, Part
from gdbext.model.region import Span
from gdbext.source.snapshot import ByteOrder, WordReader

USED = 1
LAST = 3  # used, and the last of its pool
_MOST_ALIGN = 1 << 16  # bytes; a user's pointer is aligned to no more


class Table(NamedTuple):
    """A Tlsf: its address, and those of the lists' heads and of the bitmaps of both levels."""

    address: int
    heads: int
    second: int
    first: int
    word: int

    @property
    def lists(self) -> int:
        """Returns the number of lists of a class, and of classes: the bits of a word."""
        return 8 * self.word

    @property
    def end(self) -> int:
        """Returns the address behind the Tlsf."""
        return self.address + tlsf_bytes(self.word)

    def head_of(self, slot: int) -> int:
        """Returns the address of a list's head."""
        return self.heads + slot * self.word


def tlsf_bytes(word: int) -> int:
    """Returns the bytes of a Tlsf."""
    bits = 8 * word
    return word * (bits * bits + bits + 1)


def tables(address: int, word: int) -> Tuple[Table, Table]:
    """Returns a Tlsf at an address with its tables in both orders."""
    bits = 8 * word
    heads = bits * bits * word
    by_size = Table(address, address, address + heads, address + heads + bits * word, word)
    return by_size, Table(address, address + word + bits * word, address + word, address, word)


def slot_of(whole: int, word: int) -> int:
    """Returns the number of the list for free blocks that take so many bytes with their headers."""
    bits, top = 8 * word, whole.bit_length() - 1
    within = (whole * bits >> top) & (bits - 1)
    return (top - (4 * word).bit_length() + 1) * bits + within


class RlsfLayout(Geometry):
    """The blocks of rlsf, and its Tlsf if that is known."""

    order: ByteOrder = "little"
    table: Optional[Table] = None

    leads = True
    apart = True

    @property
    def grain(self) -> int:
        """Returns the bytes that every block is a multiple of."""
        return 4 * self.word

    @property
    def control_end(self) -> int:
        """Returns the address behind the Tlsf."""
        return self.control if self.table is None else self.table.end

    @property
    def lists_all(self) -> bool:
        """True if the lists' heads are known."""
        return self.table is not None

    def place_of_size(self, payload: int) -> int:
        """Returns the address of a block's size, the first word of its header."""
        return payload - self.header

    def slot_of(self, size: int) -> Optional[int]:
        """Returns the number of the list for free blocks of this size; None if the Tlsf is not known."""
        return None if self.table is None else slot_of(size + self.header, self.word)

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size with its header, and whether the block is in use as it is stored."""
        return size + self.header | stored & USED

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader that makes sizes of payloads. What rlsf never stores becomes a word that no memory holds."""
        grain, header, impossible = self.grain, self.header, 1 << 8 * self.word

        def read_header(address: int) -> Optional[int]:
            stored = read(address)
            if stored is None:
                return None
            if address % grain or stored & (grain - 1) not in (0, USED, LAST) or stored < grain:
                return impossible
            if stored & LAST == LAST:
                return 0 if stored == grain | LAST else impossible
            size = (stored & ~USED) - header
            return size if stored & USED else size | FREE_BIT

        return read_header

    def user_of(self, payload: int, read: WordReader) -> int:
        """Returns the user's pointer: behind a padding, if that ends with the address of the block's header."""
        start, user = payload - self.header, payload
        stored = read(start)
        if stored is None or not stored & USED:
            return payload  # paddings of former users may be left in a free block
        end = min(start + (stored & ~(self.grain - 1)), start + 2 * _MOST_ALIGN)
        for place in self._aligned(payload):
            if place > end:
                break
            if read(place - self.word) == start:
                user = place
        return user

    def _aligned(self, payload: int) -> Iterator[int]:
        align, last = self.grain, 0
        while align <= _MOST_ALIGN:
            place = -(-payload // align) * align
            if place != last:
                yield place
            align, last = 2 * align, place

    def raw_of(self, user: int, read: WordReader) -> int:
        """Returns the payload of a user's pointer: only what a large alignment has moved lies at a whole grain."""
        start = None if user % self.grain else read(user - self.word)
        if start is None or start % self.grain or not self.begin <= start < user:
            return user
        return start + self.header

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns a free block's two links, as far as they are intact."""
        places = (payload, payload + self.word)
        return [(place, place + self.word) for place in places if self.is_link(read(place))]

    def is_link(self, value: Optional[int]) -> bool:
        """True if a word can lead to a free block, or to none."""
        if value is None or value % self.grain:
            return False
        return not value or self.pool_of(value + self.header) is not None

    def parts(self, payload: int, size: int, is_free: bool, read: WordReader) -> List[Part]:
        """Returns a block's header, and the links of a free one."""
        start, word = payload - self.header, self.word
        found = [Part(start, word, "header", "size"), Part(start + word, word, "header", "prev_phys_block")]
        if is_free:
            found += [Part(payload, word, "link", "next_free"), Part(payload + word, word, "link", "prev_free")]
        return found

    def rounded(self, requested: int) -> int:
        """Returns what a block has for a request: all blocks are multiples of four words with their headers."""
        return -(-(requested + self.header) // self.grain) * self.grain - self.header

    def needed(self, requested: int) -> int:
        """Returns the least size on the first list that is searched, of which every block is large enough."""
        whole = self.rounded(requested) + self.header
        step = max(1, 1 << whole.bit_length() - 1 >> (8 * self.word).bit_length() - 1)
        return -(-whole // step) * step - self.header
