# SPDX-License-Identifier: Apache-2.0
"""Finds the heaps of ESP-IDF: the list `registered_heaps`.

Approach: both known layouts of its nodes (with and without a name in front) are tried, and the one that leads to more
heaps is used. The list may be as damaged as the heaps: its length is bounded, and each node is checked before it is
followed.
Rejected: `heap_t` from debug information; two different types have that name.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Dict, Iterable, List, Optional, Set, Tuple

from gdbext.heap.capabilities import capability_hints
from gdbext.heap.roots import root_elsewhere
from gdbext.model.region import Region
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory

LIST = "registered_heaps"
_MOST_HEAPS = 64
_ORIGIN = said("registered")
_LAYOUTS = (0, 4)  # bytes before caps: none, or a name's pointer
_NODE_BYTES = 36
_MOST_TYPES = 32
_TYPE_BYTES = (16, 20)  # size of an entry of soc_memory_types; some versions have flags behind the capabilities
_NAME_BYTES = 32

Names = Dict[int, str]  # names of kinds of memory, by all their capabilities ORed


def read_memory_types(memory: Memory, types: int, count: Optional[int]) -> Names:
    """Returns the names of ESP-IDF's kinds of memory by their capabilities, from the constant soc_memory_types."""
    if count is None or not 0 < count <= _MOST_TYPES:
        return {}
    for size in _TYPE_BYTES:
        memory.fetch(types, count * size)
        found: Names = {}
        sound = 0
        for address in range(types, types + count * size, size):
            pointer, *caps = (memory.word(address + 4 * position) for position in range(4))
            may = pointer is not None and memory.may_read(pointer, pointer + 1)
            text = memory.string(pointer, _NAME_BYTES) if may and pointer is not None else None
            if text and text.isprintable() and None not in caps:
                found.setdefault(_all_of(caps), text)  # of two kinds with the same capabilities the first is taken
                sound += 1
        if sound == count:
            return found
    return {}


def _all_of(caps: Iterable[Optional[int]]) -> int:
    return reduce(or_, (one or 0 for one in caps))


def read_registered(memory: Memory, head: int, names: Optional[Names] = None) -> Tuple[List[Region], Optional[Said]]:
    """Returns the heaps on the list whose head is at `head`, and why the list ends early; None if it does not."""
    node = memory.word(head)
    if node is None:
        return [], said("root-unreadable", name=LIST, place=head)
    if not node:
        return [], None
    if not memory.may_read(node, node + _NODE_BYTES):
        return [], root_elsewhere(memory, LIST, head, node)
    read: List[Tuple[List[Region], Optional[Said]]] = []
    for shift in _LAYOUTS:
        if _region(memory, node, shift, {}):
            read.append(_follow(memory, node, shift, names or {}))
            if read[-1][1] is None:
                break  # the longer form is not tried: there may be no memory behind the node
    if not read:
        return [], said("root-leads-nowhere", name=LIST, place=head, value=node)
    return max(read, key=lambda one: (len(one[0]), one[1] is None))


def _follow(memory: Memory, node: int, shift: int, names: Names) -> Tuple[List[Region], Optional[Said]]:
    regions: List[Region] = []
    seen: Set[int] = set()
    while node:
        found = None if node in seen or len(seen) >= _MOST_HEAPS else _region(memory, node, shift, names)
        if found is None:
            return regions, said("registered-broken", place=node)
        seen.add(node)
        region, node = found
        if region is not None:
            regions.append(region)
    return sorted(regions, key=lambda region: region.address), None


def _region(memory: Memory, node: int, shift: int, names: Names) -> Optional[Tuple[Optional[Region], int]]:
    """Returns the heap of one node (None if its region is no heap yet) and the next node; None if it is no node."""
    memory.fetch(node, _NODE_BYTES + shift)
    words = [memory.word(node + shift + 4 * position) for position in range(_NODE_BYTES // 4)]
    start, end, heap, following = words[3], words[4], words[7], words[8]
    if start is None or end is None or heap is None or following is None or node % 4 or not 0 < start < end:
        return None
    if heap and not start <= heap < end:
        return None
    name = names.get(_all_of(words[:3]))
    hints = capability_hints([word or 0 for word in words[:3]])
    return (Region("multi_heap", heap, start, end, name, _ORIGIN, hints) if heap else None), following
