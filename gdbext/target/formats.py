# SPDX-License-Identifier: Apache-2.0
"""The word format of memory that does not tell it: how wide a pointer is, and in which order its bytes stand.

The format is that in which most of the heaps that the user names are read; where none is named, the first in which some
show themselves, else that of a ring, which says it.
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
    """The memory in the format in which most of it makes sense."""
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
    """What `--heap KIND@ADDRESS` asks for; `address` reads an address as its user writes it."""
    kind, at, place = text.partition("@")
    if not at or kind not in KINDS:
        raise UserError(f"--heap {text}: give KIND@ADDRESS with KIND one of {', '.join(KINDS)}")
    return Region(kind, address(place))
