# SPDX-License-Identifier: Apache-2.0
"""Holds all that was read of one heap, and defines the rules that an allocator checks on it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain, islice
from types import MappingProxyType
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Hashable,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)
from weakref import WeakKeyDictionary

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Flaw, Geometry
from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.walk import Node, Walk
from gdbext.model.record import Record
from gdbext.model.region import Region, Span
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said
from gdbext.source.snapshot import Snapshot, WordReader

# The inside of a free block of so many bytes is not read if only users' bytes are wanted. A smaller one costs less than
# a round trip.
LEAST_LEFT_OUT = 4096

_Found = TypeVar("_Found")
Edge = Tuple[int, int, int, int]  # payload and size word of a block, and those of the header behind it


class Counters(Record):
    """The counters that a heap keeps of itself."""

    free_bytes: int
    minimum_free: Optional[int]
    flaws: Tuple[Flaw, ...]
    pool_size: int = 0  # bytes that the heap was given


class Fault(Record):
    """One place that breaks a rule. Nothing has been concluded from it yet."""

    rule: str
    address: int  # first damaged byte
    length: int
    block: Optional[int]
    text: Said
    touches: FrozenSet[Hashable]
    transient: bool = True  # True if the allocator may leave this for a moment in the middle of a call
    role: str = ""  # what the broken word is for; `role`, `expected` and `actual` as in a Finding
    expected: Optional[int] = None
    actual: Optional[int] = None


def once(found: Callable[[HeapFacts], _Found]) -> Callable[[HeapFacts], _Found]:
    """Returns the function with its answers kept: several rules of a heap ask it. An answer must not hold the heap."""
    known: WeakKeyDictionary[HeapFacts, _Found] = WeakKeyDictionary()

    def answer(facts: HeapFacts) -> _Found:
        if facts not in known:
            known[facts] = found(facts)
        return known[facts]

    return answer


class Rule(Record):
    """An invariant of an allocator: its sentence, and the check that finds where it is broken.

    `struck` is the part that a write hits when it breaks the rule. It decides how the fault is explained: a "header",
    the "link" in one, the bytes "before" or "behind" a user's own, the "inside" of a free block, "counters", or other
    "control" data.
    """

    id: str
    sentence: str
    check: Callable[[HeapFacts], Iterable[Fault]] = lambda facts: ()
    struck: str = "control"
    severity: str = "damage"
    derived: bool = False  # whether it only repeats what blocks and lists say: wrong as a consequence, mostly
    lacks: Callable[[HeapFacts], Optional[Said]] = lambda facts: None  # why it could not be checked, or not in full


class Invariants:
    """The checks that an allocator has for a heap that has been read."""

    rules: Tuple[Rule, ...] = ()  # those first that tell most about a cause
    # What keeps others out of a call that is under way, where that is documented: the "scheduler" that stands still,
    # the rule that "threads" alone may call, or "": not known here, or whoever may call is kept out.
    locks = ""

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """Yields what could not be checked, and why."""
        return iter(())

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Yields the evidence that a heap is of this kind."""
        return iter(())


