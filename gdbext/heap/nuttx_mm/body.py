# SPDX-License-Identifier: Apache-2.0
"""NuttX's default allocator as memtrace's: how its heap is recognised, read and walked."""

from __future__ import annotations

from typing import Iterator, Mapping, Union

from gdbext.heap.allocator import DECISIVE, Allocator, Body, Recognised, Unreadable
from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.ends import PagedReader, follow
from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import Geometry, Pool, narrowed
from gdbext.heap.guards import Guards
from gdbext.heap.mm_heads import delayed_frees
from gdbext.heap.nuttx_mm.find import find_named
from gdbext.heap.nuttx_mm.layout import LARGEST_SHIFT, SMALL_SHIFT, MmLayout
from gdbext.heap.nuttx_mm.lists import neighbour_agrees, read_lists
from gdbext.heap.nuttx_mm.owners import owners_in
from gdbext.heap.nuttx_mm.rules import NUTTX_MM_RULES
from gdbext.heap.nuttx_mm.search import find_nuttx_mm
from gdbext.heap.nuttx_mm.struct import MmHeap, read_mm_heap
from gdbext.heap.roots import check_roots
from gdbext.heap.walk import Walk, walk_pools
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader

_FLAGS = {"top": said("mm-flags-top"), "low": said("mm-flags-low"), "now": said("mm-flags-now")}


class _NuttxMm(Allocator):
    """mm_malloc and mm_free of NuttX."""

    kind = "nuttx_mm"
    rules = NUTTX_MM_RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises the struct by the heads of its lists, and its regions by their guard nodes."""
        heap = read_mm_heap(memory, region.address)
        if heap is None:
            return Unreadable(region, "unreadable", said("no-nuttx-mm", place=region.address))
        layout = _layout(heap, memory)
        layout = replace(layout, flaws=(*heap.flaws, *check_roots(memory, region)))
        return Recognised(self, layout, None, DECISIVE + heap.sound)

    def fetch(self, memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
        """Reads the whole heap. If that takes long, headers and links are enough, unless one is bad."""
        mm = narrowed(layout, MmLayout)
        memory.fetch(region.address, mm.heads.end + 8 * mm.word - region.address)
        whole = bool(memory.ranges()) or memory.reads_whole(sum(high - low for low, high in mm.guards))
        if whole or self.walk(mm, PagedReader(memory, mm.first), Evidence({}, None, None)).breaks:
            for low, high in mm.guards:
                memory.fetch(low, high + mm.form.header - low)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the lists and the blocks. The lists are followed first."""
        walk, mm = Walk(layout), narrowed(layout, MmLayout)
        read_lists(walk, mm, read)
        walk_pools(walk, read, neighbour_agrees(mm, read), evidence)
        return walk

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns who allocated the used nodes, if nodes keep that."""
        return owners_in(narrowed(walk.layout, MmLayout), walk, read)

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """Yields how many used blocks wait on the list of those whose free is delayed."""
        return delayed_frees(facts, narrowed(facts.layout, MmLayout).heads.end)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells the form of nodes."""
        form = narrowed(facts.layout, MmLayout).form
        yield said("mm-form", header=form.header, size=form.size_bytes, flags=_FLAGS[form.generation])


def _layout(heap: MmHeap, memory: Memory) -> MmLayout:
    """Returns the layout. What nodes are aligned to is the usual, or less if the first nodes contradict that."""
    form, width = heap.form, memory.source.pointer_size
    shift = (SMALL_SHIFT if form.size_bytes == 2 else LARGEST_SHIFT) - heap.heads.lists + 1
    smallest, twice = 1 << shift, 2 * form.header
    usual = width if form.now else min(smallest, twice & -twice)
    pools = tuple(Pool(low + 2 * form.header, high + form.header) for low, high in sorted(heap.regions))
    low = min(low for low, _ in heap.regions)
    control = min(heap.place, low) if heap.heads.end <= low < heap.heads.end + 4096 else low
    for grain in (usual, usual // 2, usual // 4):
        grain = max(grain, form.size_bytes)
        least = smallest if form.now else max(2 * width + form.header, grain)
        align = min(form.overhead & -form.overhead, grain)
        layout = MmLayout(
            f"nuttx-{form.generation}-{8 * form.size_bytes}", width, align, form.overhead, least - form.overhead,
            control, pools, (), form, heap.heads, memory.source.byte_order, grain, smallest,
            tuple(sorted(heap.regions)),
        )  # fmt: skip
        if _fits(layout, PagedReader(memory, layout.first)):
            break
    return layout


def _fits(layout: MmLayout, read: WordReader) -> bool:
    """True if the first nodes of the regions and the first free nodes are aligned as the layout says."""
    for pool in layout.pools:
        stop, _, count = follow(layout, layout.header_reader(read), pool.first, pool.end)
        if stop != pool.end and not count:
            return False
    leads = [read(head + layout.heads.link_at) for head in layout.heads.places()]
    free = [node for node in leads if node and layout.pool_of(layout.payload_at(node)) is not None]
    return 2 * sum(map(layout.is_node, free)) >= len(free)


NUTTX_MM = _NuttxMm()
BODY = Body(allocators=(NUTTX_MM,), find=find_named, search=find_nuttx_mm)
