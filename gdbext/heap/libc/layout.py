# SPDX-License-Identifier: Apache-2.0
"""Describes chunks of the C libraries: a word with the whole size, then the user's bytes, up to the next size word.

Approach: a payload begins behind the size word and ends where the next one begins. So the head is one word, and a
payload is a word shorter than its chunk.
"""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple

from gdbext.heap.ends import FAR_BYTES
from gdbext.heap.geometry import FREE_BIT, Geometry
from gdbext.model.region import Span
from gdbext.model.said import Said, said
from gdbext.source.snapshot import WordReader

NANO_ALIGNMENT = 8  # bytes; users' pointers of newlib-nano
MAIN_LIST = 0  # the number of the list in address order; buckets have the numbers from 1 on


class Chunks(Geometry):
    """Chunks on lists."""

    to_payload: int  # bytes from what a list's pointer holds to the payload: a word or two if it leads to the head

    has_markers = False


class ListChunks(Chunks):
    """newlib-nano and picolibc: a list in address order through the free chunks, whose head is a variable."""

    flagged: bool  # picolibc since 2026: bit 0 of a free chunk's size is set
    head: Optional[Span] = None  # address and value of __malloc_free_list; None if it was not found
    buckets: Tuple[Span, ...] = ()  # the same of __malloc_bucket_list
    lists_known: bool = False  # no other lists exist: the program's symbols tell them all
    listed: FrozenSet[int] = frozenset()  # heads of the chunks on lists
    ends_at: Said = said("top-by-sizes")  # how the heap's end is known

    @property
    def lists_all(self) -> bool:
        """True unless a free chunk may be in a bucket that was not found."""
        return self.lists_known or not self.flagged

    @property
    def heads(self) -> Tuple[Optional[Span], ...]:
        """Returns the heads of all lists by their numbers."""
        return (self.head, *self.buckets)

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of a payload's size, with FREE_BIT by the chunk's own flag or because it is on a list. An
        impossible size becomes one that no chunk has.
        """
        word, odd, flagged, listed = self.word, self.unit - 1, self.flagged, self.listed
        impossible = 1 << 8 * word

        def read_header(address: int) -> Optional[int]:
            value = read(address)
            if not value:
                return value
            size = value & ~1 if flagged else value
            if size & odd or size < 2 * word:
                return impossible
            free = value & 1 if flagged else address in listed
            return size - word | (FREE_BIT if free else 0)

        return read_header

    @property
    def unit(self) -> int:
        """Returns what chunk sizes are multiples of."""
        return self.word

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size with the head, and the flag as stored."""
        return size + self.word | (stored & 1 if self.flagged else 0)

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns None: whether a chunk is free hangs on its address."""
        return None

    def payload_of(self, value: Optional[int]) -> Optional[int]:
        """Returns the payload that a list's pointer leads to; None if no chunk can lie there."""
        payload = None if value is None else value + self.to_payload
        if payload is None or (payload - self.first) % self.unit:
            return None
        return payload if self.pool_of(payload) is not None else None

    def is_beyond(self, value: int) -> bool:
        """True if a list's pointer leads to where the heap may go on in memory that is not at hand."""
        pool, payload = self.pools[-1], value + self.to_payload
        return pool.open and pool.end <= payload < pool.end + FAR_BYTES and (payload - self.first) % self.unit == 0

    def rounded(self, requested: int) -> int:
        """Returns the payload that a request takes at least."""
        return max(self.smallest, -(-requested // self.unit) * self.unit)

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns a free chunk's link."""
        value = read(payload)
        is_link = value == 0 or self.payload_of(value) is not None
        return [(payload, payload + self.word)] if is_link else []

    def bucket_size(self, number: int) -> int:
        """Returns the payload of the chunks in a bucket: a power of two and one unit, less the head."""
        return (8 << number) + self.unit - self.word


class NanoChunks(ListChunks):
    """newlib-nano. Users' pointers are multiples of 8, and chunks of 4: the word in front of a pointer then leads back.
    Only memalign may move a pointer further. The trace knows it.
    """

    leads = True

    def lead(self, payload: int) -> int:
        """Returns the bytes from a payload to its user's pointer."""
        return -payload % NANO_ALIGNMENT

    def offset_word(self, payload: int) -> int:
        """Returns the word at a moved payload: the negative distance to the size word."""
        return (1 << 8 * self.word) - self.lead(payload)

    def user_of(self, payload: int, read: WordReader) -> int:
        """Returns the next multiple of 8."""
        return payload + self.lead(payload)

    def raw_of(self, user: int, read: WordReader) -> int:
        """Returns the payload of a user's pointer, by the word in front of it."""
        before = read(user - self.word)
        back = 0 if before is None else (1 << 8 * self.word) - before
        return user - back if 0 < back < 3 * self.word and back % self.word == 0 else user

    def rounded(self, requested: int) -> int:
        """Returns what a request takes at least: the bytes that align it are part of the chunk."""
        return super().rounded(requested) + NANO_ALIGNMENT - self.word


class PicoChunks(ListChunks):
    """picolibc: chunks are multiples of 8 bytes or more, and need no moved pointers. Lists led to heads up to 1.8."""

    granule: int = 8

    @property
    def unit(self) -> int:
        """Returns the alignment of the target's largest scalar."""
        return self.granule
