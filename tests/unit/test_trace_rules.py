# SPDX-License-Identifier: Apache-2.0
"""What a trace proves about a heap, by what it has lost and where it comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbext.analyse.rules_trace import run_trace_rules
from gdbext.analyse.suspects import Witness
from gdbext.commands.cli import ImageHost
from gdbext.commands.collect import collect
from gdbext.model import Event, Imported, TraceInfo
from gdbext.trace.history import History
from tests.support import fixtures

CASE = fixtures.case("a005")
WHOLE = TraceInfo(kept=1, lost=0, first=1, last=1, running=True)
FROM_IDF = Imported("ESP-IDF's heap_trace", 0, "all", 10, 4, False, True)


def witness(trace: TraceInfo | None) -> Witness:
    """The trace has a block as live that the heap has as free."""
    images = [(image.base, image.data) for image in CASE.images]
    (facts,) = collect(ImageHost(images, [CASE.heap.option]), [CASE.heap.option], None).heaps
    free = next(payload for payload in facts.walk.payloads if facts.is_free(payload))
    event = Event(1, "alloc", free, 8, 0, 0, None, 0, 0, None, (0x1000,))
    return Witness(facts, History([event]), lambda _: (), trace)


PROVING = {
    "whole": WHOLE,
    "overwritten": replace(WHOLE, lost=5, overwritten=5),
    "filtered": replace(WHOLE, lost=5, filtered=5),
    "imported": replace(WHOLE, imported=FROM_IDF),
    "imported-full": replace(WHOLE, imported=replace(FROM_IDF, overflowed=True)),
}
NOT_PROVING = {
    "dropped": replace(WHOLE, lost=1, dropped=1),
    "half-written": replace(WHOLE, half_written=1),
    "stopped": replace(WHOLE, stopped=3),
    "imported-without-frees": replace(WHOLE, imported=replace(FROM_IDF, frees_told=False)),
    "imported-off": replace(WHOLE, running=False, imported=FROM_IDF),
}


@pytest.mark.parametrize("trace", PROVING.values(), ids=PROVING)
def test_a_trace_that_has_every_free_is_held_against_the_heap(trace: TraceInfo) -> None:
    faults, skipped = run_trace_rules(witness(trace), [])
    assert ([fault.rule for fault in faults], skipped) == (["trace-live-free"], [])


@pytest.mark.parametrize("trace", NOT_PROVING.values(), ids=NOT_PROVING)
def test_a_trace_that_may_lack_a_free_is_not(trace: TraceInfo) -> None:
    faults, skipped = run_trace_rules(witness(trace), [])
    assert (faults, [skip.check for skip in skipped]) == ([], ["trace-live-free"])


def test_damage_to_the_block_explains_it_away() -> None:
    found, _ = run_trace_rules(witness(WHOLE), [])
    assert run_trace_rules(witness(WHOLE), found) == ([], [])
    assert run_trace_rules(witness(None), []) == ([], [])
