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

from typing import List, NamedTuple, Sequence, Tuple
from weakref import WeakKeyDictionary

from gdbext.heap.allocator import FoundHeap
from gdbext.heap.region import Region
from gdbext.heap.registry import FAMILIES
from gdbext.model.said import Text
from gdbext.source.memory import Memory

Range = Tuple[int, int]


class Searched(NamedTuple):
    """What a search has found, and what it had to leave out."""

    regions: List[Region]
    left_out: List[Text]


_SEARCHED: WeakKeyDictionary[Memory, Searched] = WeakKeyDictionary()


def search_file(memory: Memory) -> Searched:
    """The heaps that show themselves in a file. It does not change, so it is searched once."""
    if memory not in _SEARCHED:
        _SEARCHED[memory] = search_heaps(memory, memory.ranges())
    return _SEARCHED[memory]


def search_heaps(memory: Memory, ranges: Sequence[Range]) -> Searched:
    """Every heap that begins in these ranges, in address order."""
    held = memory.whole(ranges)
    left_out: List[Text] = []
    found: List[FoundHeap] = []
    for family in FAMILIES:
        found += family.search(memory, held, [span for one in found for span in one.spans], left_out)
    return Searched(sorted((one.region for one in found), key=lambda region: region.address), left_out)
