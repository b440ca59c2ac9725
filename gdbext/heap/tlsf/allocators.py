# SPDX-License-Identifier: Apache-2.0
"""TLSF as memtrace's allocators: Espressif's multi_heap, and a TLSF on its own."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional, Union

from gdbext.heap.allocator import DECISIVE, LARGEST_HEAP, Allocator, Recognised, Unreadable
from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import Geometry
from gdbext.heap.guards import Guards
from gdbext.heap.mm_heads import delayed_frees
from gdbext.heap.roots import check_roots
from gdbext.heap.tlsf.layout import tlsf
from gdbext.heap.tlsf.lists import neighbour_agrees, read_lists
from gdbext.heap.tlsf.multi_heap import read_multi_heap, recognise_multi_heap
from gdbext.heap.tlsf.poison import find_poison
from gdbext.heap.tlsf.pools import recognise_plain
from gdbext.heap.tlsf.reading import fetch_heap
from gdbext.heap.tlsf.rules import MULTI_HEAP_RULES, TLSF_RULES
from gdbext.heap.tlsf.used_blocks import read_used_blocks
from gdbext.heap.walk import Walk, walk_pools
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader


class _Tlsf(Allocator):
    """A TLSF on its own."""

    kind = "tlsf"
    rules = TLSF_RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises the control block and its pools."""
        layout = recognise_plain(memory, region.address, region.pools, region.told)
        if layout is None:
            return Unreadable(region, "unreadable", said("no-tlsf", place=region.address))
        layout = replace(layout, flaws=(*layout.flaws, *check_roots(memory, region)))
        return Recognised(self, layout, None, DECISIVE + layout.slots)

    def fetch(self, memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
        """Reads the whole heap, or only headers if that is faster."""
        fetch_heap(memory, region.address, tlsf(layout), proven)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the lists and the blocks. The lists are followed first."""
        walk = Walk(layout)
        read_lists(walk, tlsf(layout), read)
        walk_pools(walk, read, neighbour_agrees(layout, read), evidence)
        return walk

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """Yields named pools without blocks, pools that lists lead to but that are not at hand, and ranges that look
        like pools.
        """
        layout = tlsf(facts.layout)
        for low, high in facts.region.pools:
            if not any(low <= pool.first < high for pool in layout.pools) and not low <= layout.control < high:
                yield Skipped("pools", said("pool-without-blocks", place=low))
        for payload in sorted(layout.beyond):
            yield Skipped("pools", said("pool-not-given", place=payload))
        for first, end in layout.unlisted:
            yield Skipped("pools", said("pool-unlisted", bytes=end - first, start=first, end=end))
        yield from delayed_frees(facts, facts.region.hints.get("mm_delaylist"))

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells how many lists agree with the bitmaps."""
        layout, agreeing = tlsf(facts.layout), 0
        for slot, head in enumerate(facts.walk.heads):
            _, place, bit = layout.slot_words(slot)
            bits = facts.read32(place)
            if head is not None and bits is not None:
                agreeing += bits >> bit & 1 == (head != layout.control)
        yield said("lists-agree", agreeing=agreeing, lists=layout.slots)


class _MultiHeap(_Tlsf):
    """Espressif's multi_heap."""

    kind = "multi_heap"
    rules = MULTI_HEAP_RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises struct multi_heap_info and the TLSF behind it."""
        info = read_multi_heap(memory, region.address)
        if info is None:
            return Unreadable(region, "unreadable", said("memory-unreadable", place=region.address))
        told = region.end is not None  # by the program's list of heaps
        if not (told or info.free_bytes or info.minimum_free or info.pool_size):
            return Unreadable(region, "uninitialised", said("not-initialised"))
        end = region.end if region.end is not None else region.address + LARGEST_HEAP
        found = recognise_multi_heap(memory, region.address, info, end, told)
        if found is None:
            return Unreadable(region, "unreadable", said("no-multi-heap", place=region.address))
        layout, info = found
        return Recognised(self, layout, info, DECISIVE + layout.slots)

    def read_parts(self, memory: Memory, region: Region) -> Optional[HeapFacts]:
        """Returns the used blocks of an ESP-IDF core dump."""
        return read_used_blocks(memory, region)

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns the poison, and the owner words of task tracking."""
        return find_poison(walk, read, snapshot)


TLSF = _Tlsf()
MULTI_HEAP = _MultiHeap()
