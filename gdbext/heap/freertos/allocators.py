# SPDX-License-Identifier: Apache-2.0
"""The heaps of FreeRTOS as memtrace's allocators: heap_1, heap_2, heap_4 and heap_5."""

from __future__ import annotations

from typing import Iterator, Union

from gdbext.heap.allocator import LARGEST_HEAP, Allocator, Recognised, Unreadable
from gdbext.heap.cover import Evidence
from gdbext.heap.facts import HeapFacts, Rule
from gdbext.heap.freertos.heap_1 import Heap1Layout, recognise_heap_1, walk_heap_1
from gdbext.heap.freertos.heap_2 import Heap2Layout, recognise_heap_2, walk_heap_2
from gdbext.heap.freertos.heap_4 import recognise_freertos, walk_freertos
from gdbext.heap.freertos.layout import FreeRtosLayout, hints_of_link, link_of
from gdbext.heap.freertos.rules_heap_2 import HEAP_2_RULES
from gdbext.heap.freertos.rules_heap_4 import HEAP_4_RULES
from gdbext.heap.geometry import Geometry
from gdbext.heap.region import Region
from gdbext.heap.rules import check_flaws
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader
from gdbext.symbols.shapes import Program

_NEXT_BYTE = "xNextFreeByte of heap_1 is aligned and inside of the array, and pucAlignedHeap is where that begins."


class _Heap1(Allocator):
    """heap_1, which never frees."""

    kind = "freertos_heap_1"
    address_is = "FreeRTOS heap_1: the aligned start of its array; needs symbols"
    rules = (Rule("next-byte", _NEXT_BYTE, check_flaws),)
    needs_variables = True

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """The array, if its variables are known."""
        layout = recognise_heap_1(memory, region.address, region.hints)
        return (
            Unreadable(region, "unreadable", said("heap-1-symbols"))
            if layout is None
            else Recognised(self, layout, None, 1)
        )

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """What the trace knows, and the rest."""
        assert isinstance(layout, Heap1Layout)
        return walk_heap_1(layout, evidence)

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """That its counter alone can be checked."""
        yield Skipped(f"heap {facts.region.address:#x}", said("heap-1-counter"))

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Its counter."""
        assert isinstance(facts.layout, Heap1Layout)
        yield said("bytes-in-use", used=facts.layout.taken, whole=facts.layout.end - facts.layout.first)


class _Heap2(Allocator):
    """heap_2, which does not join free blocks."""

    kind = "freertos_heap_2"
    address_is = "FreeRTOS heap_2: the address of its first block header"
    rules = HEAP_2_RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Blocks up to where xEnd says, or the memory ends. Who does not say that it is one may mean another kind."""
        end = region.hints.get("xEnd")
        if end is not None and memory.word(end + memory.source.pointer_size) == 0:
            return Unreadable(region, "uninitialised", said("no-end-size"))
        found = recognise_heap_2(memory, region.address, LARGEST_HEAP, region.hints, region.kind == self.kind)
        if found is None:
            return Unreadable(region, "unreadable", said("no-heap-2", place=region.address))
        return Recognised(self, found.layout, None, found.blocks, certain=found.layout.head is not None, usual=False)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Blocks, and the list through the free ones."""
        assert isinstance(layout, Heap2Layout)
        return walk_heap_2(layout, read, evidence)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Where its list begins and ends, and what tells used blocks."""
        layout = facts.layout
        assert isinstance(layout, Heap2Layout)
        yield said("headers", header=layout.header)
        yield said("marked") if layout.marked else said("unmarked")
        yield said("start-unknown") if layout.head is None else said("start-known", place=layout.head[0])
        if layout.last_link is not None:
            yield said("end-known", place=layout.last_link)


class _Heap4(Allocator):
    """heap_4 and, with several regions, heap_5."""

    rules = HEAP_4_RULES

    def __init__(self, version: int, address_is: str) -> None:
        self.version = version
        self.kind = f"freertos_heap_{version}"
        self.address_is = address_is
        self.takes_pools = version == 5

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """A chain of blocks up to an end marker."""
        found = recognise_freertos(memory, region, self.version, LARGEST_HEAP)
        if found is None:
            return Unreadable(region, "unreadable", said("no-chain", place=region.address))
        return Recognised(self, found.layout, None, found.blocks)

    def complete(self, memory: Memory, region: Region, program: Program) -> Region:
        """With what debug information says of its headers."""
        if "link_size" in region.hints:
            return region
        told = hints_of_link(link_of(program, memory.source.pointer_size))
        return replace(region, hints={**region.hints, **told})

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Blocks, and the chain through the free ones."""
        assert isinstance(layout, FreeRtosLayout)
        return walk_freertos(layout, read, evidence)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """What its headers are."""
        layout = facts.layout
        assert isinstance(layout, FreeRtosLayout)
        yield said("headers-told", header=layout.header) if layout.link else said("headers", header=layout.header)
        if layout.canary:
            yield said("pointer-canary", canary=layout.canary)


HEAP_1 = _Heap1()
HEAP_2 = _Heap2()
HEAP_4 = _Heap4(4, "FreeRTOS heap_4: the address of its first block header")
HEAP_5 = _Heap4(5, "FreeRTOS heap_5: the address of the first region's first block header")
