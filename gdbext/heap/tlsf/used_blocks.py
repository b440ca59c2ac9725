# SPDX-License-Identifier: Apache-2.0
"""Heaps of which a core holds the used blocks and nothing else: ESP-IDF's core dumps with CAPTURE_DRAM.

Approach: there each used block is a segment of its own, from the allocator's payload on; no header, no list, no free
block. So the list of segments inside the heap's bounds is the walk, and poison is all that can be checked. Segments
inside others (a task's stack in its block) are no blocks of their own.
Rejected: reading the gaps between segments as free blocks (a dump that met damage leaves blocks out).
Assumptions: the heap's bounds come from the list of heaps, which such a core holds too.
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
    """Blocks without headers, and nothing between them."""

    has_headers = False
    has_markers = False
    fills_pools = False


class _Dumped(Invariants):
    """Of such a heap poison alone can be checked."""

    rules = (*AROUND, *FILLS)

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """All the rest."""
        yield Skipped(f"heap {facts.region.address:#x}", ABSENT)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """The segments."""
        yield said("blocks-are-segments")


def read_used_blocks(memory: Memory, region: Region) -> Optional[HeapFacts]:
    """The used blocks of a heap, if the source is a core that has them as segments."""
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
    held = memory.snapshot
    poison = find_poison(walk, memory.word, held)
    return HeapFacts(region, _Dumped(), layout, None, walk, held, poison, cut=memory.interrupted)
