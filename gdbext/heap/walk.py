# SPDX-License-Identifier: Apache-2.0
"""Walks the pools of a heap, and goes on after damage.

Approach: one forward walk over the size words. At a size word that cannot be right, cover.py finds the best chain of
blocks behind it that the bytes, the free lists and the trace can prove. The walk resumes where that chain begins.
Rejected: stopping at the first bad header, as the allocators' own checkers do; trusting any word that looks like a
header, because every heap is full of old headers.
Cost: one word for each block and three more for each free block. Only damage costs a scan of the bytes behind it.
Assumptions: the layout has been recognised. Nothing in the pool has been checked yet.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Cover, Evidence
from gdbext.heap.ends import PagedReader
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, Geometry, Pool
from gdbext.model.memory import Gap, Resume
from gdbext.model.record import Record
from gdbext.model.said import Said, said
from gdbext.source.snapshot import WordReader


class Break(Record):
    """A header at which the walk could not go on. It lies behind the last good block."""

    payload: int
    word: Optional[int]  # the header's size word; None if it could not be read
    why: Optional[Said]  # what is wrong with the word; None if it could not be read
    before: Optional[int]  # payload of the block that led here; None if this is the pool's first header
    next: int  # payload at which the walk resumed, or the end of the pool


class Node(Record):
    """One entry of a free list, with its links as they are stored."""

    payload: int
    slot: int
    pointer: int  # address of the pointer that leads here
    previous: Optional[int]  # payload of the node before it on its list; None at the head
    next_free: Optional[int]
    prev_free: Optional[int]


class LinkFault(Record):
    """A free-list pointer that cannot be followed."""

    rule: str
    address: int  # address of the pointer
    value: int
    slot: int
    owner: Optional[int]  # payload of the block that holds the pointer; None if the control block holds it
    leads_to: int  # payload of the block that the value would point to
    target: Optional[int]  # the same, or None if that place is not in the heap
    why: Said


class Walk:
    """The blocks of a heap in address order (payloads and header words), its free lists, and the breaks in its walk."""

    def __init__(self, layout: Geometry, payloads: Sequence[int] = (), words: Sequence[int] = ()) -> None:
        self.layout = layout
        self.payloads, self.words = array("Q", payloads), array("Q", words)  # a heap may have a million blocks
        self.breaks: List[Break] = []
        self.resumed: List[Resume] = []
        self.heads: List[Optional[int]] = []
        self.nodes: List[Node] = []
        self.faults: List[LinkFault] = []
        self.cut_slots: Set[int] = set()  # lists that could not be followed to their end
        self.proven_sizes: Dict[int, int] = {}  # true sizes of blocks with a wrong size word, by payload

    def index_of(self, payload: int) -> Optional[int]:
        """Returns the position of the block that begins at `payload`; None if none does."""
        index = bisect_left(self.payloads, payload)
        return index if index < len(self.payloads) and self.payloads[index] == payload else None

    def used(self) -> Iterator[Tuple[int, int]]:
        """Yields the payload and the size of each used block."""
        for payload, word in zip(self.payloads, self.words):
            if not word & FREE_BIT:
                yield payload, word & ~FLAG_BITS

    def gaps(self) -> Tuple[Gap, ...]:
        """Returns the ranges of memory in which no block could be proven."""
        header = self.layout.header
        return tuple(Gap(broken.payload - header, broken.next - header) for broken in self.breaks)


def size_problem(layout: Geometry, pool: Pool, payload: int, word: int) -> Optional[Said]:
    """Says why `word` cannot be the size word of a block at `payload`. Returns None if it can."""
    size = word & ~FLAG_BITS
    if size == 0:
        return said("size-ends-heap")
    if size >> 8 * layout.word:  # no word of memory: it stands for one that no allocator makes
        return said("size-not-made")
    if size > pool.end - pool.first:
        return said("size-too-large")
    if size % layout.align or size < layout.smallest:
        return said("size-not-made")
    if payload + size + layout.header > pool.end:
        return said("size-past-end")
    return None


def walk_pools(walk: Walk, read: WordReader, agrees: Agrees, evidence: Evidence = NOTHING_KNOWN) -> None:
    """Adds every block that can be proven to `walk`."""
    if isinstance(read, PagedReader):
        evidence = evidence._replace(whole=read.whole)
    for pool in walk.layout.pools:
        walker = _Walker(walk, pool, walk.layout.header_reader(read), agrees, evidence)
        payload = pool.first
        while payload < pool.end:
            payload, word = walker.run(payload)
            behind = walker.swallowing()
            inside = None if behind is None else walker.give_way(behind)
            if inside is not None:
                payload = inside
            elif payload < pool.end:
                payload = walker.resume(payload, word)


def walk_listed(
    layout: Geometry,
    read: WordReader,
    agrees: Callable[[FrozenSet[int]], Agrees],
    nodes_of: Callable[[Walk], Iterable[Node]],
    evidence: Evidence,
) -> Walk:
    """Walks a heap whose free list can be read only from its blocks. If there is damage, it walks twice: the second
    walk uses the free list of the first. `agrees` takes the payloads of the broken headers and returns the check.
    """
    walk = Walk(layout)
    walk_pools(walk, read, agrees(frozenset()), evidence)
    nodes = list(nodes_of(walk))
    if walk.breaks:
        broken = frozenset(found.payload for found in walk.breaks)
        walk = Walk(layout)
        walk.nodes = nodes
        walk_pools(walk, read, agrees(broken), evidence)
        nodes = list(nodes_of(walk))
    walk.nodes = nodes
    return walk


# The walk may have jumped over blocks and led to memory that was not read. Those blocks must win by so many points.
_UNREAD_POINTS = 6
_MIDDLE = said("size-into-middle")


class _Walker:
    """The forward walk of one pool, and its ways around damage. It ends because each run begins behind the last one."""

    def __init__(self, walk: Walk, pool: Pool, read: WordReader, agrees: Agrees, evidence: Evidence) -> None:
        self.walk = walk
        self.pool = pool
        self.proven = evidence.proven
        self.read = read
        self.listed = frozenset(node.payload for node in walk.nodes)
        self.evidence = evidence
        self.misplaced: Set[int] = set()  # payloads on the list of another size than their size words say
        for node in walk.nodes:
            word = read(node.payload - walk.layout.header)
            slot = walk.layout.slot_of(word & ~FLAG_BITS) if word else None
            if slot is not None and slot != node.slot:
                self.misplaced.add(node.payload)
        self.cover = Cover(walk.layout, pool, read, agrees, self.listed, evidence)
        self.agrees = agrees
        self.start = self.run_start = len(walk.payloads)  # positions in walk.payloads

    def run(self, payload: int) -> Tuple[int, Optional[int]]:
        """Follows good size words. Returns the first payload with a bad one, and that word; or the end and None."""
        layout, read = self.walk.layout, self.read
        end, step, largest = self.pool.end, layout.header, self.pool.end - self.pool.first
        smallest, odd = layout.smallest, layout.align - 1
        add_payload, add_word = self.walk.payloads.append, self.walk.words.append
        self.run_start = len(self.walk.payloads)
        while payload < end:
            word = read(payload - step)
            if word is None:
                return payload, None
            size = word & ~FLAG_BITS
            following = payload + size + step
            if size < smallest or size > largest or size & odd or following > end:
                return payload, word
            add_payload(payload)
            add_word(word)
            payload = following
        return payload, None

    def resume(self, payload: int, word: Optional[int]) -> int:
        """Records the break at `payload` and returns where the walk goes on."""
        layout, walk = self.walk.layout, self.walk
        first = self._last_doubtful()
        inside = walk.payloads[first] + layout.align if first is not None else payload
        self.cover.build(min(inside, payload))
        better = None if first is None else self._better_start(payload, first, word is None)
        if better is not None:
            self._cut(self._holding(better), better, _MIDDLE)
            return better
        known = None if first is None else self.proven.get(walk.payloads[-1])
        if known is not None and (walk.words[-1] & ~FLAG_BITS) < known[0]:
            resumed = self.cover.next_start(payload) or self.pool.end
            self._cut(self._holding(resumed), resumed, said("size-too-small", allocated=known[0]))
            return resumed
        resumed = self._next_proven(payload, None if word is None else first, word is None)
        spanning = None if first is None or word is None else self._spanning(first, payload, resumed)
        if spanning is not None:
            self._cut(spanning, resumed, _MIDDLE)
            return resumed
        why = None if word is None else size_problem(layout, self.pool, payload, word)
        self._break(payload, word, why, resumed)
        return resumed

    def _has_room(self, payload: int, following: int) -> bool:
        """True if a block at `payload` fits before `following`. Else the size before `payload` is wrong, not its
        header.
        """
        return following - self.walk.layout.header - payload >= self.walk.layout.smallest

    def _next_proven(self, payload: int, first: Optional[int], unread: bool) -> int:
        """Returns where the best chain behind `payload` begins. If no block fits before that chain, it must be worth
        more than the next one that leaves room: then the block before `payload` has a wrong size. `unread`: the header
        at `payload` was not read, so a block is assumed there.
        """
        layout, cover = self.walk.layout, self.cover
        if unread:
            return cover.next_start(payload + layout.smallest + layout.header) or self.pool.end
        resumed = cover.next_start(payload + layout.align) or self.pool.end
        if self._has_room(payload, resumed) or self._needed(first) == 1:
            return resumed
        roomy = cover.next_start(payload + layout.smallest + layout.header) or self.pool.end
        return roomy if cover.weight_from(resumed) <= cover.weight_from(roomy) else resumed

    def _needed(self, first: Optional[int]) -> int:
        """Returns the points by which inner blocks must win: 2 if the last doubtful block looks normal, else 1."""
        if first is None or first < len(self.walk.payloads) - 1 or not self.walk.layout.repeats_flags:
            return 1
        return 1 if self._is_unlikely(self.walk.payloads[first], self.walk.words[first]) else 2

    def _spanning(self, first: int, payload: int, resumed: int) -> Optional[int]:
        """Returns the position of the doubtful block that really reaches up to `resumed`; None if none does. It is a
        free block that the neighbour at `resumed` agrees with, or the last block if no other fits behind it.
        """
        payloads, words = self.walk.payloads, self.walk.words
        neighbour_tells = not self.walk.layout.links_in_headers and resumed < self.pool.end
        for position in range(first, len(payloads)) if neighbour_tells else ():
            if words[position] & FREE_BIT and self.agrees(payloads[position], words[position], resumed):
                return position
        return None if self._has_room(payload, resumed) else self._holding(resumed)

    def _break(self, payload: int, word: Optional[int], why: Optional[Said], resumed: int) -> None:
        """Records a break behind the last block that was kept."""
        walk = self.walk
        before = walk.payloads[-1] if len(walk.payloads) > self.start else None
        walk.breaks.append(Break(payload, word, why, before, resumed))
        if resumed < self.pool.end:
            walk.resumed.append(Resume(resumed, self.cover.why(resumed)))

    def _last_doubtful(self) -> Optional[int]:
        """Returns the position of the earliest block of this run from which on nothing agrees; None if it has none."""
        words = self.walk.words
        position = len(words) - 1
        if position < self.run_start:
            return None
        payloads = self.walk.payloads
        while position > self.run_start and (
            self._is_unlikely(payloads[position], words[position])
            or not self.agrees(payloads[position - 1], words[position - 1], payloads[position])
        ):
            position -= 1
        return position

    def _is_unlikely(self, payload: int, word: int) -> bool:
        """True if a free block is on no list or on the list of another size, or a used block lacks its canaries."""
        if word & FREE_BIT:
            missing = self.walk.layout.lists_all and payload not in self.listed
            return bool(self.listed) and (missing or payload in self.misplaced)
        return self.evidence.lacks_marks(payload, word & ~FLAG_BITS)

    def _better_start(self, payload: int, first: int, unread: bool) -> Optional[int]:
        """Returns where better-proven blocks begin that the doubtful blocks jump over; None if there are none. They
        must win by 6 points if the doubtful blocks lead to unread memory, by 1 if no block fits between them and
        `payload`, else by 1 or 2.
        """
        payloads, align = self.walk.payloads, self.walk.layout.align
        better = self.cover.next_start(payloads[first] + align)
        while better is not None and better < payload:
            if self.walk.index_of(better) is None:  # the walk has met no block there
                break
            better = self.cover.next_start(better + align)
        if better is None or better >= payload:
            return None
        needed = _UNREAD_POINTS if unread else self._needed(first) if self._has_room(better, payload) else 1
        enough = self.cover.weight_from(payload) + needed
        return better if self.cover.weight_from(better) >= enough else None

    def swallowing(self) -> Optional[int]:
        """Returns the payload behind the first block of this run that hides others; None if none does. Signs:
        (a) the block is on the list of another size, and its neighbour disagrees;
        (b) a listed block lies inside it, and its neighbour disagrees or the listed block's neighbour agrees;
        (c) it is marked free but is on no list, and both its flags contradict its neighbours.
        """
        walk = self.walk
        for payload in sorted(payload for payload in self.listed if self.pool.first <= payload < self.pool.end):
            position = bisect_right(walk.payloads, payload) - 1
            if position < self.run_start:
                continue
            start, word = walk.payloads[position], walk.words[position]
            following = start + (word & ~FLAG_BITS) + walk.layout.header
            odd = payload < following if start != payload else payload in self.misplaced
            if odd and not self.agrees(start, word, following):
                return following
            inner = self.read(payload - walk.layout.header) if odd and start != payload else None
            if inner is None or not inner & FREE_BIT or size_problem(walk.layout, self.pool, payload, inner):
                continue
            if self.agrees(payload, inner, payload + (inner & ~FLAG_BITS) + walk.layout.header):
                return following
        if not walk.layout.repeats_flags:
            return None
        payloads, words = walk.payloads, walk.words
        for position in range(self.run_start + 1, len(words) - 1):
            word = words[position]
            if word & FREE_BIT and (word >> 1 ^ words[position - 1]) & 1 and not words[position + 1] & PREV_FREE_BIT:
                return None if payloads[position] in self.listed else payloads[position + 1]
        return None

    def give_way(self, following: int) -> Optional[int]:
        """Drops the block before `following` if better-proven blocks lie inside it. Returns where the walk goes on;
        None if the block stays.
        """
        walk = self.walk
        first = bisect_left(walk.payloads, following) - 1
        self.cover.build(walk.payloads[first] + walk.layout.align)
        better = self.cover.next_start(walk.payloads[first] + walk.layout.align)
        if better is None or better >= following or self.cover.weight_from(better) <= self.cover.weight_from(following):
            return None
        self._cut(first, better, _MIDDLE)
        return better

    def _holding(self, better: int) -> int:
        """Returns the position of the last block that fits before `better`."""
        payloads = self.walk.payloads
        position = bisect_left(payloads, better) - 1
        return position if position <= self.run_start or self._has_room(payloads[position], better) else position - 1

    def _cut(self, first: int, better: int, why: Said) -> None:
        """Drops the block at position `first` and all blocks behind it. The walk goes on at `better`."""
        walk = self.walk
        start, word = walk.payloads[first], walk.words[first]
        walk.proven_sizes[start] = better - walk.layout.header - start
        del walk.payloads[first:]
        del walk.words[first:]
        self._break(start, word, why, better)
