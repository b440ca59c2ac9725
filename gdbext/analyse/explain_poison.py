# SPDX-License-Identifier: Apache-2.0
"""Damage to what ESP-IDF's poisoning keeps around the user's bytes: who wrote past an end, or before a start.

Approach: canaries stand right at the user's first and last byte, so the owner of the block itself is the nearest whose
writes go too far; the size words on both sides are intact, or the damage would be told of them.
"""

from __future__ import annotations

from gdbext.analyse.case import LIKELY, NEAR, OPEN, PROVEN, RUN, WEAK, Case
from gdbext.analyse.suspects import counted


def explain_behind(case: Case) -> None:
    """The canary behind the user's bytes, or the fill behind that."""
    facts, fault = case.facts, case.fault
    requested = facts.requested(case.block)
    end = fault.address if requested is None else case.user + requested
    adjacent, past = fault.address == end, fault.address + fault.length - end
    canary = "its tail canary" if fault.rule == "poison-tail" else "the fill behind its tail canary"
    case.accuse(PROVEN, case.block, why=f"{canary} ({counted(fault.length, 'byte')})")
    text = f"write past the end of {case.user:#x}, by {counted(past, 'byte')}"
    where = "the damage begins right behind its last byte" if adjacent else "the damage does not begin at its end"
    run = _runs_from_inside(case, end)
    case.tell(PROVEN if run else RUN if adjacent else LIKELY, "overflow", case.user, text, where, run)
    _tell_stray(case)


def _runs_from_inside(case: Case, end: int) -> str:
    """Whether the bytes before the end are of one kind with the damage."""
    inside = end - case.extent.start
    if inside <= 0 or case.extent.end <= end or case.extent.look == "zero":
        return ""
    return f"its last {counted(inside, 'byte')} and the damage are one run"


def explain_before(case: Case) -> None:
    """What stands between the size word and the user's bytes: canary, length, owner."""
    fault, left = case.fault, case.facts.left_of(case.block)
    last = max(one.address + one.length for one in case.faults if one.block == case.block)
    reach = "the damage ends at its start" if last == case.user else ""
    case.accuse(PROVEN, case.block, why=f"what stands in front of it ({counted(last - fault.address, 'byte')})")
    text = f"write before the start of {case.user:#x} by its owner, by {counted(case.user - fault.address, 'byte')}"
    case.tell(RUN, "underflow", case.user, text, reach, "the size word in front of that is intact")
    if left is not None and not case.facts.is_free(left):
        payload = case.facts.user(left)
        case.accuse(WEAK, left)
        text = f"write past the end of {payload:#x}, over a size word that it left as it was"
        why = "weaker: its own tail canary is intact" if case.facts.guarded(left) else "weaker: nothing runs across"
        case.tell(NEAR - 1, "overflow", payload, text, why)
    _tell_stray(case)


def _tell_stray(case: Case) -> None:
    text = f"stray write of {counted(case.fault.length, 'byte')}"
    case.tell(
        OPEN if case.length == case.fault.length else WEAK, "stray-write", None, text, "nothing else points there"
    )
