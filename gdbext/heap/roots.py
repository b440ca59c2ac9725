# SPDX-License-Identifier: Apache-2.0
"""Pointers outside of a heap through which its users reach it. A wrong one breaks every call, though the heap is whole.

Approach: whoever finds the heap puts the place and the right value of such a pointer into the region's hints. The
recogniser compares them.
"""

from __future__ import annotations

from typing import Iterator

from gdbext.heap.facts import Rule
from gdbext.heap.geometry import Flaw
from gdbext.model.region import Hints, Region
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory

_NAMED_BYTES = 64 << 10  # what a user is asked to name, to read the control data behind a pointer
_PLACE, _TARGET = "place:", "target:"


def root_hints(name: str, place: int, target: int) -> Hints:
    """Returns the hints for a pointer: its name, its address, and the address that it must have as its value."""
    return {_PLACE + name: place, _TARGET + name: target}


ROOTS = Rule("root-pointer", "The program's pointers to the heap lead to it.")


def check_roots(memory: Memory, region: Region) -> Iterator[Flaw]:
    """Yields a flaw for each pointer in the region's hints that has another value."""
    for key, place in region.hints.items():
        name, target = key[len(_PLACE) :], region.hints.get(_TARGET + key[len(_PLACE) :])
        stored = memory.word(place) if key.startswith(_PLACE) else None
        if stored is not None and target is not None and stored != target:
            text = said("root-pointer", name=name, place=place, stored=stored, target=target)
            yield Flaw("root-pointer", place, memory.source.pointer_size, text, "variable", target, stored)


def root_elsewhere(memory: Memory, name: str, place: int, value: int) -> Said:
    """Says that a pointer leads out of the memory at hand, and what names that memory."""
    if memory.ranges():
        return said("root-absent", name=name, place=place, value=value)
    return said("root-outside", name=name, place=place, value=value, end=value + _NAMED_BYTES)
