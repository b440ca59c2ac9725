# SPDX-License-Identifier: Apache-2.0
"""Tells of memory that a heap shares with another owner: two allocators over one memory, or a variable in it."""

from __future__ import annotations

from typing import Iterator, List, Tuple

from gdbext.analyse.case import PROVEN, Case
from gdbext.analyse.rules_trace import TRACE_NOTES, TraceRule
from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault
from gdbext.model.said import said

_SCORE = PROVEN + 1  # no overflow has to be looked for where two own the memory


def _shared(witness: Witness) -> Iterator[Fault]:
    for one in witness.shared:
        if one.is_sure:
            text = said("shared-memory", low=one.low, high=one.high, other=one.other)
        else:
            text = said("shared-some-day", other=one.other)
        yield Fault("shared-memory", one.low, 0, None, text, frozenset((("shared", one.low),)), False)


SHARED_RULES: Tuple[TraceRule, ...] = (
    TraceRule("shared-memory", "No byte of a heap belongs to another heap, to sbrk or to a variable.", _shared),
)

NOTES = TRACE_NOTES | {rule.id for rule in SHARED_RULES}  # rules that the bytes of a heap do not break


def run_shared_rules(witness: Witness) -> List[Fault]:
    """Returns the memory of a heap that has another owner, too."""
    return [fault for rule in SHARED_RULES for fault in rule.check(witness)]


def explain_shared(case: Case) -> None:
    """Says that two own the bytes of a fault, if they do."""
    facts = case.facts
    for one in case.witness.shared:
        if one.is_sure and one.low <= case.fault.address < one.high:
            text = said("two-owners", start=facts.start, end=facts.end, kind=facts.region.kind, other=one.other)
            case.tell(_SCORE, "shared-memory", None, text, said("overlap-at", low=one.low, high=one.high))
