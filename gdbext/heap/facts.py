# SPDX-License-Identifier: Apache-2.0
"""All that was read of one heap, and what its allocator holds against it: what the analysis works on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Callable, Dict, FrozenSet, Hashable, Iterable, Iterator, List, Optional, Sequence, Tuple

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Flaw, Geometry
from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.walk import Node, Walk
from gdbext.model.record import Record
from gdbext.model.region import Region, Span
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said
from gdbext.source.snapshot import Snapshot, WordReader

Edge = Tuple[int, int, int, int]  # a block's payload and size word, those of the header behind it


class Counters(Record):
    """What a heap counts of itself."""

    free_bytes: int
    minimum_free: Optional[int]
    flaws: Tuple[Flaw, ...]
    pool_size: int = 0  # bytes that it was given


class Fault(Record):
    """One place that breaks a rule, before anything is concluded from it."""

    rule: str
    address: int  # first damaged byte
    length: int
    block: Optional[int]
    text: Said
    touches: FrozenSet[Hashable]
    transient: bool = True  # an operation under way may leave it like this for a moment
    role: str = ""  # what the broken word is, and what it should be: as a Finding has them
    expected: Optional[int] = None
    actual: Optional[int] = None


class Rule(Record):
    """An invariant of an allocator: what must be so, and how to see where it is not.

    `struck`: what a write hits that breaks it, which decides how it is explained: a "header", the "link" in one, the
    bytes "before" or "behind" a user's own, the "inside" of a free block, "counters", or other "control" data.
    """

    id: str
    sentence: str
    check: Callable[[HeapFacts], Iterable[Fault]] = lambda facts: ()
    struck: str = "control"
    severity: str = "damage"
    lacks: Callable[[HeapFacts], Optional[Said]] = lambda facts: None  # why it cannot be judged, or not in full


class Invariants:
    """What an allocator says of its heaps once they have been read."""

    rules: Tuple[Rule, ...] = ()  # in the order of how much each says about a cause; without any, none is checked

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """What could not be checked, and why."""
        return iter(())

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """What speaks for a heap being of this kind."""
        return iter(())


class HeapFacts:
    """One heap, read once. Blocks go by the allocator's payload (raw) in here; `user` gives the pointer of its user."""

    def __init__(
        self,
        region: Region,
        allocator: Invariants,
        layout: Geometry,
        counters: Optional[Counters],
        walk: Walk,
        held: Snapshot,
        guards: Guards = NO_GUARDS,
        absent: Sequence[Span] = (),
        cut: bool = False,
    ) -> None:
        self.region = region
        self.allocator = allocator
        self.layout = layout
        self.counters = counters
        self.walk = walk
        self.snapshot = held
        self.absent = absent  # parts of the heap that neither images nor target gave
        self.cut = cut  # Ctrl-C has ended its reading
        self.guards = guards
        self.shift = guards.shift  # bytes from the allocator's payload (raw) to the user's
        self.read: WordReader = held.word_reader(layout.control, layout.end)
        self.read32: WordReader = held.reader32(layout.control, layout.end)  # at any address
        self.position: Dict[int, int] = {payload: index for index, payload in enumerate(walk.payloads)}
        self.listed: Dict[int, Node] = {node.payload: node for node in walk.nodes}
        pairs = zip(walk.payloads, walk.words)
        self.used = [(payload, word & ~FLAG_BITS) for payload, word in pairs if not word & FREE_BIT]  # raw, and size

    @cached_property
    def edges(self) -> List[Edge]:
        """Each proven block with the header behind it, where that is known."""
        payloads, words, step = self.walk.payloads, self.walk.words, self.layout.header
        behind = [payload + (word & ~FLAG_BITS) + step for payload, word in zip(payloads, words)]
        found = zip(payloads, words, behind, [*payloads[1:], None], [*words[1:], 0])
        markers = ((pool.end, self.read(self.layout.place_of_size(pool.end))) for pool in self.layout.pools)
        ends = {end: marker for end, marker in markers if marker is not None and not marker & ~FLAG_BITS}
        return [
            (payload, word, following, after if following == listed else ends[following])
            for payload, word, following, listed, after in found
            if following == listed or following in ends
        ]

    @property
    def start(self) -> int:
        """The heap's first byte."""
        if self.region.start is not None:
            return self.region.start
        return min(self.region.address, self.layout.control, self.layout.first - self.layout.header)

    @property
    def end(self) -> int:
        """The address behind its last byte."""
        return self.region.end if self.region.end is not None else self.layout.behind

    def word_of(self, payload: int) -> int:
        """The size word of a proven block."""
        return self.walk.words[self.position[payload]]

    def size_of(self, payload: int) -> int:
        """What the allocator holds for a proven block."""
        return self.word_of(payload) & ~FLAG_BITS

    def is_free(self, payload: int) -> bool:
        """Whether a proven block is marked free."""
        return bool(self.word_of(payload) & FREE_BIT)

    def header_of(self, payload: int) -> int:
        """Where its header begins: where the block before it ends."""
        return payload - self.layout.header

    def requested(self, payload: int) -> Optional[int]:
        """What the user of a proven used block asked for, where its guards tell."""
        return self.guards.requested(self.snapshot, payload, self.size_of(payload))

    def guarded(self, payload: int) -> bool:
        """Whether a proven used block has the guard behind its last byte, so that no write has run past its end."""
        size = self.size_of(payload)
        return not self.is_free(payload) and self.guards.is_guarded(self.snapshot, payload, size)

    def user(self, raw: int) -> int:
        """The pointer that the block's user holds; an end marker has no user."""
        return raw if self.layout.is_end(raw) else raw + self.shift

    def raw(self, payload: int) -> int:
        """The allocator's payload of a user's pointer."""
        return payload - self.shift

    def end_of(self, payload: int) -> int:
        """The address behind the last byte of a proven block."""
        return payload + self.size_of(payload)

    def holder(self, address: int) -> Optional[int]:
        """Payload of the proven block whose bytes hold an address."""
        index = bisect_right(self.walk.payloads, address) - 1
        if index < 0:
            return None
        payload = self.walk.payloads[index]
        return payload if address < self.end_of(payload) else None

    def left_of(self, payload: int) -> Optional[int]:
        """The proven block that ends where the header of `payload` begins."""
        index = bisect_left(self.walk.payloads, payload) - 1
        if index < 0:
            return None
        before = self.walk.payloads[index]
        return before if self.end_of(before) == self.header_of(payload) else None

    def sizes(self) -> Dict[int, int]:
        """Bytes behind the user's pointer of every used block."""
        shift = self.shift
        return {raw + shift: size - shift for raw, size in self.used}

    @property
    def used_bytes(self) -> int:
        """Bytes in use."""
        counted = self.layout.counted_used()
        return sum(self.used_sizes()) if counted is None else counted

    def used_sizes(self) -> List[int]:
        """Sizes of the used blocks."""
        return [size for _, size in self.used]

    def free_sizes(self) -> List[int]:
        """Sizes of the free blocks."""
        return [word & ~FLAG_BITS for word in self.walk.words if word & FREE_BIT]
