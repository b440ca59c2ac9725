# SPDX-License-Identifier: Apache-2.0
"""Finds the best chain of blocks through bytes of which some are damaged.

Approach: from the heap's end downwards, each word is tried as a size word. A word that leads to the end, or to a block
that does, is worth 1 point, and 3 or 5 if canaries, a free list or the trace prove it. A contradiction counts -4. A
chain that ends in damage counts only up to its last proven block. A chain that leads to memory that was not read loses
3 points. The best chain is then read off from the front.
Rejected: the first word that looks like a header (stale headers of freed blocks swallow live ones); the longest
chain without weights (a stale header inside a big block adds one).
Cost: one pass over the words behind the damage, and two numbers for each candidate.
Assumptions: at least one true header behind the damage is intact.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from types import MappingProxyType
from typing import Callable, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Geometry, Pool
from gdbext.model.said import Said, said
from gdbext.source.snapshot import Snapshot, WordReader

# True if the bytes around a block agree with its header word. Takes its payload, its word and the payload behind it.
Agrees = Callable[[int, int, int], bool]
# What the trace knows of a live block: its requested size in bytes of the allocator's payload, and the evidence.
Proven = Tuple[int, Said]

_PAGE = 4096  # bytes
# Points that a chain loses if it leads to memory that was not read: 3 blocks may do so by chance.
_UNREAD_POINTS = 3
# Points of a block: a plain one, a contradicted one, and one that canaries, a free list or the trace prove.
_PLAIN, _CONTRADICTED, _MARKED, _LISTED, _TRACED = 1, -4, 3, 3, 5


class Evidence(NamedTuple):
    """Evidence for blocks besides headers and free lists."""

    proven: Mapping[int, Proven] = MappingProxyType({})  # live blocks that the trace knows, by payload
    # Smallest size of the block, in bytes, that its canaries allow, by payload. None if the heap has no canaries.
    marked: Optional[Mapping[int, int]] = None
    snapshot: Optional[Snapshot] = None  # the bytes that were read; candidates are looked for only in them
    # Without a snapshot: reads a range for a search, and returns a snapshot with all that can be read of it, or None.
    whole: Optional[Callable[[int, int], Optional[Snapshot]]] = None

    def lacks_marks(self, payload: int, size: int) -> bool:
        """True if a used block should be between canaries and is not. False if its bytes were not all read."""
        if self.marked is None or self.marked.get(payload, size + 1) <= size:
            return False
        return self.snapshot is None or not self.snapshot.missing(payload, payload + size)


NOTHING_KNOWN = Evidence()


def sizes_in(
    layout: Geometry, pool: Pool, read: WordReader, snapshot: Optional[Snapshot], low: int, high: int
) -> Iterator[Tuple[int, int]]:
    """Yields the payloads of low..high whose header word has a possible size, with that word, the last first."""
    step, align, smallest = layout.header, layout.align, layout.smallest
    largest = pool.end - pool.first | FLAG_BITS
    behind = max(0, layout.place_of_size(step) + layout.word - align)  # bytes of the last size word behind its place
    known = [(low - step, high + behind)] if snapshot is None else snapshot.known(low - step, high + behind)
    for start, end in reversed(known):
        end -= behind
        start += (high - start) % align
        end -= (end - high) % align
        for top in range(end, start, -_PAGE):
            bottom = max(start, top - _PAGE)
            words = None if snapshot is None else snapshot.words(bottom, top + behind)
            fit = None if words is None else layout.possible(words, largest)
            if fit is not None:
                yield from ((bottom + index * align + step, word) for index, word in reversed(fit))
                continue
            if read(top - align) is None and read(bottom) is None:
                continue  # a hole may be megabytes long
            for place in range(top - align, bottom - 1, -align):
                word = read(place)
                if word is not None and smallest <= word <= largest:
                    yield place + step, word


class Cover:
    """The payloads behind a break that can be proven, and the points of the chains that begin there."""

    def __init__(
        self,
        layout: Geometry,
        pool: Pool,
        read: WordReader,
        agrees: Agrees,
        listed: FrozenSet[int],
        evidence: Evidence,
    ) -> None:
        self._layout = layout
        self._pool = pool
        self._read = read
        self._agrees = agrees
        self._listed = listed
        self._evidence = evidence
        self._proven, self._marked, self._snapshot, self._whole = evidence
        self._leads_out = False  # True if a chain leads to bytes that were not read
        self._holes: Optional[List[Tuple[int, int]]] = None  # what was not read of the range, if that is known
        # Of each candidate, of which there may be millions, the bytes from it to the pool's end, which ascend, and the
        # points of its chain. Then the same of those at which a new best chain begins.
        self._places, self._gains = array("Q"), array("q")
        self._starts, self._best = array("Q"), array("q")

    def build(self, low: int) -> None:
        """Weighs every payload from the end of the pool down to `low`. Only the first call does so: later breaks lie
        behind `low`.
        """
        if self._places:
            return
        step, end, odd = self._layout.header, self._pool.end, self._layout.align - 1
        self._places.append(0)
        self._gains.append(0)
        best = 0
        high = end - self._layout.smallest - step
        if self._whole is not None and self._snapshot is None:
            self._snapshot = self._whole(max(low, self._pool.first) - step, end)
        if self._snapshot is not None:
            self._holes = self._snapshot.missing(max(low, self._pool.first) - step, end)
        sizes = sizes_in(self._layout, self._pool, self._read, self._snapshot, max(low, self._pool.first), high)
        for payload, word in sizes:
            following = payload + (word & ~FLAG_BITS) + step
            if word & ~FLAG_BITS & odd or following > end:
                continue
            weight = self._weigh(payload, word, following)
            if weight is None:
                continue
            self._places.append(end - payload)
            self._gains.append(weight)
            if weight >= best:
                best = weight
                self._starts.append(end - payload)
                self._best.append(weight)

    def _weigh(self, payload: int, word: int, following: int) -> Optional[int]:
        """Returns the points of the chain that begins at `payload`; None if nothing proves it."""
        own = _PLAIN
        if payload in self._listed:
            own = _LISTED if word & FREE_BIT else _CONTRADICTED
        elif payload in self._proven:
            own = _TRACED
        after = self._gain(following)
        if after is not None:
            if own == _PLAIN and self._marked is not None and not word & FREE_BIT:
                # If the canaries around a used block were not read, the block stays plain.
                if self._evidence.lacks_marks(payload, word & ~FLAG_BITS):
                    own = _CONTRADICTED
                elif payload in self._marked:
                    own = _MARKED
            return after + own + (0 if self._agrees(payload, word, following) else _CONTRADICTED)
        if own > _PLAIN:
            return own + self.weight_from(following)
        if not self._is_unread(following):
            return None
        self._leads_out = True
        return own + self.weight_from(following) - _UNREAD_POINTS

    def _is_unread(self, payload: int) -> bool:
        """True if the header at `payload` was not read, and lies in the pool."""
        if self._holes is None:
            return payload < self._pool.end and self._read(payload - self._layout.header) is None
        place = self._layout.place_of_size(payload)
        index = bisect_left(self._holes, (place + self._layout.word,)) - 1  # the last hole that begins before its end
        return payload < self._pool.end and index >= 0 and self._holes[index][1] > place

    def _gain(self, payload: int) -> Optional[int]:
        """Returns the points of the chain that begins at a candidate; None if it is none."""
        place = self._pool.end - payload
        position = bisect_left(self._places, place)
        found = position < len(self._places) and self._places[position] == place
        return self._gains[position] if found else None

    def next_start(self, low: int) -> Optional[int]:
        """Returns the payload at or above `low` where the best chain begins; None if there is none."""
        position = bisect_right(self._starts, self._pool.end - low)
        return self._pool.end - self._starts[position - 1] if position else None

    def weight_from(self, low: int) -> int:
        """Returns the points of the best chain at or above `low`; 0 if there is none."""
        position = bisect_right(self._starts, self._pool.end - low)
        return self._best[position - 1] if position else 0

    def why(self, payload: int) -> Said:
        """Says what proves that a block begins at `payload`."""
        if payload in self._proven:
            return self._proven[payload][1]
        if payload in self._listed:
            return said("proven-by-list")
        if self._marked is not None and payload in self._marked:
            return said("proven-by-canaries")
        return said("proven-by-chain-to-unread") if self._leads_out else said("proven-by-chain")
