# SPDX-License-Identifier: Apache-2.0
"""Calls of interrupts into allocators that do not keep interrupts out: a note, and what the event may explain."""

from __future__ import annotations

from typing import Any

from gdbext.analyse.interrupts import RULE
from gdbext.report.sentences import words
from gdbext.report.text.check import check_lines
from tests.unit.interrupt_world import INTERRUPT, PLACES, TASK, in_byte_pool, in_heap_4, in_multi_heap

USED, OTHER = PLACES[0], PLACES[2]


def findings(report: Any) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for heap in report.heaps for one in heap.findings]


def test_the_first_line_names_the_event_and_what_keeps_nobody_out() -> None:
    report = in_heap_4(("alloc", USED, TASK), ("alloc", OTHER, INTERRUPT))
    first, *_, last = check_lines(report)
    said = "event seq 1 came from an interrupt into freertos_heap_4, which only suspends the scheduler"
    assert first.startswith(f"who: {said}: allocated by 0x42001010")
    assert last.endswith(f"next: memtrace last {OTHER:#x}")
    assert findings(report) == [(RULE, "note")]
    assert report.heaps[0].status == "clean"


def test_a_free_counts_and_all_events_are_told_once() -> None:
    frees = [("free", USED, INTERRUPT) for _ in range(3)]
    report = in_heap_4(*[("alloc", OTHER, INTERRUPT)] * 3, *frees)
    notes = [one for one in report.heaps[0].findings if one.rule == RULE]
    assert len(notes) == 1
    evidence = words(notes[0].explanations[0].evidence[0])
    assert evidence == "6 events of interrupts in this heap: seq 0, seq 1, seq 2, seq 3 and 2 more"


def test_tasks_may_call_and_so_may_interrupts_where_they_are_kept_out() -> None:
    assert findings(in_heap_4(("alloc", USED, TASK))) == []
    assert findings(in_multi_heap()) == []


def test_threadx_allows_no_interrupt() -> None:
    report = in_byte_pool()
    assert findings(report) == [(RULE, "note")]
    said = words(report.heaps[0].findings[0].text)
    assert said == "event seq 0 came from an interrupt into threadx_pool, which is for threads alone"


def test_damage_that_a_call_in_a_call_leaves_may_be_its_doing() -> None:
    """A chain that leads to a used block: the link is the allocator's own. Without the event, nothing is said of it."""
    kinds = [
        [one.kind for one in report.heaps[0].findings[0].explanations]
        for report in (
            in_heap_4(("alloc", OTHER, INTERRUPT), link=OTHER - 8),
            in_heap_4(("alloc", OTHER, TASK), link=OTHER - 8),
        )
    ]
    assert RULE in kinds[0]
    assert RULE not in kinds[1]
