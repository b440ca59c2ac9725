# SPDX-License-Identifier: Apache-2.0
"""Recognises heaps and reads them: from an address and a kind to facts.

Approach: each kind has its recogniser; each verifies what it claims. `auto` tries them until a control block decides,
else takes the one that most bytes speak for. What could not be recognised is said with its reason, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.dumped import read_dumped
from gdbext.heap.facts import HeapFacts, Region, Span
from gdbext.heap.freertos import Hints, recognise_freertos, walk_freertos
from gdbext.heap.heap_1 import NO_SYMBOLS, Heap1Layout, recognise_heap_1, walk_heap_1
from gdbext.heap.heap_2 import Heap2Layout, recognise_heap_2, walk_heap_2
from gdbext.heap.layout import FreeRtosLayout, Geometry, MultiHeap, TlsfLayout
from gdbext.heap.multi_heap import limit_pool, read_multi_heap, recognise_multi_heap
from gdbext.heap.plain_tlsf import recognise_plain
from gdbext.heap.poison import Poison, find_poison, marked_blocks
from gdbext.heap.reading import fetch_heap
from gdbext.heap.walk import Walk, walk_tlsf
from gdbext.source.memory import Memory, joined
from gdbext.source.snapshot import Snapshot, WordReader

# More than any heap that a 32-bit chip holds, less than a corrupt length may ask for.
LARGEST_HEAP = 64 << 20
_INFO_BYTES = 20
_CUT = "its reading was interrupted; the same command again reads on"
# The weight of a control block: its lists do not fit by chance, while noise can be read as some blocks of any size.
DECISIVE = 1 << 20


@dataclass(frozen=True)
class Unreadable:
    """A heap that could not be read, and why."""

    region: Region
    status: str  # "unreadable" or "uninitialised"
    why: str


class Recognised(NamedTuple):
    """What a recogniser found, and how much speaks for it: blocks that fit, or a control block."""

    kind: str
    layout: Geometry
    info: Optional[MultiHeap]
    weight: int


KINDS: Dict[str, str] = {
    "auto": "whatever is recognised at this address",
    "multi_heap": "Espressif's multi_heap: the address of its struct multi_heap_info",
    "tlsf": "a TLSF on its own: the address of its control block",
    "freertos_heap_4": "FreeRTOS heap_4: the address of its first block header",
    "freertos_heap_5": "FreeRTOS heap_5: the address of the first region's first block header",
    "freertos_heap_2": "FreeRTOS heap_2: the address of its first block header",
    "freertos_heap_1": "FreeRTOS heap_1: the aligned start of its array; needs symbols",
}


def read_heap(memory: Memory, region: Region, proven: Mapping[int, Proven]) -> Union[HeapFacts, Unreadable]:
    """One heap with all its blocks. `proven`: payloads that the trace knows to be blocks, and what it knows of them."""
    found = recognise(memory, region)
    if isinstance(found, Unreadable):
        return read_dumped(memory, region) or (Unreadable(region, "unreadable", _CUT) if memory.interrupted else found)
    layout, info = found.layout, found.info
    region = replace(region, kind=found.kind)
    _fetch(memory, region, layout, proven)
    read = memory.snapshot.word_reader(layout.control, layout.end)
    walk = _walk(layout, read, Evidence(proven, None, memory.snapshot))
    poison = find_poison(walk, read, memory.snapshot) if info is not None else None
    if poison is not None and poison.shift and walk.breaks:
        walk = _walk(layout, read, _with_poison(memory.snapshot, layout, proven, poison))
    absent = _absent(memory, region, layout)
    return HeapFacts(region, layout, info, walk, memory.snapshot, poison, absent, memory.interrupted)


def _absent(memory: Memory, region: Region, layout: Geometry) -> List[Span]:
    """The parts of a heap that could not be had."""
    header = layout.header if layout.has_headers else 0
    spans = [(pool.first - header, layout.behind_pool(pool)) for pool in layout.pools]
    control = layout.control_end if isinstance(layout, TlsfLayout) else layout.first - header
    return [hole for low, high in joined([(region.address, control), *spans]) for hole in memory.failed(low, high)]


def _with_poison(held: Snapshot, layout: Geometry, proven: Mapping[int, Proven], poison: Poison) -> Evidence:
    """What is known by the user's pointers as the allocator's payloads, and the canaries."""
    shift = poison.shift
    moved = {payload - shift: Proven(known.size + shift, known.why) for payload, known in proven.items()}
    marked = marked_blocks(held, layout.first, layout.end, poison) if poison.head else None
    return Evidence(moved, marked, held)


def _fetch(memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
    """What the walk and the checks need. FreeRTOS heaps are small, and their next pointers lie in the headers."""
    for pool in layout.pools:
        memory.allow(pool.first - layout.header, layout.behind_pool(pool))
    if isinstance(layout, TlsfLayout):
        memory.allow(region.address, layout.control_end)
        fetch_heap(memory, region.address, layout, proven)
        return
    memory.allow(region.address, layout.first)
    for pool in layout.pools:
        memory.fetch(pool.first - layout.header, layout.behind_pool(pool) - pool.first + layout.header)


def _walk(layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
    if isinstance(layout, FreeRtosLayout):
        return walk_freertos(layout, read, evidence)
    if isinstance(layout, Heap2Layout):
        return walk_heap_2(layout, read, evidence)
    if isinstance(layout, Heap1Layout):
        return walk_heap_1(layout, evidence)
    assert isinstance(layout, TlsfLayout)
    return walk_tlsf(layout, read, evidence)


def recognise(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    """What is at a region's address, read only as far as recognising it needs."""
    if memory.word(region.address) is None:
        return Unreadable(region, "unreadable", f"its memory at {region.address:#x} cannot be read")
    found, refused = [], []
    for kind in _RECOGNISERS if region.kind == "auto" else [region.kind]:
        one = _RECOGNISERS[kind](memory, region)
        if isinstance(one, Unreadable):
            refused.append(one)
            continue
        found.append(one)
        if one.weight >= DECISIVE or is_certain(one):
            break
    return max(found, key=_likelihood) if found else refused[0]


