# SPDX-License-Identifier: Apache-2.0
"""Pointers among damaged bytes: what wrote there may be known by what it wrote.

Approach: the words that the damage covers are looked up in the heap and among the program's symbols. Only a word that
leads somewhere is told; of a list's pointer the report says where it leads anyway.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from gdbext.heap.facts import HeapFacts
from gdbext.model.diagnosis import Extent
from gdbext.model.said import Said, said

NameAt = Callable[[int], Optional[str]]
_MOST_WORDS = 4
_TELLING = ("other", "pattern")


def pointers_in(facts: HeapFacts, name_at: NameAt, extent: Extent) -> Tuple[Said, ...]:
    """What the words of a run of bytes point to; empty if to nothing that is known."""
    if extent.look not in _TELLING:
        return ()
    found: List[Said] = []
    width = facts.layout.word
    first = extent.start - extent.start % width
    for place in range(first, min(extent.end, first + _MOST_WORDS * width), width):
        value = facts.snapshot.word(place) or 0
        block = facts.holder(value)
        name = name_at(value) if block is None and not facts.start <= value < facts.end else None
        if block is not None:
            found.append(said("points-into", value=value, block=facts.user(block)))
        elif name is not None:
            found.append(said("points-at", value=value, name=name))
    return tuple(dict.fromkeys(found))
