# SPDX-License-Identifier: Apache-2.0
"""Finds pointers among damaged bytes: what was written may show who wrote it.

Approach: the words that the damage covers are looked up in the heap and among the program's symbols. Only a word that
points to a block or a symbol is shown. A damaged list pointer is not looked up: its finding says where it leads.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from gdbext.heap.facts import HeapFacts
from gdbext.model.diagnosis import Extent
from gdbext.model.said import Said, said

NameAt = Callable[[int], Optional[str]]
_MOST_WORDS = 4
_LOOKS_OF_POINTERS = ("other", "pattern")


def pointers_in(facts: HeapFacts, name_at: NameAt, extent: Extent) -> Tuple[Said, ...]:
    """Returns what the first four words of a run of bytes point to. A word that leads to nothing known is left out."""
    if extent.look not in _LOOKS_OF_POINTERS:
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