def _likelihood(one: Recognised) -> Tuple[int, bool]:
    return one.weight, one.kind != "freertos_heap_2"  # which is the rarer one


def is_certain(one: Recognised) -> bool:
    """Whether nothing else can be there: a heap_2 to which xStart leads, and which leads to xEnd."""
    return isinstance(one.layout, Heap2Layout) and one.layout.head is not None


def weight_of(memory: Memory, region: Region) -> int:
    """How much speaks for a heap being there in this memory's word format."""
    found = recognise(memory, region)
    return found.weight if isinstance(found, Recognised) else 0


def _recognise_multi_heap(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    info = read_multi_heap(memory, region.address)
    if info is None:
        return Unreadable(region, "unreadable", f"its memory at {region.address:#x} cannot be read")
    if not (info.free_bytes or info.minimum_free or info.pool_size):
        return Unreadable(region, "uninitialised", "not initialised yet: continue to main, then look again")
    end = region.end if region.end is not None else region.address + LARGEST_HEAP
    found = recognise_multi_heap(memory, limit_pool(info, end - region.address - _INFO_BYTES), end)
    if found is None:
        why = f"no multi_heap with a TLSF control block behind it at {region.address:#x}"
        return Unreadable(region, "unreadable", why)
    layout, info = found
    return Recognised("multi_heap", layout, info, DECISIVE + (layout.fl_count << layout.sl_log2))


def _recognise_tlsf(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    layout = recognise_plain(memory, region.address, LARGEST_HEAP, region.pools)
    if layout is None:
        return Unreadable(region, "unreadable", f"no TLSF control block with its pool at {region.address:#x}")
    return Recognised("tlsf", layout, None, DECISIVE + (layout.fl_count << layout.sl_log2))


def _freertos(version: int) -> Callable[[Memory, Region], Union[Recognised, Unreadable]]:
    def recognise_version(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        told = Hints(region.variables.link, region.pools)
        found = recognise_freertos(memory, region.address, version, LARGEST_HEAP, told)
        if found is None and told.link is not None:
            found = recognise_freertos(memory, region.address, version, LARGEST_HEAP, told._replace(link=None))
        if found is None:
            why = f"no chain of FreeRTOS blocks from {region.address:#x} to an end marker"
            return Unreadable(region, "unreadable", why)
        return Recognised(f"freertos_heap_{version}", found.layout, None, found.blocks)

    return recognise_version


def _recognise_heap_2(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    end = region.variables.end
    if end is not None and memory.word(end + memory.source.pointer_size) == 0:
        return Unreadable(region, "uninitialised", "not initialised yet (xEnd has no size): continue, then look again")
    found = recognise_heap_2(memory, region.address, LARGEST_HEAP, region.variables, region.kind != "auto")
    if found is None:
        return Unreadable(region, "unreadable", f"no blocks of FreeRTOS's heap_2 from {region.address:#x} on")
    return Recognised("freertos_heap_2", found.layout, None, found.blocks)


def _recognise_heap_1(memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
    layout = recognise_heap_1(memory, region.address, region.variables)
    if layout is None:
        return Unreadable(region, "unreadable", NO_SYMBOLS)
    return Recognised("freertos_heap_1", layout, None, 1)


_RECOGNISERS: Dict[str, Callable[[Memory, Region], Union[Recognised, Unreadable]]] = {
    "multi_heap": _recognise_multi_heap,
    "tlsf": _recognise_tlsf,
    "freertos_heap_2": _recognise_heap_2,
    "freertos_heap_4": _freertos(4),
    "freertos_heap_5": _freertos(5),
    "freertos_heap_1": _recognise_heap_1,
}
