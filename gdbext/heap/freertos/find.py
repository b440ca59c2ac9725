# SPDX-License-Identifier: Apache-2.0
"""Finds the heap of FreeRTOS through a program's symbols.

Approach: the names of its variables tell which heap it is: heap_4 and heap_5 have a pxEnd, heap_2 an xEnd, heap_1 an
xNextFreeByte; heap_1, heap_2 and heap_4 lie in the array ucHeap. Block headers are asked of debug information, because
vendors add members to them.
Cost: some variables; for heap_5, which keeps no list of its regions, the variables that may be its table.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union

from gdbext.heap.allocator import LARGEST_HEAP, Allocator, Named, Recognised
from gdbext.heap.freertos.allocators import HEAP_1, HEAP_2, HEAP_4, HEAP_5
from gdbext.heap.freertos.layout import link_hints
from gdbext.model.region import Hints, Region, Span
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

_ALIGNMENTS = (8, 16, 4, 32)
_MOST_REGIONS = 32
_ARRAY = said("found-by-array")


def find_named(memory: Memory, program: Program) -> Named:
    """The heap of FreeRTOS, if the program has one."""
    found = _found(memory, program)
    regions = [found] if isinstance(found, Region) else []
    return Named(regions, [found] if isinstance(found, Said) else [])


def _found(memory: Memory, program: Program) -> Union[Region, Said, None]:
    """The heap, or why there is none although its symbols are there."""
    start, end = program.address_of("ucHeap"), program.address_of("pxEnd")
    array = None if start is None else (start, start + (program.size_of("ucHeap") or LARGEST_HEAP))
    if end is None:
        return None if array is None else _older(memory, program, array)
    if not memory.word(end):
        return said("no-end-pointer")
    if array is not None:
        return _of_ranges(memory, program, HEAP_4, [array], _ARRAY)
    word = memory.source.pointer_size  # the size of a variable tells whether it may be a table of regions
    sized = ((name, place) for name, place, size in program.objects() if 4 * word <= size <= 2 * _MOST_REGIONS * word)
    tables = ((name, _table(memory, place)) for name, place in sized)
    regions = (
        _of_ranges(memory, program, HEAP_5, table, said("found-by-table", name=name)) for name, table in tables if table
    )
    found = next((region for region in regions if region is not None), None)
    return found or said("no-table")


def _older(memory: Memory, program: Program, array: Span) -> Union[Region, Said, None]:
    """heap_2 has an xEnd, no pxEnd; heap_1 counts by xNextFreeByte and has no list."""
    (low, high), word, names = array, memory.source.pointer_size, ("xStart", "xEnd", "xFreeBytesRemaining")
    places = {name: place for name, place in zip(names, map(program.address_of, names)) if place is not None}
    hints: Dict[str, int] = {"array_start": low, "array_end": high}
    if "xStart" in places and "xEnd" in places:
        for name in names:
            memory.allow(places.get(name, 0), places.get(name, 0) + 2 * word)
        if memory.word(places["xEnd"] + word) == 0:
            return said("no-end-size")
        starts = [-(-low // align) * align for align in _ALIGNMENTS]
        starts += [(low + align) // align * align for align in _ALIGNMENTS]  # older versions skip aligned starts
        found = _best(memory, HEAP_2, array, starts, _ARRAY, {**hints, **places})
        return found or said("no-heap-2", place=low)
    counted = program.address_of("xNextFreeByte")
    if counted is None or "xStart" in places:
        return None
    # Compilers number the variables inside of functions.
    aligned = next((place for one, place, _ in program.objects() if one.split(".")[0] == "pucAlignedHeap"), None)
    hints.update({"xNextFreeByte": counted, **({} if aligned is None else {"pucAlignedHeap": aligned})})
    told = None if aligned is None else memory.word(aligned)
    start = -(-low // _ALIGNMENTS[0]) * _ALIGNMENTS[0]
    if told is not None and told % word == 0 and low <= told <= low + _ALIGNMENTS[-1] < high:
        start = told
    return _best(memory, HEAP_1, array, [start], _ARRAY, hints)


def _of_ranges(
    memory: Memory, program: Program, allocator: Allocator, ranges: List[Span], origin: Said
) -> Optional[Region]:
    """The heap of these ranges, of which the first may begin with some bytes for its alignment."""
    for low, high in ranges:
        memory.allow(low, high)
    places = [-(-ranges[0][0] // align) * align for align in _ALIGNMENTS]
    hints = link_hints(program, memory.source.pointer_size)
    sized = tuple(ranges) if ranges[0][1] - ranges[0][0] < LARGEST_HEAP else ()
    return _best(memory, allocator, ranges[0], places, origin, hints, sized)


def _best(
    memory: Memory,
    allocator: Allocator,
    span: Span,
    places: List[int],
    origin: Said,
    hints: Hints,
    pools: Tuple[Span, ...] = (),
) -> Optional[Region]:
    """The heap that most speaks for of those that may begin in one of some places."""
    memory.allow(*span)
    kind, kept = allocator.kind, dict.fromkeys(places)
    regions = [Region(kind, place, origin=origin, hints=hints, pools=pools) for place in kept]
    there = (region for region in regions if memory.word(region.address) is not None)
    found = [(allocator.recognise(memory, region), region) for region in there]
    read = [(one.weight, region) for one, region in found if isinstance(one, Recognised)]
    return max(read, key=lambda pair: pair[0])[1] if read else None


def _table(memory: Memory, address: int) -> List[Span]:
    """The regions of a HeapRegion_t array, which has pointers and sizes up to {0, 0}; empty if this is none."""
    word = memory.source.pointer_size
    regions: List[Span] = []
    for place in range(address, address + 2 * _MOST_REGIONS * word, 2 * word):
        start, size = memory.word(place), memory.word(place + word)
        if not start and not size:
            return regions
        if not start or not size or size > LARGEST_HEAP or (regions and start < regions[-1][1]):
            return []
        if not regions and not memory.may_read(start, start + 1):
            return []
        regions.append((start, start + size))
    return []
