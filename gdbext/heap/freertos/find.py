# SPDX-License-Identifier: Apache-2.0
"""Finds the heap of FreeRTOS through a program's symbols.

Approach: the names of its variables tell which heap it is: heap_4 and heap_5 have pxEnd, heap_2 has xEnd, heap_1 has
xNextFreeByte. heap_1, heap_2 and heap_4 lie in the array ucHeap. The form of block headers is taken from debug
information, because vendors add members to them.
Cost: some variables. heap_5 keeps no list of its regions, so every variable that may be its table is read.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Dict, List, Optional, Tuple, Union

from gdbext.heap.allocator import LARGEST_HEAP, Allocator, Named, Recognised
from gdbext.heap.freertos.allocators import HEAP_1, HEAP_2, HEAP_4, HEAP_5
from gdbext.heap.freertos.layout import link_hints
from gdbext.heap.roots import root_hints
from gdbext.model.record import replace
from gdbext.model.region import Hints, Region, Span
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

_ALIGNMENTS = (8, 16, 4, 32)
_MOST_REGIONS = 32
_FURTHEST_MARKER = 64  # bytes from the end marker's header to the array's end, at most
_NOTHING: Hints = MappingProxyType({})
_ARRAY = said("found-by-array")


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heap of FreeRTOS, if the program has one."""
    found = _found(memory, program)
    regions = [found] if isinstance(found, Region) else []
    return Named(regions, [found] if isinstance(found, Said) else [])


def _found(memory: Memory, program: Program) -> Union[Region, Said, None]:
    """Returns the heap, or the reason why it was not found although its symbols are there. None without symbols."""
    start, end = program.address_of("ucHeap"), program.address_of("pxEnd")
    array = None if start is None else (start, start + (program.size_of("ucHeap") or LARGEST_HEAP))
    if end is None:
        return None if array is None else _older(memory, program, array)
    stored = memory.word(end)
    if stored is None:
        return said("root-unreadable", name="pxEnd", place=end)
    if not stored:
        return said("no-end-pointer")
    if array is not None:
        return _of_array(memory, program, array, end, stored)
    word = memory.source.pointer_size  # only variables of a fitting size may be a table of regions
    sized = ((name, place) for name, place, size in program.objects() if 4 * word <= size <= 2 * _MOST_REGIONS * word)
    tables = ((name, _table(memory, place)) for name, place in sized)
    regions = (
        _of_ranges(memory, program, HEAP_5, table, said("found-by-table", name=name)) for name, table in tables if table
    )
    found = next((region for region in regions if region is not None), None)
    return found or said("no-table")


def _of_array(memory: Memory, program: Program, array: Span, place: int, stored: int) -> Union[Region, Said]:
    """Returns the heap_4 in the array ucHeap. pxEnd at `place` stores the address of its end marker, unless it was
    overwritten: then the heap's own blocks tell the end.
    """
    low, high = array
    if not memory.may_read(low, low + memory.source.pointer_size):
        return said("array-absent", start=low, end=high)
    told = high - _FURTHEST_MARKER <= stored < high and stored % memory.source.pointer_size == 0
    hints = {"marker": stored, **_alignment(memory, program, high, stored)} if told else {}
    region = _of_ranges(memory, program, HEAP_4, [array], _ARRAY, hints)
    if region is None:
        return said("array-without-heap", start=low)
    found = HEAP_4.recognise(memory, region)
    if told or not isinstance(found, Recognised):
        return region
    marker = found.layout.end - found.layout.header
    if memory.word(found.layout.place_of_size(found.layout.end)) != 0:
        return region
    return replace(region, hints={**region.hints, **root_hints("pxEnd", place, marker)})


def _alignment(memory: Memory, program: Program, high: int, marker: int) -> Hints:
    """Returns the kernel's alignment as a hint, if one alone puts the end marker of an array that ends at `high` there.
    A heap of few blocks has no other sign of it: RISC-V's port has 16, and headers of 16 bytes with 8 unused.
    """
    whole = link_hints(program, memory.source.pointer_size).get("link_size", 2 * memory.source.pointer_size)
    fits = [one for one in _ALIGNMENTS if (high - -(-whole // one) * one) // one * one == marker]
    return {"align": fits[0]} if len(fits) == 1 else {}


def _older(memory: Memory, program: Program, array: Span) -> Union[Region, Said, None]:
    """Returns a heap_2 or heap_1. heap_2 has xStart and xEnd; heap_1 has xNextFreeByte and no list."""
    (low, high), word, names = array, memory.source.pointer_size, ("xStart", "xEnd", "xFreeBytesRemaining")
    places = {name: place for name, place in zip(names, map(program.address_of, names)) if place is not None}
    hints: Dict[str, int] = {"array_start": low, "array_end": high}
    if "xStart" in places and "xEnd" in places:
        for name in names:
            memory.allow(places.get(name, 0), places.get(name, 0) + 2 * word)
        if memory.word(places["xEnd"] + word) == 0:
            return said("no-end-size")
        starts = [-(-low // align) * align for align in _ALIGNMENTS]
        starts += [(low + align) // align * align for align in _ALIGNMENTS]  # older versions skip an aligned start
        found = _best(memory, HEAP_2, array, starts, _ARRAY, {**hints, **places})
        return found or said("no-heap-2", place=low)
    counted = program.address_of("xNextFreeByte")
    if counted is None or "xStart" in places:
        return None
    # Compilers add a number to the names of variables inside of functions.
    aligned = next((place for one, place, _ in program.objects() if one.split(".")[0] == "pucAlignedHeap"), None)
    hints.update({"xNextFreeByte": counted, **({} if aligned is None else {"pucAlignedHeap": aligned})})
    stored = None if aligned is None else memory.word(aligned)
    start = -(-low // _ALIGNMENTS[0]) * _ALIGNMENTS[0]
    if stored is not None and stored % word == 0 and low <= stored <= low + _ALIGNMENTS[-1] < high:
        start = stored
    return _best(memory, HEAP_1, array, [start], _ARRAY, hints)


def _of_ranges(
    memory: Memory, program: Program, allocator: Allocator, ranges: List[Span], origin: Said, known: Hints = _NOTHING
) -> Optional[Region]:
    """Returns the heap of these ranges; None if there is none. It may skip some bytes of the first for alignment."""
    for low, high in ranges:
        memory.allow(low, high)
    places = [-(-ranges[0][0] // align) * align for align in _ALIGNMENTS]
    hints = {**link_hints(program, memory.source.pointer_size), **known}
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
    """Returns the heap with the highest weight of those that begin at one of `places`; None if none does."""
    memory.allow(*span)
    kind, kept = allocator.kind, dict.fromkeys(places)
    regions = [Region(kind, place, origin=origin, hints=hints, pools=pools) for place in kept]
    readable = (region for region in regions if memory.word(region.address) is not None)
    found = [(allocator.recognise(memory, region), region) for region in readable]
    read = [(one.weight, region) for one, region in found if isinstance(one, Recognised)]
    return max(read, key=lambda pair: pair[0])[1] if read else None


def _table(memory: Memory, address: int) -> List[Span]:
    """Returns the regions of a HeapRegion_t array, which has pointers and sizes up to {0, 0}; [] if it is none."""
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
