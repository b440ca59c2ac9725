# SPDX-License-Identifier: Apache-2.0
"""Lists the allocators that memtrace knows, and reads a heap: from a region to its facts.

Approach: each allocator verifies what it claims. `auto` asks them in turn until one is certain or finds a control
block; else the one with the highest weight is taken. A heap that is not recognised is reported with the reason. It is
never guessed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, Iterator, List, Mapping, Union

from gdbext.heap.allocator import (
    DECISIVE,
    Allocator,
    Body,
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

# The folders, in the order in which they are asked: those first whose marks are surest.
NAMES = (
    "tlsf",
    "freertos",
    "rlsf",
    "sys_heap",
    "threadx_pool",
    "libc",
    "nuttx_mm",
    "umm_malloc",
    "lwip_mem",
    "rtthread_mem",
)
FAMILIES: Dict[str, Family] = {name: load(f"heap.{name}", "FAMILY") for name in NAMES}
AUTO = "auto"
KINDS: Dict[str, str] = {
    AUTO: "whatever is recognised at this address",
    **{kind: address_is for family in FAMILIES.values() for kind, address_is in family.kinds.items()},
}
_LOADED: List[str] = []  # the families that were needed so far


@lru_cache(maxsize=None)
def body(name: str) -> Body:
    """Returns the allocators of a family. Loads them at the first call."""
    _LOADED.append(name)
    found: Body = load(f"heap.{name}.body", "BODY")
    return found


def bodies() -> Iterator[Body]:
    """Yields every family's allocators."""
    return map(body, FAMILIES)


def allocator_of(kind: str) -> Allocator:
    """Returns the allocator of a kind."""
    name = next(name for name, family in FAMILIES.items() if kind in family.kinds)
    return next(one for one in body(name).allocators if one.kind == kind)


def allocators() -> List[Allocator]:
    """Returns every allocator, in the order in which they are asked."""
    return [one for each in bodies() for one in each.allocators]


def sentences_of(loaded: bool) -> Iterator[Mapping[str, str]]:
    """Yields the sentences of each family that was needed so far, or of each other one."""
    return (load(f"heap.{name}.sentences", "SENTENCES") for name in FAMILIES if (name in _LOADED) == loaded)


def read_heap(memory: Memory, region: Region, proven: Mapping[int, Proven]) -> Union[HeapFacts, Unreadable]:
    """Reads one heap with all its blocks. `proven`: the live blocks that the trace knows, by the user's pointer."""
    found = recognise(memory, region)
    if isinstance(found, Unreadable):
        parts = None if region.kind == AUTO else allocator_of(region.kind).read_parts(memory, region)
        return parts or (Unreadable(region, "unreadable", _CUT) if memory.interrupted else found)
    allocator, layout = found.allocator, found.layout
    region = replace(region, kind=allocator.kind)
    for low, high in spans_of(region, layout):
        memory.allow(low, high)
    allocator.fetch(memory, region, layout, proven)
    snapshot = memory.snapshot
    read = snapshot.word_reader(layout.begin, layout.end)
    walk = allocator.walk(layout, read, Evidence(proven, None, snapshot))
    guards = allocator.guards(walk, read, snapshot)
    if not guards.shift and proven and any(broken.word is None for broken in walk.breaks):
        # Behind bytes that were not read, users' pointers may have been taken for the allocator's.
        guards = allocator.guards(allocator.walk(layout, read, Evidence({}, None, snapshot)), read, snapshot)
    shift = guards.shift
    users = {layout.raw_of(payload, read): payload for payload in proven} if layout.leads else {}
    if (shift or users) and walk.breaks:  # the trace knows users' pointers; the walk needs the allocator's payloads
        raws = ((payload, layout.raw_of(payload, read) - shift) for payload in proven)
        moved = {raw: (proven[payload][0] + payload - raw, proven[payload][1]) for payload, raw in raws}
        marked = guards.marked_blocks(snapshot, layout.first, layout.end)
        walk = allocator.walk(layout, read, Evidence(moved, marked, snapshot))
    absent = [hole for low, high in joined(spans_of(region, layout)) for hole in memory.failed(low, high)]
    cut = memory.interrupted
    return HeapFacts(region, allocator, layout, found.counters, walk, snapshot, guards, absent, cut, users)


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
    for allocator in _asked(region):
        one = allocator.recognise(memory, region)
        if isinstance(one, Unreadable):
            refused.append(one)
            continue
        found.append(one)
        if one.weight >= DECISIVE or one.certain:
            break
    return max(found, key=lambda one: (one.weight, one.usual)) if found else refused[0]


def _asked(region: Region) -> Iterator[Allocator]:
    """Yields the allocators that may know a region."""
    if region.kind != AUTO:
        yield allocator_of(region.kind)
    else:
        for each in bodies():
            yield from each.allocators


def weight_of(memory: Memory, region: Region) -> int:
    """Returns the weight of the heap at a region's address, read in this memory's word format; 0 if there is none."""
    found = recognise(memory, region)
    return found.weight if isinstance(found, Recognised) else 0


def complete(memory: Memory, region: Region, program: Program) -> Region:
    """Returns a region of which only the address was known, completed from the program's symbols."""
    for one in _asked(region):
        region = one.complete(memory, region, program)
    return region


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heaps that a program's symbols lead to; if there are none, those that its variables point to."""
    named = Named([], [])
    may = [body(name) for name, family in FAMILIES.items() if _has_symbols(program, family)]
    for asked in ([one.find for one in may], [one.find_pointed_to for one in may]):
        found = [find(memory, program) for find in asked]
        regions = [region for one in found for region in one.regions]
        problems = [problem for one in found for problem in one.problems]
        named = Named(regions, problems, any(one.final for one in found))
        if regions or problems:
            break
    return named


def _has_symbols(program: Program, family: Family) -> bool:
    return not family.symbols or any(program.address_of(name) is not None for name in family.symbols)
