# SPDX-License-Identifier: Apache-2.0
"""Finds the word format of memory without a program: pointer size and byte order.

Approach: each format is tried. If the user names heaps, the format wins in which their blocks count most. Otherwise it
is the first format in which a search finds heaps, else that of a trace ring, which names its own.
"""

from __future__ import annotations

from typing import Callable, List, Sequence, Tuple

from gdbext.heap.allocator import DECISIVE
from gdbext.heap.registry import KINDS, weight_of
from gdbext.heap.search import search_file
from gdbext.model.errors import UserError
from gdbext.model.region import Region
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder
from gdbext.trace.ring import search_rings

FORMATS: Tuple[Tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))
InFormat = Callable[[int, ByteOrder], Memory]


def best_format(in_format: InFormat, regions: Sequence[Region]) -> Memory:
    """Returns the memory in the format that fits the named heaps, else the heaps or the ring in it."""
    tried = [in_format(width, order) for width, order in FORMATS]
    if not regions:
        found = (memory for memory in tried if search_file(memory).regions)
        return next(found, None) or _of_ring(tried)
    best, most = tried[0], 0
    for memory in tried:
        weight = sum(weight_of(memory, region) for region in regions)
        best, most = (memory, weight) if weight > most else (best, most)
        if most >= DECISIVE * len(regions):
            break
    return best if most else _of_ring(tried)


def _of_ring(tried: List[Memory]) -> Memory:
    rings, _ = search_rings(tried[0])
    told = [(rings[0].pointer_size, rings[0].byte_order)] if rings else FORMATS[:1]
    return tried[FORMATS.index(told[0])]


def region_named(text: str, address: Callable[[str], int]) -> Region:
    """Parses KIND@ADDRESS of `--heap`. `address` parses the ADDRESS."""
    kind, at, place = text.partition("@")
    if not at or kind not in KINDS:
        raise UserError(f"--heap {text}: give KIND@ADDRESS with KIND one of {', '.join(KINDS)}")
    return Region(kind, address(place))