class HeapFacts:
    """One heap, read once. Methods take the allocator's payload (raw) of a block; `user` returns its user's pointer."""

    def __init__(
        self,
        region: Region,
        allocator: Invariants,
        layout: Geometry,
        counters: Optional[Counters],
        walk: Walk,
        snapshot: Snapshot,
        guards: Guards = NO_GUARDS,
        absent: Sequence[Span] = (),
        cut: bool = False,
        users: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.region = region
        self.allocator = allocator
        self.layout = layout
        self.counters = counters
        self.walk = walk
        self.snapshot = snapshot
        self.absent = absent  # parts of the heap that could not be read from images or target
        self.cut = cut  # True if Ctrl-C ended the reading
        self.guards = guards
        self.shift = guards.shift  # bytes from the allocator's payload (raw) to the user's, by the guards
        self._users = users  # users' pointers that the trace knows, by raw payload, if the layout has leads
        self.read: WordReader = snapshot.word_reader(layout.begin, layout.end)
        self.read32: WordReader = snapshot.reader32(layout.begin, layout.end)  # at any address
        self.listed: Dict[int, Node] = {node.payload: node for node in walk.nodes}

    @property
    def edges(self) -> Iterator[Edge]:
        """Yields each proven block with the header behind it. Blocks without a known header behind are left out."""
        payloads, words, step = self.walk.payloads, self.walk.words, self.layout.header
        header = self.layout.header_reader(self.read)
        markers = ((pool.end, header(pool.end - step)) for pool in self.layout.pools)
        ends = {end: marker for end, marker in markers if marker is not None and not marker & ~FLAG_BITS}
        behind = chain(islice(zip(payloads, words), 1, None), [(-1, 0)])
        for payload, word, (listed, after) in zip(payloads, words, behind):
            following = payload + (word & ~FLAG_BITS) + step
            if following == listed or following in ends:
                yield payload, word, following, after if following == listed else ends[following]

    @property
    def start(self) -> int:
        """Returns the address of the heap's first byte."""
        if self.region.start is not None:
            return self.region.start
        return self.layout.begin if self.layout.apart else min(self.region.address, self.layout.begin)

    @property
    def end(self) -> int:
        """Returns the address behind the heap's last byte."""
        return self.region.end if self.region.end is not None else self.layout.behind

    def is_block(self, payload: Optional[int]) -> bool:
        """True if a proven block begins there."""
        return payload is not None and self.walk.index_of(payload) is not None

    def word_of(self, payload: int) -> int:
        """Returns the size word of a proven block. Raises KeyError if none begins there."""
        index = bisect_left(self.walk.payloads, payload)
        if index == len(self.walk.payloads) or self.walk.payloads[index] != payload:
            raise KeyError(payload)
        return self.walk.words[index]

    def size_of(self, payload: int) -> int:
        """Returns the size of a proven block, in bytes of the allocator's payload."""
        return self.word_of(payload) & ~FLAG_BITS

    def is_free(self, payload: int) -> bool:
        """True if a proven block is marked free."""
        return bool(self.word_of(payload) & FREE_BIT)

    def header_of(self, payload: int) -> int:
        """Returns the address of a block's header. The block before it ends there."""
        return payload - self.layout.header

    def requested(self, payload: int) -> Optional[int]:
        """Returns the requested size of a proven used block by its guards; None if they do not tell."""
        return self.guards.requested(self.snapshot, payload, self.size_of(payload))

    def guarded(self, payload: int) -> bool:
        """True if the guard behind a proven used block's last byte is intact: no write has run past its end."""
        size = self.size_of(payload)
        return not self.is_free(payload) and self.guards.is_guarded(self.snapshot, payload, size)

    def user(self, raw: int) -> int:
        """Returns the pointer that a block's user has. For an end marker, which has no user, it returns `raw`."""
        if self.layout.is_end(raw):
            return raw
        if self.layout.leads:
            known = self._users.get(raw)
            return self.layout.user_of(raw, self.read) + self.shift if known is None else known
        return raw + self.shift

    def raw(self, payload: int) -> int:
        """Returns the allocator's payload for a user's pointer."""
        return self.layout.raw_of(payload, self.read) - self.shift if self.layout.leads else payload - self.shift

    def lead(self, raw: int) -> int:
        """Returns the bytes from the allocator's payload to the user's pointer."""
        return self.user(raw) - raw if self.layout.leads else self.shift

    def own_words(self, payload: int) -> List[Span]:
        """Returns where a proven block holds words that are not its user's, as far as they are intact."""
        if self.is_free(payload):
            return self.layout.own_words(payload, self.size_of(payload), self.read)
        lead = self.lead(payload)
        return [(payload, payload + lead)] if lead else []

    def end_of(self, payload: int) -> int:
        """Returns the address behind the last byte of a proven block."""
        return payload + self.size_of(payload)

    def holder(self, address: int) -> Optional[int]:
        """Returns the payload of the proven block that contains an address; None if none does."""
        index = bisect_right(self.walk.payloads, address) - 1
        if index < 0:
            return None
        payload = self.walk.payloads[index]
        return payload if address < self.end_of(payload) else None

    def in_gap(self, payload: Optional[int]) -> bool:
        """True if a block's header would lie in memory in which no block could be proven."""
        return payload is not None and any(gap.start <= self.header_of(payload) < gap.end for gap in self.walk.gaps())

    def is_inside_other(self, payload: Optional[int]) -> bool:
        """True if no block begins at a payload, because it lies inside a proven one."""
        return payload is not None and self.holder(payload) not in (None, payload)

    def left_of(self, payload: int) -> Optional[int]:
        """Returns the proven block that ends where the header of `payload` begins; None if none does."""
        index = bisect_left(self.walk.payloads, payload) - 1
        if index < 0:
            return None
        before = self.walk.payloads[index]
        return before if self.end_of(before) == self.header_of(payload) else None

    def user_size(self, user: int) -> Optional[int]:
        """Returns the bytes from a user's pointer to the block's end; None if no used block has this pointer."""
        raw = self.raw(user)
        index = self.walk.index_of(raw)
        word = FREE_BIT if index is None else self.walk.words[index]
        return None if word & FREE_BIT else (word & ~FLAG_BITS) - (user - raw)

    def numbers(self) -> Dict[str, Any]:
        """Returns the heap's place and sums by the names that reports give them."""
        free, counters = self.free_sizes(), self.counters
        return {
            "kind": self.region.kind,
            "layout": self.layout.name,
            "name": self.region.name,
            "address": self.region.address,
            "start": self.start,
            "end": self.end,
            "used_blocks": len(self.walk.payloads) - len(free),
            "free_blocks": len(free),
            "used_bytes": self.used_bytes,
            "free_bytes": sum(free) if counters is None else counters.free_bytes,
            "largest_free": max(free, default=0),
            "minimum_free": None if counters is None else counters.minimum_free,
        }

    def extent_given(self) -> Dict[str, Any]:
        """Returns how much of the heap is missing by the names that reports give it."""
        missing = sum(high - low for low, high in self.absent)
        return {"missing": missing, "end_known": not any(pool.open for pool in self.layout.pools)}

    def spans_without_free(self) -> Iterator[Span]:
        """Yields the memory of the pools without the insides of large free blocks. Their links and ends are kept."""
        layout, kept = self.layout, 4 * self.layout.word
        for pool in layout.pools if layout.fills_pools else ():
            low, behind = pool.first - layout.header, layout.behind_pool(pool)
            first, last = bisect_left(self.walk.payloads, pool.first), bisect_left(self.walk.payloads, behind)
            for payload, word in zip(self.walk.payloads[first:last], self.walk.words[first:last]):
                size = word & ~FLAG_BITS
                if word & FREE_BIT and size >= LEAST_LEFT_OUT:
                    yield low, payload + kept
                    low = payload + size - kept
            yield low, behind

    @property
    def used_bytes(self) -> int:
        """Returns the bytes in use."""
        counted = self.layout.counted_used()
        return sum(size for _, size in self.walk.used()) if counted is None else counted

    def free_sizes(self) -> List[int]:
        """Returns the sizes of the free blocks."""
        return [word & ~FLAG_BITS for word in self.walk.words if word & FREE_BIT]
