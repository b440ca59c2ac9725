# SPDX-License-Identifier: Apache-2.0
"""Finds heaps in memory without symbols, by the look of their control data.

Approach: each allocator leaves a mark that a search at the speed of the C library can find. Every place with a mark is
then recognised as if the user had named it. It is a heap only if lists, bitmaps and blocks agree.
Rejected: trying each word as the start of a heap (some milliseconds each); believing the mark alone (old control
blocks and tables of equal entries have it too).
Cost: about 2 ns for each byte, and a few milliseconds for each place with a mark. At most some hundred are tried.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple
from weakref import WeakKeyDictionary

from gdbext.heap.allocator import FoundHeap, Named
from gdbext.heap.registry import bodies
from gdbext.model.said import Text
from gdbext.source.memory import Memory, search_cut

Range = Tuple[int, int]


_SEARCHED: WeakKeyDictionary[Memory, Named] = WeakKeyDictionary()


def search_file(memory: Memory) -> Named:
    """Returns the heaps that are recognised in a file. A file does not change, so it is searched only once."""
    if memory not in _SEARCHED:
        ranges, left = memory.searchable()
        found = search_heaps(memory, ranges)
        found.problems.extend([search_cut(left)] if left else [])
        _SEARCHED[memory] = found
    return _SEARCHED[memory]


def search_heaps(memory: Memory, ranges: Sequence[Range]) -> Named:
    """Returns every heap that begins in these ranges, in address order, and what the search left out."""
    snapshot = memory.whole(ranges)
    left_out: List[Text] = []
    found: List[FoundHeap] = []
    for one in bodies():
        found += one.search(memory, snapshot, [span for _, spans in found for span in spans], left_out)
    return Named(sorted((region for region, _ in found), key=lambda region: region.address), left_out)
