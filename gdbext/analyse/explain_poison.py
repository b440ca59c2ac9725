# SPDX-License-Identifier: Apache-2.0
"""Explains damage to canaries, guards and fill around users' bytes: who wrote past an end, or before a start.

Approach: canaries stand right at the user's first and last byte, so the block's own owner is the nearest whose writes
may go too far. The size words on both sides are intact, else a finding about them would come first.
"""

from __future__ import annotations

from gdbext.analyse.case import LIKELY, NEAR, OPEN, PROVEN, RUN, WEAK, Case
from gdbext.heap.facts import Fault
from gdbext.model.said import Said, said


def explain_behind(case: Case) -> None:
    """Explains damage to the canary or guard behind the user's bytes, or to the fill behind it."""
    facts, fault = case.facts, case.fault
    requested = facts.requested(case.block)
    end = fault.address if requested is None else case.user + requested
    adjacent, past = fault.address == end, fault.address + fault.length - end
    case.accuse(PROVEN, case.block, why=_hit_behind(fault))
    text = said("overflow-by", block=case.user, past=past)
    where = said("begins-behind-last") if adjacent else said("begins-elsewhere")
    # How many bytes before the user's end belong to the same run as the damage.
    inside = end - case.extent.start
    crosses = inside > 0 and case.extent.end > end and case.extent.look != "zero"
    run = said("run-from-inside", bytes=inside) if crosses else None
    case.tell(PROVEN if run else RUN if adjacent else LIKELY, "overflow", case.user, text, where, run)
    _tell_stray(case)


def _hit_behind(fault: Fault) -> Said:
    """Names what was hit behind a user's bytes."""
    if fault.role == "tail-canary":
        return said("hit-tail-canary", bytes=fault.length)
    if fault.rule == "guard-behind":
        return said("hit-guard-behind", bytes=fault.length)
    return said("hit-fill-behind", bytes=fault.length)


def explain_before(case: Case) -> None:
    """Explains damage between the size word and the user's bytes: to the canary, the length or the owner word."""
    fault, left = case.fault, case.facts.left_of(case.block)
    last = max(other.address + other.length for other in case.faults if other.block == case.block)
    reach = said("ends-at-start") if last == case.user else None
    case.accuse(PROVEN, case.block, why=said("hit-in-front", bytes=last - fault.address))
    text = said("underflow-by", block=case.user, before=case.user - fault.address)
    case.tell(RUN, "underflow", case.user, text, reach, said("size-word-intact"))
    if left is not None and not case.facts.is_free(left):
        payload = case.facts.user(left)
        case.accuse(WEAK, left)
        why = said("tail-canary-intact") if case.facts.guarded(left) else said("nothing-runs-across")
        case.tell(NEAR - 1, "overflow", payload, said("overflow-across", block=payload), said("weaker", why=why))
    _tell_stray(case)


def _tell_stray(case: Case) -> None:
    text, score = said("stray-write", bytes=case.fault.length), OPEN if case.length == case.fault.length else WEAK
    case.tell(score, "stray-write", None, text, said("nothing-points-there"))
