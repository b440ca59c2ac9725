# SPDX-License-Identifier: Apache-2.0
"""Lists the allocators that memtrace knows, and reads a heap: from a region to its facts.

Approach: each allocator verifies what it claims. `auto` asks them in turn until one is certain or finds a control
block; else the one with the highest weight is taken. A heap that is not recognised is reported with the reason. It is
never guessed.
"""

from __future__ import annotations

from typing import Dict, Mapping, Tuple, Union

from gdbext.heap.allocator import (
    DECISIVE,
    Allocator,
    Family,
    Named,
    Recognised,
    Unreadable,
    remember,
    remembered,
    spans_of,
)
from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.facts import HeapFacts
from gdbext.loading import load
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import said
from gdbext.source.memory import Memory, joined
from gdbext.symbols.shapes import Program

_CUT = said("reading-interrupted")

FAMILIES: Tuple[Family, ...] = tuple(
    load(f"heap.{name}", "FAMILY")
    for name in (
        "tlsf",
        "freertos",
    )
)
ALLOCATORS: Dict[str, Allocator] = {one.kind: one for family in FAMILIES for one in family.allocators}
AUTO = "auto"
KINDS: Dict[str, str] = {
    AUTO: "whatever is recognised at this address",
    **{kind: one.address_is for kind, one in ALLOCATORS.items()},
}


def read_heap(memory: Memory, region: Region, proven: Mapping[int, Proven]) -> Union[HeapFacts, Unreadable]:
    """Reads one heap with all its blocks. `proven`: the live blocks that the trace knows, by the user's pointer."""
    found = recognise(memory, region)
    if isinstance(found, Unreadable):
        named = ALLOCATORS.get(region.kind)
        parts = named.read_parts(memory, region) if named is not None else None
        return parts or (Unreadable(region, "unreadable", _CUT) if memory.interrupted else found)
    allocator, layout = found.allocator, found.layout
    region = replace(region, kind=allocator.kind)
    for low, high in spans_of(region, layout):
        memory.allow(low, high)
    allocator.fetch(memory, region, layout, proven)
    snapshot = memory.snapshot
    read = snapshot.word_reader(layout.control, layout.end)
    walk = allocator.walk(layout, read, Evidence(proven, None, snapshot))
    guards = allocator.guards(walk, read, snapshot)
    if not guards.shift and proven and any(broken.word is None for broken in walk.breaks):
        # Behind bytes that were not read, users' pointers may have been taken for the allocator's.
        guards = allocator.guards(allocator.walk(layout, read, Evidence({}, None, snapshot)), read, snapshot)
    shift = guards.shift
    if shift and walk.breaks:  # the trace knows users' pointers; the walk needs the allocator's payloads
        moved = {payload - shift: (size + shift, why) for payload, (size, why) in proven.items()}
        marked = guards.marked_blocks(snapshot, layout.first, layout.end)
        walk = allocator.walk(layout, read, Evidence(moved, marked, snapshot))
    absent = [hole for low, high in joined(spans_of(region, layout)) for hole in memory.failed(low, high)]
    return HeapFacts(region, allocator, layout, found.counters, walk, snapshot, guards, absent, memory.interrupted)


def recognise(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    """Recognises the heap at a region's address. It reads no more than that needs, and looks into a file only once."""
    found = remembered(memory, region)
    if found is None:
        found = _recognised(memory, region)
        remember(memory, region, found)
    return found


def _recognised(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    if memory.word(region.address) is None:
        return Unreadable(region, "unreadable", said("memory-unreadable", place=region.address))
    found, refused = [], []
    for kind in ALLOCATORS if region.kind == AUTO else [region.kind]:
        one = ALLOCATORS[kind].recognise(memory, region)
        if isinstance(one, Unreadable):
            refused.append(one)
            continue
        found.append(one)
        if one.weight >= DECISIVE or one.certain:
            break
    return max(found, key=lambda one: (one.weight, one.usual)) if found else refused[0]


def weight_of(memory: Memory, region: Region) -> int:
    """Returns the weight of the heap at a region's address, read in this memory's word format; 0 if there is none."""
    found = recognise(memory, region)
    return found.weight if isinstance(found, Recognised) else 0


def complete(memory: Memory, region: Region, program: Program) -> Region:
    """Returns a region of which only the address was known, completed from the program's symbols."""
    for one in ALLOCATORS.values() if region.kind == AUTO else [ALLOCATORS[region.kind]]:
        region = one.complete(memory, region, program)
    return region


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heaps that a program's symbols lead to; if there are none, those that its variables point to."""
    named = Named([], [])
    for asked in ([family.find for family in FAMILIES], [family.find_pointed_to for family in FAMILIES]):
        found = [find(memory, program) for find in asked]
        regions = [region for one in found for region in one.regions]
        problems = [problem for one in found for problem in one.problems]
        named = Named(regions, problems, any(one.final for one in found))
        if regions or problems:
            break
    return named
