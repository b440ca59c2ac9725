# SPDX-License-Identifier: Apache-2.0
"""Finds who may have done one group of damage: suspects, and ranked explanations with their evidence.

Approach: every way in which the bytes could have come about is scored by what can be seen: does a run of bytes cross
from a neighbour, is that neighbour freed, did its owner request it to the last byte. All are shown, best first.
Rejected: naming one culprit. A stray write leaves the same four bytes as an overflow of four.
Assumptions: the neighbours are proven blocks. A block that is not proven is not accused.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Callable, Dict, Sequence

from gdbext.analyse.case import LIKELY, LINKED, NEAR, OPEN, PROVEN, RUN, WEAK, Case, Ranked
from gdbext.analyse.explain_frees import explain_disagreement, tell_double_free, tell_wrong_heap
from gdbext.analyse.explain_given import explain_double_free, explain_handed_out, explain_refused
from gdbext.analyse.explain_poison import explain_before, explain_behind
from gdbext.analyse.rules import struck_by
from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault
from gdbext.model.diagnosis import Extent
from gdbext.model.events import Generation
from gdbext.model.said import said

_RUNS = {"fill": said("one-fill"), "text": said("one-text"), "zero": said("one-run-of-zeros")}


def explain(witness: Witness, faults: Sequence[Fault], extent: Extent) -> Ranked:
    """Returns the suspects and explanations of one group. The first fault must be the one that says most."""
    case = Case(witness, faults, extent)
    struck = struck_by(case.facts, case.fault)
    _tell_full_stack(case)
    if case.fault.rule in _BY_TRACE:
        _BY_TRACE[case.fault.rule](case)
    elif case.fault.block is None and struck in ("inside", "link"):
        _explain_control(case)
    else:
        _BY_WHAT_WAS_STRUCK.get(struck, _explain_control)(case)
    tell_wrong_heap(case)
    return case.ranked()


def _tell_full_stack(case: Case) -> None:
    """Names the task whose stack begins right above the damage and has nothing unused: it ran over."""
    below = [fault.address for fault in case.faults if fault.length]
    for stack in case.witness.full_stacks:
        behind = bisect_left(case.facts.walk.payloads, stack.low - case.facts.shift - case.facts.layout.header) - 1
        floor = case.facts.walk.payloads[behind] if behind >= 0 else case.facts.start
        if not any(floor <= address < stack.low for address in below):
            continue
        text, why = said("stack-ran-over", task=stack.task, low=stack.low), said("stack-is-full")
        score = PROVEN + 2
        case.accuse(score, case.facts.raw(stack.low), why=said("stack-above", task=stack.task))
        case.tell(score, "stack-overflow", stack.low, text, why, said("damage-below-stack"))


def _explain_header(case: Case) -> None:
    origin = case.facts.holder(case.extent.start) if case.extent.start < case.fault.address else None
    left = case.facts.left_of(case.block)
    if origin is not None:
        _accuse_origin(case, origin)
    elif left is not None:
        _accuse_left(case, left)
    if case.fault.rule != "end-marker":
        _accuse_hit(case, crossed=origin is not None)
    if origin is not None:
        text, why = said("stray-write-by-chance", bytes=case.length), said("nothing-points-there")
        case.tell(WEAK, "stray-write", None, text, said("weaker", why=why))
    else:
        text, why = said("stray-write-of-nobody", bytes=case.fault.length), said("no-run-before")
        case.tell(OPEN, "stray-write", None, text, why)


def _accuse_origin(case: Case, origin: int) -> None:
    """Accuses the present and the former owner of the bytes where the run of damage begins."""
    past = case.extent.end - case.facts.end_of(origin)
    whole, kind = case.extent.start == origin, _RUNS.get(case.extent.look, said("one-pattern"))
    run = said("run-from-offset", run=kind, offset=case.extent.start - origin, past=past)
    if whole:
        run = said("run-from-start", run=kind, past=past)
    sure = RUN if case.extent.look != "zero" else OPEN if whole else WEAK - 0.5
    former = case.witness.former_owner(case.extent.start)
    if case.facts.is_free(origin):
        payload = former.payload if former is not None else case.facts.user(origin)
        case.accuse(sure + 1, case.facts.raw(payload), former)
        text = said("write-after-free-by", block=payload, past=past)
        case.tell(sure + 1, "write-after-free", payload, text, run)
        return
    case.accuse(sure + 1, origin, case.witness.present_owner(case.extent.start))
    owner = case.facts.user(origin)
    case.tell(sure + 1, "overflow", owner, said("overflow-by", block=owner, past=past), run)
    if former is not None:
        _accuse_former(case, former, sure)


def _accuse_former(case: Case, former: Generation, sure: float) -> None:
    """Accuses a former owner of these bytes, whose stale pointer may have written them."""
    begins = former.payload == case.extent.start
    exact = begins and former.size == case.length
    score = sure + 2 if exact else sure + 0.5 if begins else sure - 1
    why = said("run-of-its-length") if exact else said("run-from-its-start") if begins else None
    case.accuse(score, case.facts.raw(former.payload), former)
    if former.freed_seq is None:
        text = said("former-owner", block=former.payload, seq=former.seq)
    else:
        text = said("former-owner-freed", block=former.payload, seq=former.seq, freed=former.freed_seq)
    case.tell(score, "write-after-free", former.payload, text, why)


def _accuse_left(case: Case, left: int) -> None:
    """Accuses the block before the header. No run crosses from it, but it is the nearest that may overflow."""
    adjacent = case.fault.address == case.facts.end_of(left)
    payload = case.facts.user(left)
    life = case.witness.history.newest(payload)
    full = life is not None and not life.is_freed and life.size == case.facts.size_of(left) - case.facts.shift
    off_by_one = adjacent and full and case.fault.length == 1
    score = NEAR + (1 if off_by_one else 0) - (0 if adjacent else 0.7)
    where = said("begins-at-end") if adjacent else said("begins-elsewhere")
    if case.facts.guarded(left):
        score, where = WEAK - 0.5, said("weaker", why=said("both", one=said("tail-canary-intact"), other=where))
    filled = said("requested-whole") if full else None
    case.accuse(score, left)
    if case.facts.is_free(left):
        case.tell(score, "write-after-free", payload, said("write-after-free-past", block=payload), where)
    else:
        case.tell(score, "overflow", payload, said("overflow", block=payload), where, filled)


def _accuse_hit(case: Case, crossed: bool) -> None:
    """Accuses the block whose header was hit: its own owner may have written before its start."""
    start, size = case.block, case.witness.size(case.block)
    goes_on = case.extent.end - start if case.extent.look != "zero" else 0
    # The run is this block's own content if it ends with the block and does not begin where a block begins.
    apart = case.extent.start != case.facts.holder(case.extent.start)
    own = size > 0 and case.extent.end == start + size and apart
    reaches = case.fault.address + case.fault.length == start
    score = NEAR - 0.1 if reaches and not crossed else WEAK - 0.4
    why = said("ends-at-start") if reaches else said("ends-before-start")
    if goes_on > 0 and (not crossed or own):
        score = RUN if not crossed else PROVEN + 1
        why = said("run-to-last") if own else said("run-into", bytes=goes_on)
    case.accuse(score, case.block)
    case.tell(score, "underflow", case.user, said("underflow", block=case.user), why)


def _explain_links(case: Case) -> None:
    """Explains damage inside a free block: to its links or to its last word."""
    former = case.witness.former_owner(case.fault.address)
    stale = former.payload if former is not None else case.user
    case.accuse(LINKED, case.facts.raw(stale), former)
    text = said("write-after-free-at", block=stale, offset=case.fault.address - stale)
    unknown = said("last-owner-unknown") if former is None else None
    case.tell(LIKELY, "write-after-free", stale, text, unknown, said("size-words-intact"))
    touched = [thing for fault in case.faults for thing in (fault.block, *fault.touches)]
    proven = [thing for thing in touched if isinstance(thing, int) and thing in case.facts.position]
    others = [block for block in dict.fromkeys(proven) if block != case.block]
    twice = [tell_double_free(case, block) for block in (case.block, *others)]
    if case.fault.rule in ("list-cycle", "listed-not-free") and not any(twice):
        text = said("one-freed-twice", block=case.user)
        case.tell(LINKED, "double-free", case.user, text, said("links-to-listed"))
    for other in others:
        case.accuse(WEAK, other)
    case.tell(WEAK, "stray-write", None, said("stray-write", bytes=case.length), said("nothing-points-there"))


def _explain_counters(case: Case) -> None:
    text = said("counters-overwritten", finding=case.fault.text)
    case.tell(OPEN, "control-overwritten", None, text, said("blocks-intact"))
    why = said("weaker", why=said("blocks-fill-heap"))
    case.tell(WEAK, "memory-missing", None, said("uncounted"), why)


def _explain_control(case: Case) -> None:
    text = said("control-overwritten", bytes=case.length)
    case.tell(OPEN, "control-overwritten", None, text, said("no-block-runs-in"))
    first = case.facts.layout.first
    if first in case.facts.position and first - 64 <= case.fault.address:
        case.accuse(WEAK, first)
        owner = case.facts.user(first)
        case.tell(WEAK, "underflow", owner, said("underflow", block=owner), said("nearest-block"))


_BY_TRACE: Dict[str, Callable[[Case], object]] = {
    "double-free": explain_double_free,
    "refused-free": explain_refused,
    "handed-out": explain_handed_out,
    "trace-live-free": explain_disagreement,
    "trace-overlap": explain_disagreement,
}
_BY_WHAT_WAS_STRUCK: Dict[str, Callable[[Case], None]] = {
    "header": _explain_header,
    "link": _explain_header,
    "before": explain_before,
    "behind": explain_behind,
    "inside": _explain_links,
    "counters": _explain_counters,
}
