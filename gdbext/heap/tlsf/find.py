# SPDX-License-Identifier: Apache-2.0
"""Finds TLSF heaps through a program's symbols: by the names that systems use, and by what variables point to.

Approach: ESP-IDF has a list of heaps, NuttX a pointer to a structure. For any other TLSF, some variable or a member of
one points to a control block. Its empty lists store its own address, so 512 bytes of it are enough to tell. No type is
needed: handles are `void *` everywhere, and a TLSF in ROM has no types at all.
Rejected: `control_t` from debug information (its users do not have it); probing pointers to code.
Cost: the variables of up to 256 bytes, neighbours in one read; 512 bytes for each place that they point to, at most 256
places. Nothing of this is read if a heap is known by name.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterable, Iterator, List, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP, Named
from gdbext.heap.mm_heads import NUTTX_HEAPS, NUTTX_MEMORY, has_node_lists
from gdbext.heap.roots import root_elsewhere, root_hints
from gdbext.heap.tlsf.lvgl import LVGL, LVGL_BYTES, lvgl_pools
from gdbext.heap.tlsf.multi_heap import read_multi_heap, recognise_multi_heap
from gdbext.heap.tlsf.nuttx import read_mm_heap
from gdbext.heap.tlsf.pools import recognise_plain
from gdbext.heap.tlsf.registered import LIST, read_memory_types, read_registered
from gdbext.heap.tlsf.search import heap_at_control
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import Said, Text, said
from gdbext.source.chip import CHIP_MEMORY, chip_memory, heap_memory
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

_LARGEST_VARIABLE = 256
_MOST_VARIABLES = 4096
_MOST_PROBES = 256
_PROBE = 512
_FEWEST_EMPTY = 4
_AT_MEMORY = said("found-at-memory")
_NEAR = 256  # variables this near to each other are read at once
_LEAST_POOL = 64  # bytes that an array must have to contain a pool


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heaps of ESP-IDF's list; without that list, those of NuttX."""
    head = program.address_of(LIST)
    if head is None:
        return _find_nuttx(memory, program)
    types, count = program.address_of("soc_memory_types"), program.address_of("soc_memory_type_count")
    number = None if count is None else memory.word(count)
    names = {} if types is None else read_memory_types(memory, types, number)
    regions, problem = read_registered(memory, head, names)
    broken = problem is not None
    regions += _at_memories(memory, program) if broken and not regions else []
    for region in regions:
        memory.allow(region.start or region.address, region.end or region.address)
    if problem is None and not regions:
        problem = said("none-registered")
    return Named(regions, [] if problem is None else [problem], final=not broken)


def _at_memories(memory: Memory, program: Program) -> List[Region]:
    """Returns the heaps that lie where a memory of the chip begins, or its part for heaps. heap_data must be right."""
    table, size = program.address_of(CHIP_MEMORY), program.size_of(CHIP_MEMORY)
    data = memory.get(table, size) if table is not None and size else None
    spans = chip_memory(data or b"", memory.source.pointer_size, memory.source.byte_order)
    found: List[Region] = []
    for start in sorted({start for start, _ in [*spans, *heap_memory(program.address_of)]}):
        readable = memory.may_read(start, start + memory.source.pointer_size)
        info, end = read_multi_heap(memory, start) if readable else None, start + LARGEST_HEAP
        if info is not None and not info.flaws and recognise_multi_heap(memory, start, info, end, False) is not None:
            found.append(Region("multi_heap", start, origin=_AT_MEMORY))
    return found


def _find_nuttx(memory: Memory, program: Program) -> Named:
    """Returns the heaps of NuttX's pointers. If the only one is wrong, its heap is looked for where memory begins."""
    if has_node_lists(memory, program):  # NuttX's default allocator
        return Named([], [])
    heaps: List[Region] = []
    wrong: List[Tuple[str, int, Said]] = []  # a pointer that leads to no heap: its name, its address and what to say
    unset: List[Text] = []
    probed: Set[int] = set()
    for name in NUTTX_HEAPS:
        variable = program.address_of(name)
        address = None if variable is None else memory.word(variable)
        if variable is None or not address:
            unset += [said("root-not-set", name=name, place=variable)] if variable is not None and address == 0 else []
            continue
        if not memory.may_read(address, address + memory.source.pointer_size):
            wrong.append((name, variable, root_elsewhere(memory, name, variable, address)))
            continue
        origin = said("found-by-member", name=name)
        heap = read_mm_heap(memory, address, origin)
        words = () if heap is not None else _words(memory, address, _LARGEST_VARIABLE)
        found = [*_heaps_among(memory, words, origin, probed), *([] if heap is None else [heap])]
        if not found:
            wrong.append((name, variable, said("root-leads-nowhere", name=name, place=variable, value=address)))
        heaps += found
    begins = program.address_of(NUTTX_MEMORY) if wrong and not heaps else None
    address = None if begins is None else memory.word(begins)
    if address and memory.may_read(address, address + memory.source.pointer_size):
        heap = read_mm_heap(memory, address, said("found-by-member", name=NUTTX_MEMORY))
        if heap is not None:  # what is wrong with the first pointer becomes a finding of its heap
            name, variable, _ = wrong.pop(0)
            heaps = [replace(heap, hints={**heap.hints, **root_hints(name, variable, address)})]
    return Named(heaps, [*(why for _, _, why in wrong), *(() if heaps or wrong else unset)])


