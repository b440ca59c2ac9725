# SPDX-License-Identifier: Apache-2.0
"""Tells whether a heap has room for a request, and which used blocks stand between free ones where it has none.

Approach: each run of neighbouring blocks that would hold the request is a candidate: two ends that move over the heap
once. Of these the one with the fewest used blocks is taken, of equal ones that with the fewest bytes in them; then the
next one that shares no block with it.
Cost: one pass over the blocks of a heap.
Assumptions: blocks that are freed become one with their free neighbours.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import FrozenSet, Iterator, List, Tuple

from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT
from gdbext.model.record import Record

MOST_OPENINGS = 3
_CONSIDERED = 64  # runs that lie in each other mostly
MOST_USED = 64  # blocks: whoever has to free more of them needs another plan


class Run(Record):
    """Neighbouring blocks that would be one free block if the used ones among them were freed."""

    first: int  # positions in the heap's walk
    last: int
    size: int  # of the free block that they would be
    used: int  # blocks
    used_bytes: int


def size_needed(facts: HeapFacts, requested: int) -> int:
    """Returns the least size of a free block of this heap that a request is served from."""
    return facts.layout.needed(facts.guards.wrapped(requested))


def granted(facts: HeapFacts) -> int:
    """Returns the largest request that this heap is sure to serve from its free blocks, in bytes."""
    largest = max(facts.free_sizes(), default=0)
    low, high = 0, largest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size_needed(facts, middle) <= largest else (low, middle - 1)
    return low


def openings(facts: HeapFacts, needed: int, kept: FrozenSet[int]) -> List[Run]:
    """Returns the cheapest places where freeing used blocks makes room. `kept`: payloads of blocks that stay."""
    if not facts.layout.joins_free:
        return []
    found: List[Run] = []
    for used, used_bytes, first, last in nsmallest(_CONSIDERED, _runs(facts, needed, kept)):
        first, last = _with_free(facts, first, last)
        if len(found) < MOST_OPENINGS and all(one.last < first or last < one.first for one in found):
            size = facts.end_of(facts.walk.payloads[last]) - facts.walk.payloads[first]
            found.append(Run(first, last, size, used, used_bytes))
    return found


def _runs(facts: HeapFacts, needed: int, kept: FrozenSet[int]) -> Iterator[Tuple[int, int, int, int]]:
    """Yields, of the shortest run from each block on that would hold the request, the used blocks, the bytes in them,
    and both ends.
    """
    payloads, words, header = facts.walk.payloads, facts.walk.words, facts.layout.header
    first = used = used_bytes = following = 0
    for last, (payload, word) in enumerate(zip(payloads, words)):
        size, is_used = word & ~FLAG_BITS, not word & FREE_BIT
        if payload in kept or payload != following:
            first, used, used_bytes = last, 0, 0
        following = payload + size + header
        if payload in kept:
            first = last + 1
            continue
        used, used_bytes = used + is_used, used_bytes + is_used * size
        while first <= last and (payload + size - payloads[first] >= needed or used > MOST_USED):
            if 0 < used <= MOST_USED:
                yield used, used_bytes, first, last
            if not words[first] & FREE_BIT:
                used, used_bytes = used - 1, used_bytes - (words[first] & ~FLAG_BITS)
            first += 1


def _with_free(facts: HeapFacts, first: int, last: int) -> Tuple[int, int]:
    """Returns the ends of a run with the free blocks right before and behind it."""
    payloads, words = facts.walk.payloads, facts.walk.words
    if first and words[first - 1] & FREE_BIT and facts.end_of(payloads[first - 1]) == facts.header_of(payloads[first]):
        first -= 1
    behind = last + 1
    if behind < len(payloads) and words[behind] & FREE_BIT:
        last += facts.header_of(payloads[behind]) == facts.end_of(payloads[last])
    return first, last
