# SPDX-License-Identifier: Apache-2.0
"""Recognises heaps and reads them: from an address and a kind to facts.

Approach: each kind has a short list of recognisers; each verifies what it claims, the first that holds wins. What could
not be recognised is said with its reason, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Mapping, Tuple, Union

from gdbext.heap.cover import Proven
from gdbext.heap.facts import HeapFacts, Region
from gdbext.heap.layout import Flaw, MultiHeap, TlsfLayout
from gdbext.heap.multi_heap import read_multi_heap, recognise_dynamic
from gdbext.heap.owner import owner_bytes
from gdbext.heap.reading import fetch_heap
from gdbext.heap.walk import walk_pool
from gdbext.source.memory import Memory

# More than any heap that a 32-bit chip holds, less than a corrupt length may ask for.
LARGEST_HEAP = 64 << 20
_INFO_BYTES = 20


@dataclass(frozen=True)
class Unreadable:
    """A heap that could not be read, and why."""

    region: Region
    status: str  # "unreadable" or "uninitialised"
    why: str


KINDS: Dict[str, str] = {"multi_heap": "Espressif's multi_heap: the address of its struct multi_heap_info"}


def read_heap(memory: Memory, region: Region, proven: Mapping[int, Proven]) -> Union[HeapFacts, Unreadable]:
    """One heap with all its blocks. `proven`: payloads that the trace knows to be blocks, and what it knows of them."""
    found = _recognise(memory, region)
    if isinstance(found, Unreadable):
        return found
    info, layout = found
    memory.allow(region.address, layout.end)
    fetch_heap(memory, region.address, layout, proven)
    read = memory.snapshot.word_reader(layout.control, layout.end)
    walk = walk_pool(layout, read, proven)
    shift = owner_bytes(walk, read)
    if shift and walk.breaks:
        moved = {payload - shift: Proven(known.size + shift, known.why) for payload, known in proven.items()}
        walk = walk_pool(layout, read, moved)
    return HeapFacts(region, layout, info, walk, memory.snapshot, shift)


def _recognise(memory: Memory, region: Region) -> Union[Tuple[MultiHeap, TlsfLayout], Unreadable]:
    info = read_multi_heap(memory, region.address)
    if info is None:
        return Unreadable(region, "unreadable", f"its memory at {region.address:#x} cannot be read")
    limited = _limit_pool(info, region)
    layout = recognise_dynamic(memory, limited)
    if layout is None:
        return Unreadable(region, *_unrecognised(info, region))
    return limited, layout


def _limit_pool(info: MultiHeap, region: Region) -> MultiHeap:
    """A pool size that the region, or sense, forbids is not followed into other memory; the flaw says what it was."""
    limit = (region.end - region.address if region.end is not None else LARGEST_HEAP) - _INFO_BYTES
    if info.pool_size <= limit:
        return info
    text = f"pool_size is {info.pool_size:#x}, the heap ends {limit:#x} bytes behind its control block"
    flaw = Flaw("pool-size", info.address + 12, 4, text)
    return replace(info, pool_size=limit, flaws=(*info.flaws, flaw))


def _unrecognised(info: MultiHeap, region: Region) -> Tuple[str, str]:
    if not (info.free_bytes or info.minimum_free or info.pool_size):
        return "uninitialised", "not initialised yet: continue to main, then look again"
    return "unreadable", f"no multi_heap with a dynamic TLSF control block at {region.address:#x}"
