# SPDX-License-Identifier: Apache-2.0
"""Finds the heaps of ESP-IDF: the list `registered_heaps`.

Approach: both known layouts of its nodes (with and without a name in front) are tried on the first node, and the one
whose numbers fit is used for all. The list is as hostile as the heaps: bounded, and each node is looked at before it
is followed.
Rejected: `heap_t` from debug information; two different types have that name.
"""

from __future__ import annotations

from typing import List, Optional, Set, Tuple

from gdbext.heap.facts import Region
from gdbext.source.known import Range
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder

CHIP_MEMORY = "soc_memory_regions"  # the program's table of its chip's memories

_MOST_HEAPS = 64
_ORIGIN = "on the list registered_heaps"
_LAYOUTS = (0, 4)  # bytes before caps: none, or a name's pointer
_NODE_BYTES = 36
_MOST_REGIONS = 64


def read_registered(memory: Memory, head: int) -> Tuple[List[Region], Optional[str]]:
    """The heaps on the list whose head is at `head`; and why it ends early, if it does."""
    node = memory.word(head)
    if node is None:
        return [], "the list of heaps cannot be read"
    shift = next((shift for shift in _LAYOUTS if node and _region(memory, node, shift) is not None), None)
    if shift is None:
        return [], None if not node else f"the first entry of the list of heaps, at {node:#x}, is no heap"
    return _follow(memory, node, shift)


def _follow(memory: Memory, node: int, shift: int) -> Tuple[List[Region], Optional[str]]:
    regions: List[Region] = []
    seen: Set[int] = set()
    while node:
        found = None if node in seen or len(seen) >= _MOST_HEAPS else _region(memory, node, shift)
        if found is None:
            return regions, f"the list of heaps is broken at {node:#x}"
        seen.add(node)
        region, node = found
        if region is not None:
            regions.append(region)
    return sorted(regions, key=lambda region: region.address), None


def _region(memory: Memory, node: int, shift: int) -> Optional[Tuple[Optional[Region], int]]:
    """The heap of one node (None for a region that is no heap yet) and the next node; None if this is no node."""
    memory.fetch(node, _NODE_BYTES + shift)
    words = [memory.word(node + shift + 4 * position) for position in range(_NODE_BYTES // 4)]
    start, end, heap, following = words[3], words[4], words[7], words[8]
    if start is None or end is None or heap is None or following is None or node % 4 or start >= end:
        return None
    if heap and not start <= heap < end:
        return None
    return (Region("multi_heap", heap, start, end, origin=_ORIGIN) if heap else None), following


def chip_memory(table: bytes, word: int, byte_order: ByteOrder) -> List[Range]:
    """The chip's memories by the bytes of its table `soc_memory_regions`; [] if these are none.

    An element begins with a start and a size; it has four words, or five where it ends on a flag.
    """
    words = [int.from_bytes(table[place : place + word], byte_order) for place in range(0, len(table), word)]
    for element in (5, 4):
        spans = [(start, start + size) for start, size in zip(words[::element], words[1::element])]
        apart = all(low[1] <= high[0] for low, high in zip(spans, spans[1:]))
        if len(words) % element == 0 and apart and all(start < end for start, end in spans):
            return spans[:_MOST_REGIONS]
    return []
