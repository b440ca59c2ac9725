# SPDX-License-Identifier: Apache-2.0
"""What speaks for a heap being what it was recognised as, in one line for `memtrace status`."""

from __future__ import annotations

from typing import Iterator

from gdbext.heap.dumped import DumpedLayout
from gdbext.heap.facts import HeapFacts
from gdbext.heap.layout import FreeRtosLayout, TlsfLayout


def evidence_of(facts: HeapFacts) -> str:
    """The agreement of control data, lists and blocks, in words."""
    if isinstance(facts.layout, DumpedLayout):
        return "each used block is a segment of the core"
    return "; ".join((*_control_words(facts), _blocks_words(facts)))


def _control_words(facts: HeapFacts) -> Iterator[str]:
    layout = facts.layout
    flaws = [*layout.flaws, *(facts.info.flaws if facts.info is not None else ())]
    if flaws:
        yield f"{len(flaws)} of its control words disagree"
    if isinstance(layout, TlsfLayout):
        yield f"{_agreeing(facts, layout)} of {layout.fl_count << layout.sl_log2} lists agree with their bitmaps"
    if isinstance(layout, FreeRtosLayout):
        yield f"headers of {layout.header} bytes" + (
            f", pointers under canary {layout.canary:#x}" if layout.canary else ""
        )


def _agreeing(facts: HeapFacts, layout: TlsfLayout) -> int:
    agreeing = 0
    for slot, head in enumerate(facts.walk.heads):
        data = facts.snapshot.get(layout.slot_words(slot)[1], 4)
        if head is not None and data is not None:
            bit = int.from_bytes(data, facts.snapshot.byte_order) >> (slot & layout.sl_count - 1) & 1
            agreeing += bit == (head != layout.control)
    return agreeing


def _blocks_words(facts: HeapFacts) -> str:
    breaks = len(facts.walk.breaks)
    broken = f", breaks in it: {breaks}" if breaks else ""
    return f"blocks in a chain to the end marker: {len(facts.walk.payloads):,}{broken}"
