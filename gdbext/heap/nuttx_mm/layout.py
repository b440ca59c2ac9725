# SPDX-License-Identifier: Apache-2.0
"""Describes the nodes of NuttX's default allocator, in their three generations.

    top, low   [pid] [backtrace] size preceding | user's bytes           the flag "used" is in `preceding`
    now        preceding size [pid] [seqno] [backtrace] | user's bytes    the flags "used", "previous is free" in `size`

`preceding` is the size of the node before. In `now` it is valid only if that node is free: it is the last word of the
user's bytes otherwise. In `top` (up to 10.3) the flag is the top bit, in `low` (11.0 and 12.0) it is bit 0.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.geometry import FREE_BIT, PREV_FREE_BIT, Geometry
from gdbext.heap.mm_heads import Heads
from gdbext.model.region import Span
from gdbext.source.snapshot import ByteOrder, WordReader, narrow

USED, PREVIOUS_FREE = 1, 2  # in the sizes of `now`
LARGEST_SHIFT, SMALL_SHIFT = 22, 15  # log2 of the size from which on nodes are on the last list; with MM_SMALL


class NodeForm(NamedTuple):
    """How a node lies in memory. All offsets are in bytes from its start."""

    generation: str  # "top", "low" or "now"
    size_bytes: int  # of `size` and of `preceding`
    header: int  # bytes in front of the user's
    link_at: int  # of flink in a free node

    @property
    def now(self) -> bool:
        """True if the flags are in `size`, and `preceding` comes first."""
        return self.generation == "now"

    @property
    def size_at(self) -> int:
        """Returns the offset of `size`."""
        return self.size_bytes if self.now else self.header - 2 * self.size_bytes

    @property
    def preceding_at(self) -> int:
        """Returns the offset of `preceding`."""
        return 0 if self.now else self.header - self.size_bytes

    @property
    def used_flag(self) -> int:
        """Returns the flag "used", of `size` or of `preceding`."""
        return 1 << 8 * self.size_bytes - 1 if self.generation == "top" else USED

    @property
    def overhead(self) -> int:
        """Returns the bytes from the end of one node's user's bytes to the next one's. With MM_SMALL the last 2 bytes
        of a user count as the next node's: sizes keep flags in their lowest two bits here.
        """
        return self.header - self.size_bytes if self.now and self.size_bytes > 2 else self.header


class MmLayout(Geometry):
    """The nodes of one heap. A payload is the user's pointer."""

    form: NodeForm
    heads: Heads
    order: ByteOrder
    grain: int  # every node's size is a multiple of it
    smallest_node: int
    guards: Tuple[Span, ...]  # the first and the last node of each region, which are used by nobody

    @property
    def repeats_flags(self) -> bool:  # type: ignore[override]
        """True if the node behind a node repeats whether that is free."""
        return self.form.now

    @property
    def apart(self) -> bool:  # type: ignore[override]
        """True if the struct does not lie in front of the first region, as up to 9.1."""
        return self.control >= self.heads.end or self.heads.first > self.behind

    @property
    def control_end(self) -> int:
        """Returns the address behind the heads."""
        return self.heads.end

    @property
    def size_bytes(self) -> int:
        """Returns the bytes of a stored size."""
        return self.form.size_bytes

    def node_of(self, payload: int) -> int:
        """Returns where a block's node begins."""
        return payload - self.form.header

    def payload_at(self, node: int) -> int:
        """Returns the payload of the node at an address."""
        return node + self.form.header

    def place_of_size(self, payload: int) -> int:
        """Returns the address of a node's `size`."""
        return self.node_of(payload) + self.form.size_at

    def place_of_preceding(self, payload: int) -> int:
        """Returns the address of a node's `preceding`."""
        return self.node_of(payload) + self.form.preceding_at

    def place_of_flink(self, payload: int) -> int:
        """Returns the address of a free node's flink. Its blink lies behind it."""
        return self.node_of(payload) + self.form.link_at

    def stored(self, read: WordReader, place: int) -> Optional[int]:
        """Returns the size that is stored at a place, with its flags."""
        return narrow(read, place, self.form.size_bytes, self.word, self.order)

    def preceding(self, read: WordReader, payload: int) -> Optional[int]:
        """Returns the size that a node gives for the node before it, without flags."""
        value = self.stored(read, self.place_of_preceding(payload))
        return value if value is None or self.form.now else value & ~self.form.used_flag

    def is_node(self, node: int) -> bool:
        """True if a block may begin at this address."""
        payload = self.payload_at(node)
        pool = self.pool_of(payload)
        return pool is not None and (payload - pool.first) % self.grain == 0

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of headers in memtrace's form. A size that no node has becomes one that no block can have.
        The last node of a region becomes the end marker.
        """
        form, grain, nonsense, ends = self.form, self.grain, 1 << 8 * self.word, {pool.end for pool in self.pools}
        size_at = form.size_at - form.header + form.overhead  # from where a header begins
        now, header, overhead, flag = form.now, form.header, form.overhead, form.used_flag
        used_at = form.preceding_at - form.header + form.overhead
        whole, stored = form.size_bytes == self.word, self.stored

        def read_header(address: int) -> Optional[int]:
            value = read(address + size_at) if whole else stored(read, address + size_at)
            flags = value if now or value is None else stored(read, address + used_at)
            if value is None or flags is None:
                return None
            word = 0 if flags & flag else FREE_BIT
            size = value
            if now:
                word |= value & PREVIOUS_FREE and PREV_FREE_BIT
                size &= ~(USED | PREVIOUS_FREE)
            if address + overhead in ends:
                return word & PREV_FREE_BIT if size == header and not word & FREE_BIT else nonsense
            if size <= overhead or (size % grain and address + overhead + size not in ends):
                return nonsense
            return size - overhead | word

        return read_header

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns the possible headers among some words, if a header is one word and its address does not matter."""
        if not self.form.now or self.form.size_bytes != self.word or self.align != self.word:
            return None
        odd, overhead, low = self.grain - 1 & ~3, self.form.overhead, self.smallest + self.form.overhead
        high = largest + overhead
        fit = [(at, word) for at, word in enumerate(words) if not word & odd and low <= word <= high]
        return [(at, (word & ~3) - overhead | (word & USED ^ USED) | word & PREVIOUS_FREE) for at, word in fit]

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size of the whole node, with the flags that its neighbours tell."""
        if not self.form.now:
            return size + self.form.overhead
        used = 0 if following is not None and following & PREVIOUS_FREE else USED
        return size + self.form.overhead | used | (PREVIOUS_FREE if before is not None and before & FREE_BIT else 0)

    def slot_of(self, size: int) -> int:
        """Returns the number of the list for free blocks of this size."""
        shift = self.smallest_node.bit_length() - 1
        most = SMALL_SHIFT if self.form.size_bytes == 2 else LARGEST_SHIFT
        top = min((size + self.form.overhead).bit_length() - 1, most)
        return min(max(top - shift, 0), self.heads.lists - 1)

    def old_link(self, end: int) -> Optional[int]:
        """Returns where the node behind a block begins: links lead there."""
        return end + self.form.overhead - self.form.header

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns a free block's links, and `preceding` of the node behind it where that is the block's last word."""
        flink = self.place_of_flink(payload)
        own = [(place, place + self.word) for place in (flink, flink + self.word) if self._is_link(read(place))]
        behind, last = payload + size + self.form.overhead, payload + size
        if self.form.overhead < self.form.header and self.preceding(read, behind) == behind - payload:
            own.append((last - self.form.size_bytes, last))
        return own

    def _is_link(self, value: Optional[int]) -> bool:
        """True if a word can be a link: 0, a head, or where a block may begin."""
        return value is not None and (not value or value in self.heads.places() or self.is_node(value))

    def rounded(self, requested: int) -> int:
        """Returns the smallest size that the allocator reserves for a request, in bytes."""
        node = (requested + self.form.overhead + self.grain - 1) // self.grain * self.grain
        return max(self.smallest, node - self.form.overhead)
