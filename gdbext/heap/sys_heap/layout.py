# SPDX-License-Identifier: Apache-2.0
"""Describes a sys_heap: chunks of 8-byte units, their header fields, and the lists of free chunks by size.

Approach: chunk c lies at the heap's address plus 8 c. Its header has two fields of 2 bytes in a small heap, of 4 bytes
in a big one: the size of the chunk to its left, and its own with the used bit. With hardening FULL and EXTREME (Zephyr
4.4) the last 8 bytes of each chunk are a trailer. Zephyr: lib/heap/heap.h, 45f1d210 (2024) and 00cdac66 (2026).
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from gdbext.heap.geometry import FREE_BIT, Geometry, Pool
from gdbext.model.region import Span
from gdbext.source.snapshot import ByteOrder, WordReader, narrow

UNIT = 8  # bytes
LEFT, SIZE, PREV, NEXT = range(4)  # the fields of a chunk, in order; the last two only in a free one
USED = 1


class Form(NamedTuple):
    """How a program was built, as far as it changes the layout."""

    word: int  # bytes of a pointer
    order: ByteOrder
    big: bool  # header fields of 4 bytes, not 2
    stats: bool  # CONFIG_SYS_HEAP_RUNTIME_STATS: three counters in front of the lists
    trailer: int  # bytes of canary at the end of each chunk

    @property
    def field(self) -> int:
        """Returns the bytes of a header field."""
        return 4 if self.big else 2

    @property
    def smallest_chunk(self) -> int:
        """Returns the units of the smallest chunk that can be handed out."""
        return -(-(2 * self.field + 1 + self.trailer) // UNIT)

    @property
    def lists(self) -> int:
        """Returns the offset of the lists' heads in struct z_heap."""
        return 16 + (3 * self.word if self.stats else 0)

    def bucket_of(self, units: int) -> int:
        """Returns the list for free chunks of a size; -1 if they are on none."""
        return (units - self.smallest_chunk + 1).bit_length() - 1 if units >= self.smallest_chunk else -1

    def head_units(self, end_chunk: int) -> int:
        """Returns the units of chunk 0, which holds struct z_heap."""
        bytes_ = self.lists + 4 * (self.bucket_of(end_chunk) + 1)
        return -(-bytes_ // UNIT) + self.trailer // UNIT


class SysHeapLayout(Geometry):
    """One sys_heap. `control` is the address of its struct z_heap, which is also chunk 0."""

    form: Form
    end_chunk: int
    owner: int = 0  # the address of the k_heap, which k_malloc stores in front of its caller's bytes; 0: it does not

    leads = True
    has_markers = False

    @property
    def order(self) -> ByteOrder:
        """Returns the byte order."""
        return self.form.order

    def behind_pool(self, pool: Pool) -> int:
        """Returns the address behind the end marker."""
        return pool.end

    @property
    def buckets(self) -> int:
        """Returns the number of lists."""
        return self.form.bucket_of(self.end_chunk) + 1

    def head_place(self, bucket: int) -> int:
        """Returns the address of a list's head."""
        return self.control + self.form.lists + 4 * bucket

    def chunk_at(self, payload: int) -> int:
        """Returns the number of the chunk with this payload."""
        return (payload - self.header - self.control) // UNIT

    def payload_of(self, chunk: int) -> int:
        """Returns a chunk's payload."""
        return self.control + UNIT * chunk + self.header

    def trailer_place(self, payload: int, size: int) -> int:
        """Returns the address of a chunk's trailer."""
        return payload + size - self.form.trailer

    def field_place(self, payload: int, field: int) -> int:
        """Returns the address of a field of a chunk."""
        return payload - self.header + field * self.form.field

    def field(self, read: WordReader, payload: int, field: int) -> Optional[int]:
        """Returns a field of a chunk; None if it was not read."""
        form = self.form
        return narrow(read, self.field_place(payload, field), form.field, form.word, form.order)

    def word32(self, read: WordReader, address: int) -> Optional[int]:
        """Returns 4 bytes of struct z_heap as a number."""
        return narrow(read, address, 4, self.form.word, self.form.order)

    def units_of(self, size: int) -> int:
        """Returns the units of the chunk whose payload has `size` bytes."""
        return (size + self.header) // UNIT

    def slot_of(self, size: int) -> Optional[int]:
        """Returns the list for free chunks of a size; None if they are on none."""
        bucket = self.form.bucket_of(self.units_of(size))
        return bucket if bucket >= 0 else None

    def place_of_size(self, payload: int) -> int:
        """Returns the address of the word that has a chunk's size: the header's, where that is one word."""
        return payload - self.form.word

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns that word with the right size. The used bit, and the size to the left if it is in it, stay."""
        form, bits = self.form, 8 * self.form.field
        value = self.units_of(size) << 1
        if form.field == form.word:
            return value | (stored & USED)
        shift = bits if form.order == "little" else 0
        return (stored & ~((1 << bits) - 1 << shift)) | (value | (stored >> shift & USED)) << shift

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of headers in memtrace's form. A size that no chunk has becomes an impossible one, as does a
        place where no chunk can begin.
        """
        header, impossible, smallest = self.header, 1 << 8 * self.word, self.form.smallest_chunk

        def read_header(address: int) -> Optional[int]:
            value = self.field(read, address + header, SIZE)
            if value is None or (address - self.control) % UNIT:
                return value and impossible
            units, used = value >> 1, value & USED
            if not units or (used and units < smallest):
                return impossible
            return (UNIT * units - header) | (0 if used else FREE_BIT)

        return read_header

    def user_of(self, payload: int, read: WordReader) -> int:
        """Returns the pointer of k_malloc's caller if the chunk begins with the heap that k_malloc keeps there."""
        for place in (payload, payload + self.header % UNIT) if self.owner else ():
            if place % self.word == 0 and read(place) == self.owner:
                return place + self.word
        return payload

    def raw_of(self, user: int, read: WordReader) -> int:
        """Returns the payload of the chunk whose caller got this pointer. It may begin a few bytes late to be aligned,
        or behind a pointer that k_malloc keeps.
        """
        if self.owner and user % self.word == 0 and read(user - self.word) == self.owner:
            return self._floor(user - self.word)
        return self._floor(user)

    def _floor(self, address: int) -> int:
        return self.payload_of(max(0, (address - self.header - self.control) // UNIT))

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns a free chunk's two links if they lead to chunks."""
        form, found = self.form, []
        for field in (PREV, NEXT) if self.slot_of(size) is not None else ():
            value, place = self.field(read, payload, field), self.field_place(payload, field)
            if value is not None and 0 < value < self.end_chunk:
                found.append((place, place + form.field))
        return found

    def rounded(self, requested: int) -> int:
        """Returns the bytes that a chunk holds for a request."""
        return max(self.form.smallest_chunk, -(-(requested + self.header) // UNIT)) * UNIT - self.header
