# SPDX-License-Identifier: Apache-2.0
"""Finds NuttX's heaps through g_mmheap and its relatives.

Approach: up to 9.1 the variable is the struct itself, later it points to it, in the front of the heap's memory. If a
pointer is wrong, the heap is looked for where NuttX's memory begins.
Cost: 2 KiB for each variable.
"""

from __future__ import annotations

from typing import Dict

from gdbext.heap.allocator import Named
from gdbext.heap.mm_heads import NUTTX_HEAPS, NUTTX_MEMORY, has_node_lists, structs_of
from gdbext.heap.nuttx_mm.struct import read_mm_heap
from gdbext.heap.roots import root_hints
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heaps that NuttX's variables lead to."""
    if not has_node_lists(memory, program):
        return Named([], [])
    found: Dict[int, Region] = {}
    for root in structs_of(memory, program, NUTTX_HEAPS):
        if root.leads_to not in found and read_mm_heap(memory, root.leads_to) is not None:
            found[root.leads_to] = Region("nuttx_mm", root.leads_to, origin=said("mm-variable", name=root.name))
    if not found:
        for root in structs_of(memory, program, (NUTTX_MEMORY,)):
            place = program.address_of(NUTTX_HEAPS[0])
            if place is not None and root.leads_to != root.place and read_mm_heap(memory, root.leads_to) is not None:
                region = Region("nuttx_mm", root.leads_to, origin=said("mm-variable", name=root.name))
                hints = root_hints(NUTTX_HEAPS[0], place, root.leads_to)
                found[root.leads_to] = replace(region, hints=hints)
    return Named(list(found.values()), [])
