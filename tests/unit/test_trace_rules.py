# SPDX-License-Identifier: Apache-2.0
"""What a trace proves about a heap, by what it has lost and where it comes from."""

from __future__ import annotations

import pytest

from gdbext.analyse.rules_trace import run_trace_rules
from gdbext.model.events import TraceInfo
from gdbext.model.record import replace
from tests.unit.witness_world import FROM_IDF, WHOLE, witness

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
    "frozen": replace(WHOLE, stopped=3),
    "off": replace(WHOLE, state="stopped", running=False),
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
