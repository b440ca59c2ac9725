# SPDX-License-Identifier: Apache-2.0
"""Collects the memory that belongs to something other than the heaps that were found: what the C library's malloc takes
by sbrk, and the program's variables.

Approach: sbrk begins at a symbol of the linker script; how far it has come stands in a variable, whose name is one of a
few. Variables count if they lie in a section that the program writes to and the compiler named them: names of linker
scripts begin with `_`, and mark places.
Cost: one word of the target, and a look through all symbols, if a heap is damaged or sbrk begins in it.
"""

from __future__ import annotations

from itertools import islice
from typing import Iterator, List, Optional, Tuple

from gdbext.analyse.shared import Arena
from gdbext.collect.collected import Collected
from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.model.said import said
from gdbext.symbols.names import sbrk_variables
from gdbext.symbols.shapes import Program

_SBRK = ("_sbrk", "sbrk", "_sbrk_r")
_MALLOC = ("_malloc_r", "malloc", "_malloc")
_BEGINS = ("end", "_end", "__end__", "__heap_start__", "__HeapBase", "__heap_start", "_heap_start")
_MOST_OBJECTS = 1 << 16


def arenas_of(found: Collected, damaged: bool) -> List[Arena]:
    """Returns what may overlap the heaps that were found. All symbols are only looked through if one is damaged, or if
    sbrk begins in one.
    """
    name = _sbrk_begins(found.target.program) if found.heaps else None
    start = None if name is None else found.target.program.address_of(name)
    inside = start is not None and any(heap.start <= start < heap.end for heap in found.heaps)
    if not (damaged or inside) or not found.heaps:
        return []
    taken = [] if name is None or not start else list(_sbrk(found, name, start))
    return [*taken, *_variables(found)]


def _sbrk_begins(program: Program) -> Optional[str]:
    """Returns the symbol from which on sbrk hands out memory; None if the program has no malloc by sbrk."""
    has_both = _first(program, _SBRK) is not None and _first(program, _MALLOC) is not None
    return _first(program, _BEGINS) if has_both else None


def _sbrk(found: Collected, name: str, start: int) -> Iterator[Arena]:
    """Yields the memory that the C library's malloc has by sbrk."""
    end = _break(found, start)
    if end is None:
        yield Arena("sbrk", start, start + 1, said("arena-sbrk-begins", name=name, start=start), grows=True)
    elif start < end:
        yield Arena("sbrk", start, end, said("arena-sbrk", name=name, start=start, end=end))


def _break(found: Collected, start: int) -> Optional[int]:
    """Returns how far sbrk has come, `start` if it was not called yet; None if nobody knows."""
    word, memory = found.memory.source.pointer_size, found.memory
    for address in sbrk_variables(islice(found.target.program.objects(), _MOST_OBJECTS), word):
        value = memory.word(address) if memory.may_read(address, address + word) else None
        if value == 0:
            return start
        if value is not None and start <= value <= start + LARGEST_HEAP:
            return value
    return None


def _variables(found: Collected) -> Iterator[Arena]:
    """Yields the variables that reach into a heap."""
    sections = found.target.program.writable()
    spans = [(heap.start, heap.end) for heap in found.heaps]
    for count, (name, start, size) in enumerate(found.target.program.objects() if sections else ()):
        if count >= _MOST_OBJECTS:
            return
        end = start + size
        reaches = any(start < high and low < end for low, high in spans)
        if reaches and not name.startswith("_") and any(low <= start and end <= high for _, low, high in sections):
            yield Arena("variable", start, end, said("arena-variable", name=name, start=start, end=end))


def _first(program: Program, names: Tuple[str, ...]) -> Optional[str]:
    return next((name for name in names if program.address_of(name) is not None), None)
