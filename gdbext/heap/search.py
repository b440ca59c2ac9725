# SPDX-License-Identifier: Apache-2.0
"""Finds heaps in memory that nothing names: by what their control data look like.

Approach: each allocator leaves a mark that a search at the speed of the C library can find; every place that bears one
is then recognised as if the user had named it, and believed only if lists, bitmaps and blocks agree.
Rejected: trying each word as the begin of a heap (some milliseconds each); believing the mark (old control blocks,
and tables whose entries are all alike, bear it too).
Cost: linear in the bytes, some 2 ns a byte; a few milliseconds a place that bears a mark, of which some hundred at
most are looked at.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple
from weakref import WeakKeyDictionary

from gdbext.heap.allocator import FoundHeap, Named
from gdbext.heap.registry import FAMILIES
from gdbext.model.said import Text
from gdbext.source.memory import Memory

Range = Tuple[int, int]


_SEARCHED: WeakKeyDictionary[Memory, Named] = WeakKeyDictionary()


def search_file(memory: Memory) -> Named:
    """The heaps that show themselves in a file. It does not change, so it is searched once."""
    if memory not in _SEARCHED:
        _SEARCHED[memory] = search_heaps(memory, memory.ranges())
    return _SEARCHED[memory]


def search_heaps(memory: Memory, ranges: Sequence[Range]) -> Named:
    """Every heap that begins in these ranges, in address order; and what had to be left out of the search."""
    held = memory.whole(ranges)
    left_out: List[Text] = []
    found: List[FoundHeap] = []
    for family in FAMILIES:
        found += family.search(memory, held, [span for _, spans in found for span in spans], left_out)
    return Named(sorted((region for region, _ in found), key=lambda region: region.address), left_out)
