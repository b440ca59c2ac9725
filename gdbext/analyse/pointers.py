# SPDX-License-Identifier: Apache-2.0
"""Pointers among damaged bytes: what wrote there may be known by what it wrote.

Approach: the words that the damage covers are looked up in the heap and among the program's symbols. Only a word that
leads somewhere is told; of a list's pointer the report says where it leads anyway.
"""

from __future__ import annotations

from typing import Callable, Iterator, Optional

from gdbext.heap.facts import HeapFacts
from gdbext.model import Extent

NameAt = Callable[[int], Optional[str]]
_MOST_WORDS = 4
_TELLING = ("other", "pattern")


def no_name(_: int) -> Optional[str]:
    """Where there is no program."""
    return None


def pointer_words(facts: HeapFacts, name_at: NameAt, extent: Extent) -> str:
    """What the words of a run of bytes point to; empty if to nothing that is known."""
    return "; ".join(dict.fromkeys(_leading(facts, name_at, extent))) if extent.look in _TELLING else ""


def _leading(facts: HeapFacts, name_at: NameAt, extent: Extent) -> Iterator[str]:
    width = facts.layout.word
    first = extent.start - extent.start % width
    for place in range(first, min(extent.end, first + _MOST_WORDS * width), width):
        value = facts.snapshot.word(place) or 0
        block = facts.holder(value)
        if block is not None:
            yield f"{value:#x} points into the block {facts.user(block):#x}"
        elif not facts.start <= value < facts.end:
            name = name_at(value)
            if name is not None:
                yield f"{value:#x} is {name}"
