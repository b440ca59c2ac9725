# SPDX-License-Identifier: Apache-2.0
"""Finds the heaps of the C libraries through a program's symbols.

Approach: picolibc has __malloc_sbrk_top beside __malloc_sbrk_start, newlib-nano has not. nano's memory ends where the
variable of the board's _sbrk says. It has no agreed name, so the usual ones are tried.
Cost: some variables.
"""

from __future__ import annotations

from typing import Dict, Optional

from gdbext.heap.allocator import LARGEST_HEAP, Named
from gdbext.heap.libc.variables import BUCKET_COUNT, BUCKETS, FREE_LIST, SBRK_START, SBRK_TOP
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.symbols.names import sbrk_variables
from gdbext.symbols.shapes import Program

BINS_NAME, _BASE = "__malloc_av_", "__malloc_sbrk_base"
_START, _TOP = "__malloc_sbrk_start", "__malloc_sbrk_top"


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heap of newlib, newlib-nano or picolibc."""
    place, word = program.address_of(_START), memory.source.pointer_size
    table, base = program.address_of(BINS_NAME), program.address_of(_BASE)
    if table is not None and base is not None:
        return _with_bins(memory, program, table, base)
    if place is None or program.address_of("__malloc_free_list") is None:
        return Named([], [])
    start = memory.word(place)
    if start is None:
        return Named([], [said("root-unreadable", name=_START, place=place)])
    if not start:
        return Named([], [said("root-not-set", name=_START, place=place)])
    kind = "newlib_nano" if program.address_of(_TOP) is None else "picolibc"
    address = -(-start // word) * word
    region = completed(memory, Region(kind, address, origin=said("found-by-variable", name=_START)), program, kind)
    top = memory.word(region.hints.get(SBRK_TOP, 0)) if SBRK_TOP in region.hints else None
    sound = top is not None and address < top <= address + LARGEST_HEAP
    memory.allow(address, top if top is not None and sound else address + LARGEST_HEAP)
    if memory.word(address) is None:
        return Named([], [said("root-leads-nowhere", name=_START, place=place, value=start)])
    return Named([region], [])


def _with_bins(memory: Memory, program: Program, table: int, base: int) -> Named:
    """Returns the heap of newlib's full malloc. The first word of its mallinfo is how much sbrk has given."""
    word, start = memory.source.pointer_size, memory.word(base)
    if start is None:
        return Named([], [said("root-unreadable", name=_BASE, place=base)])
    if start == (1 << 8 * word) - 1:
        return Named([], [said("heap-not-begun", name=_BASE, place=base)])
    address, sums = -(-start // (2 * word)) * 2 * word, program.address_of("__malloc_current_mallinfo")
    given = None if sums is None else memory.word(sums)
    hints = {"bins": table}
    if given and given < LARGEST_HEAP:
        hints["end"] = start + given
    memory.allow(address, hints.get("end", address + LARGEST_HEAP))
    memory.allow(table, table + 260 * word)
    return Named([Region("newlib", address, origin=said("found-by-variable", name=_BASE), hints=hints)], [])


def completed(memory: Memory, region: Region, program: Program, kind: str) -> Region:
    """Returns a region with the places of the variables, if the program has them."""
    head, start = program.address_of("__malloc_free_list"), program.address_of(_START)
    if FREE_LIST in region.hints or head is None or start is None:
        return region
    hints: Dict[str, int] = {**region.hints, FREE_LIST: head, SBRK_START: start}
    top = program.address_of(_TOP) if kind == "picolibc" else _sbrk_variable(memory, program, region.address)
    buckets, size = program.address_of("__malloc_bucket_list"), program.size_of("__malloc_bucket_list") or 0
    hints.update({} if top is None else {SBRK_TOP: top})
    if buckets is not None:
        hints.update({BUCKETS: buckets, BUCKET_COUNT: size // memory.source.pointer_size})
    return replace(region, hints=hints)


def _sbrk_variable(memory: Memory, program: Program, start: int) -> Optional[int]:
    """Returns the address of sbrk's variable; None if none with a usual name holds an end of this heap."""
    places = sbrk_variables(program.objects(), memory.source.pointer_size)
    return next((one for one in places if start < (memory.word(one) or 0) <= start + LARGEST_HEAP), None)
