# SPDX-License-Identifier: Apache-2.0
"""Reads heaps of which a core has only the used blocks: ESP-IDF's core dumps with CAPTURE_DRAM.

Approach: in such a core each used block is a segment of its own, from the allocator's payload on. It has no headers, no
lists and no free blocks. So the segments inside the heap's bounds are the blocks, and only poison can be checked. A
segment inside another (a task's stack in its block) is no block of its own.
Rejected: reading the gaps between segments as free blocks (a dump of a damaged heap leaves blocks out).
Assumptions: the heap's bounds come from the list of heaps, which such a core has too.
"""

from __future__ import annotations

from typing import Callable, Iterator, List, Optional, Tuple

from gdbext.heap.facts import HeapFacts, Invariants
from gdbext.heap.geometry import Geometry, Pool
from gdbext.heap.tlsf.poison import find_poison
from gdbext.heap.tlsf.rules_poison import AROUND, FILLS
from gdbext.heap.walk import Walk
from gdbext.model.region import Region
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory

_SMALLEST_WORDS = 3
ABSENT = said("used-blocks-alone")

Spans = List[Tuple[int, int]]


class _UsedBlocks(Geometry):
    """Blocks without headers. The memory between them is not at hand."""

    has_headers = False
    has_markers = False
    fills_pools = False

    def old_link(self, end: int) -> Optional[int]:
        """Returns the address of the word in front of the next size word: TLSF's blocks begin there."""
        return end - self.word


class _Dumped(Invariants):
    """The rules for such a heap: only poison can be checked."""

    rules = (*AROUND, *FILLS)

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """Remarks that all other rules could not be checked."""
        heap = f"heap {facts.region.address:#x}"
        yield Skipped(heap, ABSENT)
        last, end = facts.end_of(facts.walk.payloads[-1]), facts.region.end
        if end is not None and last < end:
            yield Skipped(heap, said("no-used-block-behind", place=last, end=end))

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells that the blocks are segments of the core."""
        yield said("blocks-are-segments")


def read_used_blocks(memory: Memory, region: Region) -> Optional[HeapFacts]:
    """Returns the used blocks of a heap if the source is a core that has them as segments; else None."""
    blocks: Optional[Callable[[int, int], Spans]] = getattr(memory.source, "blocks", None)
    if blocks is None or region.start is None or region.end is None:
        return None
    word = memory.source.pointer_size
    spans = [(low, high) for low, high in blocks(region.start, region.end) if low % word == 0]
    if not spans:
        return None
    for low, high in spans:
        memory.fetch(low, high - low)
    pool = Pool(spans[0][0], spans[-1][1] + word)
    layout = _UsedBlocks("used-blocks", word, word, word, _SMALLEST_WORDS * word, region.address, (pool,), ())
    walk = Walk(layout, [low for low, _ in spans], [high - low & -word for low, high in spans])
    snapshot = memory.snapshot
    poison = find_poison(walk, memory.word, snapshot)
    return HeapFacts(region, _Dumped(), layout, None, walk, snapshot, poison, cut=memory.interrupted)
