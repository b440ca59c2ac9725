# SPDX-License-Identifier: Apache-2.0
"""What speaks for a heap being what it was recognised as, in one line for `memtrace status`."""

from __future__ import annotations

from typing import Iterator

from gdbext.heap.dumped import DumpedLayout
from gdbext.heap.facts import HeapFacts
from gdbext.heap.heap_1 import Heap1Layout
from gdbext.heap.heap_2 import Heap2Layout
from gdbext.heap.layout import FreeRtosLayout, TlsfLayout


def evidence_of(facts: HeapFacts) -> str:
    """The agreement of control data, lists and blocks, in words."""
    if isinstance(facts.layout, DumpedLayout):
        return "each used block is a segment of the core"
    if isinstance(facts.layout, Heap1Layout):
        return f"xNextFreeByte: {facts.layout.taken:,} of {facts.layout.end - facts.layout.first:,} bytes are in use"
    return "; ".join((*_control_words(facts), _blocks_words(facts)))


def _control_words(facts: HeapFacts) -> Iterator[str]:
    layout = facts.layout
    flaws = [*layout.flaws, *(facts.info.flaws if facts.info is not None else ())]
    if flaws:
        yield f"{len(flaws)} of its control words disagree"
    if isinstance(layout, TlsfLayout):
        yield f"{_agreeing(facts, layout)} of {layout.fl_count << layout.sl_log2} lists agree with their bitmaps"
    if isinstance(layout, Heap2Layout):
        yield _list_words(layout)
    if isinstance(layout, FreeRtosLayout):
        told = " as debug information has them" if layout.link else ""
        yield f"headers of {layout.header} bytes{told}" + (
            f", pointers under canary {layout.canary:#x}" if layout.canary else ""
        )


def _list_words(layout: Heap2Layout) -> str:
    """Where the list of free blocks begins and ends, and what tells used blocks."""
    bit = (
        "used blocks have the top bit of their sizes" if layout.marked else "sizes have no allocated bit (before V10.5)"
    )
    start = "xStart was not found" if layout.head is None else f"the list begins in xStart, {layout.head[0]:#x}"
    end = "" if layout.last_link is None else f", ends on xEnd, {layout.last_link:#x}"
    return f"headers of {layout.header} bytes; {bit}; {start}{end}"


def _agreeing(facts: HeapFacts, layout: TlsfLayout) -> int:
    agreeing = 0
    for slot, head in enumerate(facts.walk.heads):
        data = facts.snapshot.get(layout.slot_words(slot)[1], 4)
        if head is not None and data is not None:
            bit = int.from_bytes(data, facts.snapshot.byte_order) >> (slot & layout.sl_count - 1) & 1
            agreeing += bit == (head != layout.control)
    return agreeing


def _blocks_words(facts: HeapFacts) -> str:
    layout = facts.layout
    pools = ", ".join(f"{pool.first - layout.header:#x}..{layout.behind_pool(pool):#x}" for pool in layout.pools)
    where = f"end, {layout.ended_by}" if isinstance(layout, Heap2Layout) else "end marker"
    breaks = len(facts.walk.breaks)
    broken = f", breaks in it: {breaks}" if breaks else ""
    several = f" in {len(layout.pools)} pools, {pools}" if len(layout.pools) > 1 else ""
    return f"blocks in a chain to the {where}: {len(facts.walk.payloads):,}{several}{broken}"
