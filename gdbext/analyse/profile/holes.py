# SPDX-License-Identifier: Apache-2.0
"""Finds the holes between the live blocks of a heap, and the blocks whose free would join the largest.

A log has no free lists. Between two live blocks may lie free memory, or blocks that are older than the log, or headers.
So a hole is an upper bound of what is free there, and no more is said of it.
Approach: blocks of one heap in the order of addresses. Where nothing lives for a mebibyte, another region begins.
Cost: one sort of the live blocks.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from gdbext.model.profile import Live, Owner
from gdbext.model.record import Record

_REGION_ENDS = 1 << 20  # bytes without a live block
_LEAST_HOLE = 64  # less may be headers and what the allocator rounds up to


class Holes(Record):
    """The holes of one heap."""

    heap: int
    live_bytes: int
    span: int  # bytes from the first live block of each region to its last
    holes: int
    hole_bytes: int
    largest: int
    pin: Optional[int]  # the owner of the block between the two holes that are the largest together
    pinned: int  # bytes that would be one hole without that block


def holes_of(owners: Sequence[Owner], live: Sequence[Live]) -> Tuple[Holes, ...]:
    """Returns the holes of each heap, those of the heap with the most bytes in holes first."""
    heaps: Dict[int, List[Live]] = {}
    for block in live:
        if not block.mapped and 0 <= block.owner < len(owners):
            heaps.setdefault(owners[block.owner].heap, []).append(block)
    found = [_of_heap(heap, sorted(blocks, key=lambda block: block.address)) for heap, blocks in heaps.items()]
    return tuple(sorted(found, key=lambda one: -one.hole_bytes))


def _of_heap(heap: int, blocks: List[Live]) -> Holes:
    gaps = [max(0, later.address - one.address - one.size) for one, later in zip(blocks, blocks[1:])]
    inside = [gap if _LEAST_HOLE <= gap < _REGION_ENDS else 0 for gap in gaps]
    joined = [(before + block.size + behind, block) for before, block, behind in zip(inside, blocks[1:], inside[1:])]
    sides = [one for one, before, behind in zip(joined, inside, inside[1:]) if before and behind]
    pinned, pin = max(sides, key=lambda one: one[0], default=(0, None))
    size = sum(block.size for block in blocks)
    span = size + sum(gap for gap in gaps if gap < _REGION_ENDS)
    holes = sum(gap > 0 for gap in inside)
    largest = max(inside, default=0)
    return Holes(heap, size, span, holes, sum(inside), largest, None if pin is None else pin.owner, pinned)
