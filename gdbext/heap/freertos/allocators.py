# SPDX-License-Identifier: Apache-2.0
"""The heaps of FreeRTOS as memtrace's allocators: heap_1, heap_2, heap_4 and heap_5."""

from __future__ import annotations

from typing import Iterator, Mapping, Union

from gdbext.heap.allocator import Allocator, Recognised, Unreadable
from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.ends import PagedReader
from gdbext.heap.facts import HeapFacts
from gdbext.heap.freertos.heap_1 import Heap1
from gdbext.heap.freertos.heap_2 import Heap2Layout, recognise_heap_2, walk_heap_2
from gdbext.heap.freertos.heap_4 import recognise_heap_4, walk_heap_4
from gdbext.heap.freertos.layout import FreeRtosLayout, link_hints, link_in
from gdbext.heap.freertos.rules_heap_2 import HEAP_2_RULES
from gdbext.heap.freertos.rules_heap_4 import HEAP_4_RULES
from gdbext.heap.geometry import Geometry, narrowed
from gdbext.heap.roots import check_roots
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader
from gdbext.symbols.shapes import Program


class _Heap2(Allocator):
    """heap_2, which does not join free blocks."""

    kind = "freertos_heap_2"
    rules = HEAP_2_RULES
    locks = "scheduler"

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises blocks up to the end by xEnd, or the memory's end. The checks are stricter with kind `auto`."""
        end = region.hints.get("xEnd")
        if end is not None and memory.word(end + memory.source.pointer_size) == 0:
            return Unreadable(region, "uninitialised", said("no-end-size"))
        found = recognise_heap_2(memory, region.address, region.hints, region.kind == self.kind)
        if found is None:
            return Unreadable(region, "unreadable", said("no-heap-2", place=region.address))
        layout, blocks = found
        return Recognised(self, layout, None, blocks, certain=layout.head is not None, usual=False)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the blocks, and the list through the free ones."""
        return walk_heap_2(narrowed(layout, Heap2Layout), read, evidence)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells where the list begins and ends, and how used blocks are known."""
        layout = narrowed(facts.layout, Heap2Layout)
        yield said("headers", header=layout.header)
        yield said("marked") if layout.marked else said("unmarked")
        yield said("start-unknown") if layout.head is None else said("start-known", place=layout.head[0])
        if layout.last_link is not None:
            yield said("end-known", place=layout.last_link)


class _Heap4(Allocator):
    """heap_4 and, with several regions, heap_5."""

    rules = HEAP_4_RULES
    locks = "scheduler"

    def __init__(self, version: int) -> None:
        self.version = version
        self.kind = f"freertos_heap_{version}"

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises a chain of blocks up to an end marker. If headers in the hinted form do not lead to one, the
        kernel's own form is tried.
        """
        found = recognise_heap_4(memory, region, self.version)
        if found is None and link_in(region.hints) is not None:
            found = recognise_heap_4(memory, replace(region, hints={}), self.version)
        if found is None:
            return Unreadable(region, "unreadable", said("no-chain", place=region.address))
        layout = replace(found.layout, flaws=tuple(check_roots(memory, region)))
        # An array may begin before its first header: from there, all blocks but one may fit, behind a break.
        return Recognised(self, layout, None, max(found.blocks - found.breaks, 1))

    def complete(self, memory: Memory, region: Region, program: Program) -> Region:
        """Adds the form of block headers by debug information to the region's hints."""
        if "link_size" in region.hints:
            return region
        return replace(region, hints={**region.hints, **link_hints(program, memory.source.pointer_size)})

    def fetch(self, memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
        """Reads the whole heap. If that takes long, its headers are enough, which have been read, unless one is bad."""
        whole = bool(memory.ranges()) or memory.reads_whole(sum(pool.end - pool.first for pool in layout.pools))
        four, read = narrowed(layout, FreeRtosLayout), PagedReader(memory, layout.first)
        if whole or walk_heap_4(four, read).breaks:
            super().fetch(memory, region, layout, proven)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the blocks, and the chain through the free ones."""
        return walk_heap_4(narrowed(layout, FreeRtosLayout), read, evidence)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells the form of headers, and the canary if there is one."""
        layout = narrowed(facts.layout, FreeRtosLayout)
        yield said("headers-told", header=layout.header) if layout.told else said("headers", header=layout.header)
        if layout.canary:
            yield said("pointer-canary", canary=layout.canary)


HEAP_1 = Heap1()
HEAP_2 = _Heap2()
HEAP_4 = _Heap4(4)
HEAP_5 = _Heap4(5)
