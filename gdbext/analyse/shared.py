# SPDX-License-Identifier: Apache-2.0
"""Finds memory that has two owners: a heap, and another heap, the C library's sbrk, or a variable.

Approach: every range that hands out or holds memory is an arena, whichever allocator it is of. A heap may lie in one
used block of another heap, or whole in what sbrk gave or in a variable; any other overlap is two owners of one memory.
Rejected: to call it damage (the bytes of each may be sound still); to compare what was allocated (the ranges show it
before anything has been).
"""

from __future__ import annotations

from typing import Iterator, List, Sequence

from gdbext.heap.facts import HeapFacts
from gdbext.model.record import Record
from gdbext.model.said import Said, said

_SLACK_BYTES = 64  # what is taken by sbrk is aligned, and ends with a marker


class Arena(Record):
    """Memory that belongs to something other than the heaps that were read."""

    kind: str  # "sbrk" or "variable"
    low: int
    high: int
    words: Said
    grows: bool = False  # how far it reaches is not known: `high` is the byte behind `low`


class Shared(Record):
    """Memory of a heap that has another owner, too."""

    heap: int  # the address of the heap
    low: int
    high: int
    other: Said
    is_sure: bool = True  # both have it; else they would if the other grew


def shared_memory(heaps: Sequence[HeapFacts], arenas: Sequence[Arena]) -> List[Shared]:
    """Returns what each heap shares, each pair of heaps once."""
    found: List[Shared] = []
    for number, heap in enumerate(heaps):
        found += _with_heaps(heap, heaps[:number])
        for arena in arenas:
            low, high = max(heap.start, arena.low), min(heap.end, arena.high)
            if low < high and not _holds(arena, heap):
                found.append(Shared(heap.region.address, low, high, arena.words, not arena.grows))
    return found


def _with_heaps(heap: HeapFacts, others: Sequence[HeapFacts]) -> Iterator[Shared]:
    for other in others:
        low, high = max(heap.start, other.start), min(heap.end, other.end)
        same = other.layout.control == heap.layout.control  # one heap, named as two kinds
        if low < high and not (same or _in_block(heap, other) or _in_block(other, heap)):
            words = said("arena-heap", kind=other.region.kind, start=other.start, end=other.end)
            yield Shared(heap.region.address, low, high, words)


def _in_block(inner: HeapFacts, outer: HeapFacts) -> bool:
    """Tells whether a heap lies in one used block of another, or where damage hides whose bytes those are."""
    holder = outer.holder(inner.start)
    if holder is None:
        gaps = outer.walk.gaps()
        return any(gap.start <= inner.start and inner.end <= gap.end for gap in gaps)
    return not outer.is_free(holder) and inner.end <= outer.end_of(holder)


def _holds(arena: Arena, heap: HeapFacts) -> bool:
    """Tells whether a heap has all of its memory from the arena: its variable, or what it was given by sbrk."""
    slack = 0 if arena.kind == "variable" else _SLACK_BYTES
    return arena.low - slack <= heap.start and heap.end <= arena.high + slack
