# SPDX-License-Identifier: Apache-2.0
"""Finds out why there is no heap, for the first line of the answer. A reason is named only if there is proof of it."""

from __future__ import annotations

from typing import Dict, Optional

from gdbext.analyse.rules import run_rules
from gdbext.heap.facts import HeapFacts
from gdbext.heap.registry import bodies, read_heap
from gdbext.heap.search import search_heaps
from gdbext.heap.unknown import unknown_allocator
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot
from gdbext.symbols.code import is_foreign
from gdbext.target.formats import FORMATS
from gdbext.target.target import Target

_NO_PROGRAM, _NO_PROGRAM_IN_GDB, _STRIPPED = "no-program", "no-program-loaded", "symbols-stripped"
_MOST_SHIFTS = 16
_MOST_BYTES = 16 << 20  # of a file in which a wrong BASE is looked for


def why_no_heap(target: Target) -> Optional[Said]:
    """Returns the likeliest reason why no heap was found; None if nothing speaks for any."""
    mistaken = wrong_files(target)
    if mistaken is not None:
        return mistaken
    facts = {fact.key: fact for fact in target.program.facts() if isinstance(fact, Said)}
    if _NO_PROGRAM in facts:
        return said("without-program")
    if _NO_PROGRAM_IN_GDB in facts:
        return said("without-program-in-gdb")
    allocator = unknown_allocator(target.program)
    if allocator is not None:
        return said("allocator-unknown", allocator=allocator)
    return said("with-stripped-program") if _STRIPPED in facts else None


def wrong_files(target: Target) -> Optional[Said]:
    """Returns which file is not what the user takes it for: then pointers of the program lead to no heap, either."""
    misplaced = wrong_base(target.bytes.memory()) if target.bytes.is_file else None
    if misplaced is None and is_foreign(target.program.code(), target.bytes.memory().get):
        return said("with-foreign-program")
    return misplaced


def no_heap(target: Target, why: Optional[Said]) -> Said:
    """Returns the answer of a command that needs a heap. Files are searched already: only a live target can be."""
    advice = said("name-heap") if target.bytes.is_file else said("search-heap")
    return said("no-heap", why=why or said("nothing-leads"), advice=advice)


def wrong_base(memory: Memory) -> Optional[Said]:
    """Returns that a part of the files belongs elsewhere, if a heap is found in it there. Of several places the one
    with the fewest faults in its heaps counts.
    """
    extents = [(start, end) for start, end in memory.ranges() if end - start <= _MOST_BYTES]
    formats = dict.fromkeys([(memory.source.pointer_size, memory.source.byte_order), *FORMATS])
    for width, order in formats:
        for start, end in extents:
            data = memory.get(start, end - start) or b""
            piece = Snapshot(width, order)
            piece.add(start, data)
            shifts = dict.fromkeys(shift for one in bodies() for shift in one.displaced(piece))
            faults: Dict[int, int] = {}
            for shift in list(shifts)[:_MOST_SHIFTS]:
                if shift and start + shift >= 0 and end + shift <= 1 << 8 * width:
                    moved = Snapshot(width, order)
                    moved.add(start + shift, data)
                    there = Memory(moved)
                    found = [read_heap(there, one, {}) for one in search_heaps(there, there.ranges()).regions]
                    read = [heap for heap in found if isinstance(heap, HeapFacts)]
                    if read:
                        faults[shift] = sum(len(run_rules(heap)[0]) for heap in read)
            if faults:
                right = min(faults, key=lambda shift: (faults[shift], abs(shift)))
                return said("base-wrong", place=start, right=start + right, bytes=abs(right))
    return None
