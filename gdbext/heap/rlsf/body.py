# SPDX-License-Identifier: Apache-2.0
"""The heap of rlsf, and how it is found.

Approach: in bare memory a pool shows itself by its last block, from which blocks lead back to one that none precedes.
The Tlsf is what holds the address of a listed block where the head of its list is.
Rejected: a search for names (a Rust program may call its heap anything).
Cost: one pass of the C library for the last block's word, and one for the address of some free blocks of each pool.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Union

from gdbext.heap.allocator import (
    BY_SIGNATURE,
    DECISIVE,
    Allocator,
    Body,
    FoundHeap,
    Recognised,
    Unreadable,
    spans_of,
)
from gdbext.heap.cover import Evidence
from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import FREE_BIT, Geometry, narrowed
from gdbext.heap.rlsf.layout import LAST, RlsfLayout
from gdbext.heap.rlsf.recognise import Blocks, Chain, layout_of, pool_from, possible_tables, recognise
from gdbext.heap.rlsf.rules import RULES
from gdbext.heap.tries import Tries
from gdbext.heap.walk import Node, Walk, walk_listed
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader, places_of

_KIND = "rlsf"
_FEWEST = 3  # blocks of a pool that do not fit by chance: each has a whole word that leads back
_ASKED = 8  # free blocks by which a Tlsf is looked for
_MOST_CANDIDATES = 256  # pools, their free blocks that are asked, and possible Tlsfs
_LOOKS_A_TRY = 1024  # headers


class _Rlsf(Allocator):
    """rlsf's Tlsf."""

    kind = _KIND
    rules = RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises a Tlsf, or the first block of a pool."""
        claimed = region.kind == self.kind
        found = recognise(Blocks(memory), region.address, claimed)
        if found is None:
            return Unreadable(region, "unreadable", said("rlsf-none", place=region.address))
        layout, blocks, whole = found
        # With pointers of another width a damaged heap seems to be there, too: more blocks speak for the right one.
        sure = whole and (layout.table is not None or blocks >= _FEWEST)
        return Recognised(self, layout, None, DECISIVE if sure else max(1, blocks))

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """A block agrees with what is around it if the one behind it leads back to it."""
        word, header = layout.word, layout.header

        def agrees(payload: int, size: int, following: int) -> bool:
            return read(following - word) in (payload - header, None)

        return walk_listed(layout, read, lambda broken: agrees, lambda walk: _nodes(walk, read), evidence)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells how many blocks lead to the next one and back."""
        yield said("rlsf-chain", count=len(facts.walk.payloads))


def _nodes(walk: Walk, read: WordReader) -> Iterator[Node]:
    """Yields the free blocks whose links lead to free blocks that lead back, or from a list's begin to its end."""
    layout = narrowed(walk.layout, RlsfLayout)
    word, header = layout.word, layout.header
    free = {payload: size for payload, size in zip(walk.payloads, walk.words) if size & FREE_BIT}
    for payload, size in free.items():
        following, before = read(payload), read(payload + word)
        slot = layout.slot_of(size & ~FREE_BIT)
        if slot is None or following is None or before is None or layout.table is None:
            continue
        previous = before + header if before else None
        if not before or (previous in free and read(before + header) == payload - header):
            pointer = layout.table.head_of(slot) if previous is None else previous
            yield Node(payload, slot, pointer, previous, following, before)


def find_heaps(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every heap of which a pool's blocks lead from the last one back to the first."""
    found: List[FoundHeap] = []
    claimed = list(taken)
    tries = Tries(_KIND, _MOST_CANDIDATES, left_out)
    for pool in (one for start, end in snapshot.extents() for one in _pools(memory, snapshot, start, end)):
        if any(low <= pool.first < high for low, high in claimed):
            continue
        if not tries.another(pool.first):
            break
        heap = _heap(memory, snapshot, pool, tries)
        if heap is not None:
            found.append(heap)
            claimed += heap[1]
    return found


def _pools(memory: Memory, snapshot: Snapshot, start: int, end: int) -> Iterator[Chain]:
    blocks = Blocks(memory)
    data, mark = snapshot.get(start, end - start) or b"", blocks.grain | LAST
    pattern = mark.to_bytes(blocks.word, snapshot.byte_order)
    for last in (start + at for at in places_of(data, pattern)):
        first, is_first = (0, False) if last % blocks.grain else blocks.lowest(last)
        pool = pool_from(blocks, first) if is_first and first < last else None
        if pool is not None and pool.whole:
            yield pool


def _heap(memory: Memory, snapshot: Snapshot, pool: Chain, tries: Tries) -> Optional[FoundHeap]:
    for address in _tables(memory, snapshot, pool, tries):
        if not tries.another(pool.first):
            break
        blocks = Blocks(memory)
        known = recognise(blocks, address, claimed=False)
        if known is not None and known[0].table is not None and known[0].pool_of(pool.first + known[0].header):
            return Region(_KIND, address, origin=BY_SIGNATURE), spans_of(Region(_KIND, address), known[0])
        tries.charge(blocks.looks // _LOOKS_A_TRY)
    if pool.blocks < _FEWEST:
        return None
    region = Region(_KIND, pool.first, origin=BY_SIGNATURE)
    return region, spans_of(region, layout_of(memory, [pool], None))


def _tables(memory: Memory, snapshot: Snapshot, pool: Chain, tries: Tries) -> Iterator[int]:
    """Yields where the Tlsf of a pool may lie."""
    blocks, asked, place = Blocks(memory), 0, pool.first
    word = blocks.word
    while place != pool.last and asked < _ASKED:
        one, following = blocks.pair(place), blocks.behind(place)
        if one is None or following is None:
            return
        if not one[0] & 1 and not memory.word(place + 3 * word):
            asked += 1
            if not tries.another(pool.first):
                return
            pattern = place.to_bytes(word, snapshot.byte_order)
            for where in _places(snapshot, pattern, pool):
                yield from possible_tables(word, where, one[0])
        place = following


def _places(snapshot: Snapshot, pattern: bytes, pool: Chain) -> Iterator[int]:
    """Yields the places of a word outside of a pool."""
    for start, end in snapshot.extents():
        data = snapshot.get(start, end - start) or b""
        for place in (start + at for at in places_of(data, pattern)):
            if not place % len(pattern) and not pool.first <= place < pool.last:
                yield place


BODY = Body(allocators=(_Rlsf(),), search=find_heaps)
