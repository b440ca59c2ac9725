# SPDX-License-Identifier: Apache-2.0
"""Reads a TLSF heap in the way that is fastest on its link. It checks nothing.

Approach: two plans. `bulk` reads the whole heap: best if round trips are slow and bytes are fast. `headers` reads the
control block and three words for each block, and more only around damage. `auto` reads a heap of up to 1 MiB in bulk if
that takes no more than a second. Else it follows headers, and changes to bulk once headers prove slower. The walk and
the checks then find all their bytes in the snapshot, and need not know of plans.
Rejected: a walk that reads as it goes (every check would have to declare its bytes, and Ctrl-C would strike in the
middle of a conclusion).
Cost: with headers 3 words for each block, and one more behind each free one. Damage costs a scan of the bytes behind
it. If that takes too long, only the blocks that lists and trace prove are read.
"""

from __future__ import annotations

import time
from typing import Iterable, Optional

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Pool
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.model.said import said
from gdbext.source.memory import Memory, joined

PLANS = ("auto", "bulk", "headers")

_LARGEST_BULK = 1 << 20  # bytes; `auto` follows headers first in a larger heap, however fast the link seems
_BULK_SECONDS = 1.0
_SCAN_SECONDS = 20.0  # the bytes behind damage are read if that takes no longer
_SCAN_BYTES = 4096  # bytes behind damage that are read in any case
_FEW_BLOCKS = 32  # after each so many headers `auto` compares their cost with bulk


def fetch_heap(memory: Memory, start: int, layout: TlsfLayout, proven: Iterable[int]) -> None:
    """Fetches the bytes that the walk and the checks of one heap need. `proven`: payloads that the trace knows."""
    memory.fetch(start, layout.control_end - start)  # also tells how fast the link is
    size, whole = sum(pool.end - pool.first for pool in layout.pools), memory.plan == "bulk"
    if memory.plan == "auto":
        whole = size <= _LARGEST_BULK and (memory.link.seconds(size) or 0.0) <= _BULK_SECONDS
    if whole:
        spans = sorted([(start, layout.control_end), *((pool.first - layout.word, pool.end) for pool in layout.pools)])
        for low, high in joined(spans):
            memory.fetch(low, high - low)
        return
    for pool in layout.pools:
        headers = _Headers(memory, layout, pool, proven)
        headers.follow_blocks()
        headers.follow_lists()


class _Headers:
    """The plan that reads headers, for one pool."""

    def __init__(self, memory: Memory, layout: TlsfLayout, pool: Pool, proven: Iterable[int]) -> None:
        self.memory = memory
        self.layout = layout
        self.pool = pool
        self.candidates = set(proven)  # payloads of blocks by the lists or the trace
        self.began = time.monotonic()
        self.blocks = 0

    def follow_blocks(self) -> None:
        """Reads the header of each block. At a header that cannot be right it reads the bytes to go on behind it."""
        layout, before = self.layout, 0
        payload = doubtful = self.pool.first
        while payload < self.pool.end and not self.memory.interrupted:
            word = self._header(payload, bool(before & FREE_BIT))
            following = self._following(payload, word)
            if word is None or following is None:
                self._fetch_behind(doubtful, payload)
                return
            if word >> 1 & 1 == before & FREE_BIT:
                doubtful = payload
            before, payload = word, following
            self.blocks += 1
            if self.blocks % _FEW_BLOCKS == 0 and self._is_bulk_faster(payload):
                self.memory.fetch(payload - layout.word, self.pool.end - payload + layout.word)
                return
        self._header(self.pool.end, bool(before & FREE_BIT))

    def _header(self, payload: int, behind_free: bool) -> Optional[int]:
        """Returns a block's size word. It reads two words behind it too, and the one before it if a free block ends
        there.
        """
        layout = self.layout
        low = payload - layout.word * (2 if behind_free else 1)
        self.memory.fetch(low, min(payload + 2 * layout.word, self.pool.end) - low)
        return self.memory.snapshot.word(payload - layout.word)

    def _following(self, payload: int, word: Optional[int]) -> Optional[int]:
        """Returns the payload behind this block; None if its size cannot be right."""
        layout, size = self.layout, (word or 0) & ~FLAG_BITS
        if size < layout.smallest or size % layout.align or payload + size + layout.word > self.pool.end:
            return None
        return payload + size + layout.word

    def _is_bulk_faster(self, payload: int) -> bool:
        """True if the rest is read faster in one piece than by headers, by their cost so far. It reports progress."""
        layout = self.layout
        left = self.pool.end - payload
        expected = (time.monotonic() - self.began) / (payload - self.pool.first) * left
        if self.blocks == _FEW_BLOCKS:
            blocks = left // ((payload - self.pool.first) // _FEW_BLOCKS)
            by_link = self.memory.link.seconds(3 * layout.word * blocks) or 0.0
            self.memory.progress.announce(f"following {blocks:,} block headers", max(expected, by_link))
        self.memory.progress.tell(payload - self.pool.first, self.pool.end - self.pool.first)
        bulk = self.memory.link.seconds(left)
        return self.memory.plan == "auto" and bulk is not None and bulk < expected

    def _fetch_behind(self, doubtful: int, payload: int) -> None:
        """Reads the bytes that a walk needs to go on behind damage: all, or the blocks that lists and trace prove."""
        low, end = doubtful - self.layout.word, self.pool.end
        if not self.memory.fragile and (self.memory.link.seconds(end - low) or 0.0) <= _SCAN_SECONDS:
            self.memory.fetch(low, end - low)
            return
        self.memory.fetch(low, min(_SCAN_BYTES, end - low))
        self.follow_lists()
        for candidate in sorted(self.candidates):
            place, known = candidate, False  # blocks are followed up to one that was read before
            while payload < place < end and not known and not self.memory.interrupted:
                place = self._following(place, self._header(place, True)) or 0
                known = place > 0 and self.memory.snapshot.word(place - self.layout.word) is not None
            if place == end and not self.memory.interrupted:
                self._header(place, True)
        place, left = payload - self.layout.word, end - payload
        self.memory.remark(said("read-in-part", place=place, scanned=_SCAN_BYTES, left=left))

    def follow_lists(self) -> None:
        """Reads the nodes of the free lists and adds them to the candidates. Damage may lead to them, or hide them."""
        layout = self.layout
        for slot in range(layout.slots):
            node = self.memory.snapshot.word(layout.lists + slot * layout.word)
            for _ in range(self.blocks + _FEW_BLOCKS):
                payload = 0 if node is None else node + 2 * layout.word
                if not self.pool.first <= payload < self.pool.end or payload % layout.align:
                    break
                self.candidates.add(payload)
                self._header(payload, False)
                node = self.memory.snapshot.word(payload)