def find_pointed_to(memory: Memory, program: Program) -> Named:
    """Returns the heaps that variables point to, with the arrays that contain their pools."""
    probed: Set[int] = set()
    regions: List[Region] = []
    for name, address, size in _small_objects(memory, program):
        found = _heaps_among(memory, _words(memory, address, size), said("found-by-variable", name=name), probed)
        regions += [_with_lvgl_pools(memory, region, address, size) for region in found]
    if not regions:
        return Named([], [])
    arrays = sorted((place, place + size) for _, place, size in program.objects() if size >= _LEAST_POOL)
    for index, region in enumerate(regions):  # a pool does not go beyond its array
        layout = recognise_plain(memory, region.address) if region.kind == "tlsf" else None
        places = [] if layout is None else [pool.first for pool in layout.pools]
        holding = (arrays[bisect_right(arrays, (place, 1 << 64)) - 1] for place in places if arrays)
        pools = {span for span, place in zip(holding, places) if span[0] <= place < span[1]}
        others = {span for span in region.pools if not any(low <= span[0] < high for low, high in pools)}
        regions[index] = replace(region, pools=tuple(sorted(pools | others)))
    return Named(regions, [])


def _with_lvgl_pools(memory: Memory, region: Region, address: int, size: int) -> Region:
    """Returns a region with the pools that LVGL lists in the variable that leads to it."""
    width = memory.source.pointer_size
    handles = [place for place in range(address, address + size, width) if memory.word(place) == region.address]
    pools = [pool for place in handles for pool in lvgl_pools(memory, place)]
    return replace(region, pools=tuple(sorted({*region.pools, *pools})))


def _small_objects(memory: Memory, program: Program) -> List[Tuple[str, int, int]]:
    """Returns the variables that may point to a heap. It fetches neighbouring ones in one read."""
    least = memory.source.pointer_size
    largest = {LVGL: LVGL_BYTES}
    named = {one[1]: one for one in program.objects() if least <= one[2] <= largest.get(one[0], _LARGEST_VARIABLE)}
    readable = (address for address in sorted(named) if memory.may_read(address, address + named[address][2]))
    chosen = [named[address] for address in readable][:_MOST_VARIABLES]
    near: List[Tuple[int, int]] = []
    for _, address, size in chosen:
        if near and address - near[-1][1] <= _NEAR:
            near[-1] = (near[-1][0], max(address + size, near[-1][1]))
        else:
            near.append((address, address + size))
    for low, high in near:
        memory.fetch(low, high - low)
    return chosen


def _words(memory: Memory, address: int, size: int) -> Iterator[int]:
    """Yields the words of a variable that may be read."""
    word = memory.source.pointer_size
    for place in range(-(-address // word) * word, address + size - word + 1, word):
        if memory.may_read(place, place + word):
            yield memory.word(place) or 0


def _heaps_among(memory: Memory, words: Iterable[int], origin: Said, probed: Set[int]) -> Iterator[Region]:
    """Yields the heaps whose control blocks some words point to. `probed` has the places tried before, which are not
    tried again. Only memory that may be read is read.
    """
    width, order = memory.source.pointer_size, memory.source.byte_order
    for control in words:
        if not control or control % width or control in probed:
            continue
        probed.add(control)
        if len(probed) > _MOST_PROBES or not memory.may_read(control, control + _PROBE):
            continue
        if (memory.get(control, _PROBE) or b"").count(control.to_bytes(width, order)) >= _FEWEST_EMPTY:
            memory.allow(control, control + LARGEST_HEAP)
            found = heap_at_control(memory, control, origin)
            if found is not None:
                yield found[0]
