# SPDX-License-Identifier: Apache-2.0
"""Reads a TLSF heap in the way that is fastest on its link. It checks nothing.

Approach: two plans. `bulk` reads the whole heap: best if round trips are slow and bytes are fast. `headers` reads the
control block and three words for each block, and more only around damage. `auto` reads a heap of up to 1 MiB in bulk if
that takes no more than a second. Else it follows headers, and reads ahead where the last blocks were so small that
bytes are faster than round trips. The walk and the checks then find all their bytes in the snapshot, and need not know
of plans.
At a header that cannot be right, growing windows behind it are searched for blocks that lead to the end, or to a block
on a free list or in the trace. The headers are followed from there.
Rejected: a walk that reads as it goes (every check would have to declare its bytes, and Ctrl-C would strike in the
middle of a conclusion); all bytes behind damage (one free block may have 31 of a heap's 32 MiB).
Cost: with headers 3 words for each block, and one more behind each free one. Damage costs 4 KiB to 1 MiB; only if no
block can be proven there, all up to the next block that lists or trace prove. If that takes too long, it is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict, Iterable, List, Optional, Tuple

from gdbext.heap.cover import sizes_in
from gdbext.heap.ends import linked
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Pool, is_marker
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.tlsf.lists import neighbour_agrees
from gdbext.model.said import said
from gdbext.source.link import Task
from gdbext.source.memory import Memory, joined

PLANS = ("auto", "bulk", "headers")

_SCAN_SECONDS = 20.0  # the bytes behind damage are read if that takes no longer
_SCAN_BYTES = 4096  # bytes behind damage that are read in any case
_SLOW_WINDOW, _WINDOW = 16 << 10, 1 << 20  # the largest windows that are searched behind damage
_GROWTH = 4  # each window is so many times as large as the one before
_MOST_TRIED = 8  # places outside of a window that its blocks lead to and that are followed
_MOST_STEPS = 8192  # headers that are followed from such places, in all
_MOST_DAMAGED = 64  # damaged headers that are searched behind; then the rest is read
_FEW_BLOCKS = 32  # after each so many headers `auto` compares their cost with bulk
_LEAST_AHEAD = 4096  # bytes that are read ahead first


def fetch_heap(memory: Memory, start: int, layout: TlsfLayout, proven: Iterable[int]) -> None:
    """Fetches the bytes that the walk and the checks of one heap need. `proven`: payloads that the trace knows."""
    memory.fetch(start, layout.control_end - start)  # also tells how fast the link is
    if memory.reads_whole(sum(pool.end - pool.first for pool in layout.pools)):
        spans = sorted([(start, layout.control_end), *((pool.first - layout.word, pool.end) for pool in layout.pools)])
        for low, high in joined(spans):
            memory.fetch(low, high - low)
        return
    for pool in layout.pools:
        headers = _Headers(memory, layout, pool, proven)
        headers.follow_blocks()
        headers.follow_lists(headers.blocks + _FEW_BLOCKS)
    memory.progress.task = None


class _Headers:
    """The plan that reads headers, for one pool."""

    def __init__(self, memory: Memory, layout: TlsfLayout, pool: Pool, proven: Iterable[int]) -> None:
        self.memory = memory
        self.layout = layout
        self.pool = pool
        self.agrees = neighbour_agrees(layout, memory.snapshot.word)
        self.candidates = {payload for payload in proven if pool.first <= payload < pool.end}  # by lists or trace
        self.listed: Dict[int, int] = {}  # the list that a candidate is on
        self.began = memory.progress.clock()
        self.blocks = 0
        self.ahead = 0  # bytes that were last read ahead
        self.sound: List[int] = []  # the candidates that look like blocks, in order
        self.steps = 0  # headers that were followed to see if they lead to a proof

    def follow_blocks(self) -> None:
        """Reads the header of each block. At a header that cannot be right it reads the bytes to go on behind it."""
        self.follow_lists(_FEW_BLOCKS)
        known = ((place, self.memory.snapshot.word(place - self.layout.word)) for place in sorted(self.candidates))
        self.sound = [place for place, word in known if word is not None and self._belongs(place, word)]
        before, damaged = 0, 0
        payload = doubtful = counted = self.pool.first
        while payload < self.pool.end and not self.memory.interrupted:
            word = self._header(payload, bool(before & FREE_BIT))
            following = self._following(payload, word)
            if following is not None and self._swallows(payload, following):
                doubtful, payload, following = payload, following, None
            if word is None or following is None:
                damaged += 1
                resumed = self._resume(doubtful, payload, damaged > _MOST_DAMAGED)
                if resumed is None:
                    return
                payload = doubtful = counted = resumed
                before = 0
                continue
            if word >> 1 & 1 == before & FREE_BIT:
                doubtful = payload
            before, payload = word, following
            self.blocks += 1
            if self.blocks % _FEW_BLOCKS == 0:
                self._fetch_ahead(payload, payload - counted)
                counted = payload
        self._header(self.pool.end, bool(before & FREE_BIT))

    def _belongs(self, payload: int, word: int) -> bool:
        """True if a candidate has a possible size and, if it is on a list, is free and of the list's size."""
        slot = self.listed.get(payload)
        fits = slot is None or (word & FREE_BIT and self.layout.slot_of(word & ~FLAG_BITS) == slot)
        return bool(fits) and self._following(payload, word) is not None

    def _swallows(self, payload: int, following: int) -> bool:
        """True if a block that lists or trace prove lies inside of payload..following: the size is wrong."""
        index = bisect_right(self.sound, payload)
        return index < len(self.sound) and self.sound[index] < following

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

    def _fetch_ahead(self, payload: int, passed: int) -> None:
        """Reads on in one piece if that is faster for blocks like the last ones, which take `passed` bytes."""
        memory, pool = self.memory, self.pool
        memory.progress.task = Task("heap", payload - pool.first, pool.end - pool.first, self.began)
        seconds = memory.link.seconds(passed)
        if memory.plan != "auto" or seconds is None or seconds >= _FEW_BLOCKS * memory.link.trip:
            self.ahead = 0
        elif memory.snapshot.word(payload - self.layout.word + max(passed, 2 * self.layout.word)) is None:
            self.ahead = min(max(_LEAST_AHEAD, 2 * self.ahead), memory.link.piece())
            memory.fetch(payload - self.layout.word, min(self.ahead, pool.end - payload + self.layout.word))

    # -- damage --------------------------------------------------------------------------------------------------------

    def _resume(self, doubtful: int, payload: int, at_once: bool) -> Optional[int]:
        """Reads the bytes that a walk needs to go on behind the damaged header of `payload`, and returns the payload to
        go on at; None if all is read, or what may be. `doubtful`: the first block whose size may be wrong. `at_once`:
        the rest is read without a search.
        """
        memory, layout, end = self.memory, self.layout, self.pool.end
        memory.progress.damaged(payload - layout.word)
        low, place = self._first_doubtful(doubtful, payload) - layout.word, payload - layout.word
        rest = end - low
        slow = memory.fragile or (memory.link.seconds(rest) or 0.0) > _SCAN_SECONDS
        most = _SCAN_BYTES if memory.fragile else _SLOW_WINDOW if slow else _WINDOW
        memory.fetch(max(low, place - most), min(most, place - low))
        memory.fetch(low, min(most, place - low))
        window = _SCAN_BYTES
        while window <= most and not at_once:
            memory.fetch(place, min(window, end - place))
            found = self._search(low + layout.word + layout.align, min(payload + window, end) - layout.word)
            if found is not None or memory.interrupted:
                return found
            window *= _GROWTH
        if slow:
            memory.fetch(place, min(most, end - place))
            self._fetch_proven(payload, most)
            return None
        known = None if at_once else self._next_candidate(payload)
        memory.fetch(low, (end if known is None else known) - low)
        return known

    def _first_doubtful(self, doubtful: int, payload: int) -> int:
        """Returns `payload` if the block before it is free and on the list of its size, else `doubtful`."""
        word = self.memory.snapshot.word(doubtful - self.layout.word) or 0
        slot = self.layout.slot_of(word & ~FLAG_BITS)
        trusted = word & FREE_BIT and self.listed.get(doubtful) == slot and self._following(doubtful, word) == payload
        return payload if trusted else doubtful

    def _search(self, low: int, high: int) -> Optional[int]:
        """Returns the payload in low..high from which the longest chain of blocks leads to a proof; None if none does.
        A candidate counts as proven where it lies.
        """
        layout, pool, snapshot = self.layout, self.pool, self.memory.snapshot
        known = snapshot.word_reader(low, high)

        def leads_to(payload: int) -> Optional[int]:
            outside = high < payload < pool.end and known(payload - layout.word) is None
            return payload if outside or payload in self.candidates or payload == pool.end else None

        best: Dict[int, Tuple[int, int]] = {}  # blocks and first payload of the longest chain to each end
        sizes = sizes_in(layout, pool, known, snapshot, low, high)
        for payload, (blocks, end) in linked(layout, sizes, self.agrees, leads_to).items():
            best[end] = max(best.get(end, (0, 0)), (blocks, -payload))
        ends = sorted(best, key=lambda end: (end in self.candidates or end == pool.end, best[end]), reverse=True)
        proven = [-best[end][1] for end in ends[:_MOST_TRIED] if self._is_proven(end)]
        inside = (payload for payload in self.candidates if low <= payload <= high)
        proven += [payload for payload in inside if self._following(payload, known(payload - layout.word))]
        return min(proven, default=None)

    def _is_proven(self, payload: int) -> bool:
        """True if the blocks from `payload` on lead to the end or to a candidate."""
        word, first, counted = self._header(payload, True), self.steps, payload
        while payload not in self.candidates and payload < self.pool.end and self.steps < _MOST_STEPS:
            following = self._following(payload, word)
            if word is None or following is None:
                return False
            self.steps += 1
            after = self._header(following, bool(word & FREE_BIT))
            if not self.agrees(payload, word, following):
                return False
            payload, word = following, after
            if (self.steps - first) % _FEW_BLOCKS == 0:
                self._fetch_ahead(payload, payload - counted)
                counted = payload
        return payload in self.candidates or (payload == self.pool.end and is_marker(word))

    def _next_candidate(self, payload: int) -> Optional[int]:
        """Returns the first block behind a damaged header that lists or trace prove; None if there is none."""
        for candidate in sorted(other for other in self.candidates if other > payload):
            if self._following(candidate, self._header(candidate, True)) is not None:
                return candidate
        return None

    def _fetch_proven(self, payload: int, scanned: int) -> None:
        """Reads only the blocks that lists and trace prove behind a damaged header, and those that they lead to."""
        end = self.pool.end
        for candidate in sorted(self.candidates):
            place, known = candidate, False  # blocks are followed up to one that was read before
            while payload < place < end and not known and not self.memory.interrupted:
                place = self._following(place, self._header(place, True)) or 0
                known = place > 0 and self.memory.snapshot.word(place - self.layout.word) is not None
            if place == end and not self.memory.interrupted:
                self._header(place, True)
        place, left = payload - self.layout.word, end - payload
        self.memory.remark(said("read-in-part", place=place, scanned=scanned, left=left))

    def follow_lists(self, most: int) -> None:
        """Reads the first nodes of each list and adds them to the candidates. Damage may lead to them, or hide them."""
        layout = self.layout
        for slot in range(layout.slots):
            node = self.memory.snapshot.word(layout.lists + slot * layout.word)
            for _ in range(most):
                payload = 0 if node is None else node + 2 * layout.word
                if not self.pool.first <= payload < self.pool.end or payload % layout.align:
                    break
                self.candidates.add(payload)
                self.listed[payload] = slot
                self._header(payload, False)
                node = self.memory.snapshot.word(payload)
