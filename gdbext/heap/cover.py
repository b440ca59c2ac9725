# SPDX-License-Identifier: Apache-2.0
"""The best chain of blocks through bytes of which some are damaged.

Approach: from the heap's end downwards, each word is tried as a size word. One that leads to the end, or to another
block that does, is worth a point, more where a flag, a free list or the trace agrees, less where they contradict; a
chain that ends in damage counts only from its last proven block on, one that leads to memory that was not read a
little less. The best chain is then read off from the front.
Rejected: the first word that looks like a header (stale headers of freed blocks swallow live ones); the longest
chain without weights (a stale header inside a big block adds one).
Cost: one pass over the words behind the damage, and two numbers a candidate.
Assumptions: at least one true header behind the damage is intact.
"""

from __future__ import annotations

from bisect import bisect_right
from types import MappingProxyType
from typing import Callable, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Geometry, Pool
from gdbext.model.said import Said, said
from gdbext.source.snapshot import Snapshot, WordReader

# Whether what lies around a block agrees with its header word: its payload, its word, the payload behind it.
Agrees = Callable[[int, int, int], bool]
# What the trace knows of a block that lives now: its size as requested, in bytes of the allocator's payload, and why.
Proven = Tuple[int, Said]

_PAGE = 4096  # bytes
# Points that a chain loses if it leads to memory that was not read: so many blocks may do so by chance.
_UNREAD_POINTS = 3
_PLAIN, _CONTRADICTED, _MARKED, _LISTED, _TRACED = 1, -4, 3, 3, 5


class Evidence(NamedTuple):
    """What speaks for blocks besides headers and lists."""

    proven: Mapping[int, Proven] = MappingProxyType({})  # by payload: what the trace knows
    marked: Optional[Mapping[int, int]] = None  # payloads between canaries, and what these need; None: there are none
    held: Optional[Snapshot] = None  # what `read` reads from: nothing is looked for elsewhere

    def lacks_marks(self, payload: int, size: int) -> bool:
        """Whether a used block should stand between canaries and does not, as far as its bytes were read."""
        if self.marked is None or self.marked.get(payload, size + 1) <= size:
            return False
        return self.held is None or not self.held.missing(payload, payload + size)


NOTHING_KNOWN = Evidence()


class Cover:
    """Which payloads behind a break can be proven, and how well."""

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
        self._proven, self._marked, self._held = evidence
        self._gain: Dict[int, int] = {}
        self._starts: List[int] = []  # descending payloads at which a new best chain begins, as negative numbers
        self._best: List[int] = []

    def build(self, low: int) -> None:
        """Weighs every payload from the end of the pool down to `low`; once is enough, later breaks lie behind."""
        if self._gain:
            return
        gain, step, end, odd = self._gain, self._layout.header, self._pool.end, self._layout.align - 1
        gain[end] = 0
        best = 0
        for payload, word in self._candidates(max(low, self._pool.first), end - self._layout.smallest - step):
            following = payload + (word & ~FLAG_BITS) + step
            if word & ~FLAG_BITS & odd or following > end:
                continue
            weight = self._weigh(payload, word, following)
            if weight is None:
                continue
            gain[payload] = weight
            if weight >= best:
                best = weight
                self._starts.append(-payload)
                self._best.append(weight)

    def _candidates(self, low: int, high: int) -> Iterator[Tuple[int, int]]:
        """The payloads of low..high, from the last on, whose header may be one by its size, with it."""
        step, align, smallest = self._layout.header, self._layout.align, self._layout.smallest
        largest = self._pool.end - self._pool.first | FLAG_BITS
        plain = type(self._layout).header_reader is Geometry.header_reader  # size words are as they stand in memory
        known = [(low - step, high)] if self._held is None else self._held.known(low - step, high)
        for start, end in reversed(known):
            start += (high - start) % align
            end -= (end - high) % align
            words = self._held.words(start, end) if self._held is not None and plain else None
            if words is None:
                for top in range(end, start, -_PAGE):
                    bottom = max(start, top - _PAGE)
                    if self._read(top - align) is None and self._read(bottom) is None:
                        continue  # a hole may be of megabytes
                    for place in range(top - align, bottom - 1, -align):
                        word = self._read(place)
                        if word is not None and smallest <= word <= largest:
                            yield place + step, word
            else:
                fit = [(index, word) for index, word in enumerate(words) if smallest <= word <= largest]
                yield from ((start + (index + 1) * step, word) for index, word in reversed(fit))

    def _weigh(self, payload: int, word: int, following: int) -> Optional[int]:
        """What the chain that begins here is worth; None if nothing proves it."""
        own = _PLAIN
        if payload in self._listed:
            own = _LISTED if word & FREE_BIT else _CONTRADICTED
        elif payload in self._proven:
            own = _TRACED
        after = self._gain.get(following)
        if after is not None:
            if own == _PLAIN and self._marked is not None and not word & FREE_BIT:
                # Nothing speaks for or against it where the canaries around a used block were not read.
                if self._evidence.lacks_marks(payload, word & ~FLAG_BITS):
                    own = _CONTRADICTED
                elif payload in self._marked:
                    own = _MARKED
            return after + own + (0 if self._agrees(payload, word, following) else _CONTRADICTED)
        if own > _PLAIN:
            return own + self.weight_from(following)
        unread = self._read(following - self._layout.header) is None and following < self._pool.end
        return own + self.weight_from(following) - _UNREAD_POINTS if unread else None

    def next_start(self, low: int) -> Optional[int]:
        """The payload at or above `low` where the best chain begins; None if there is none."""
        position = bisect_right(self._starts, -low)
        return -self._starts[position - 1] if position else None

    def weight_from(self, low: int) -> int:
        """What the best chain at or above `low` is worth."""
        position = bisect_right(self._starts, -low)
        return self._best[position - 1] if position else 0

    def why(self, payload: int) -> Said:
        """What proves that a block begins here."""
        if payload in self._proven:
            return self._proven[payload][1]
        if payload in self._listed:
            return said("proven-by-list")
        if self._marked is not None and payload in self._marked:
            return said("proven-by-canaries")
        return said("proven-by-chain")
