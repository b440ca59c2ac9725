# SPDX-License-Identifier: Apache-2.0
"""From one group of damage to who may have done it: suspects and ranked explanations, each with what speaks for it.

Approach: every way that the bytes could have come about is scored by what can be seen (does a run of bytes cross from a
neighbour, is that neighbour freed, was the block requested to its last byte) and all are shown, best first.
Rejected: naming one culprit. A stray write leaves the same four bytes as an overflow of four.
Assumptions: the neighbours are proven blocks; what is not proven is not accused.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Sequence

from gdbext.analyse.case import LIKELY, LINKED, NEAR, OPEN, PROVEN, RUN, WEAK, Case, Ranked
from gdbext.analyse.explain_frees import (
    explain_disagreement,
    explain_double_free,
    explain_refused_free,
    tell_double_free,
    tell_wrong_heap,
)
from gdbext.analyse.explain_poison import explain_before, explain_behind
from gdbext.analyse.rules import struck_by
from gdbext.analyse.suspects import Witness, counted
from gdbext.heap.facts import Fault
from gdbext.model import Extent, Generation


def explain(witness: Witness, faults: Sequence[Fault], extent: Extent) -> Ranked:
    """Suspects and explanations of one group; its first fault says most."""
    case = Case(witness, faults, extent)
    struck = struck_by(case.facts, case.fault)
    if case.fault.rule in _BY_TRACE:
        _BY_TRACE[case.fault.rule](case)
    elif case.fault.block is None and struck in ("inside", "link"):
        _explain_control(case)
    else:
        _BY_WHAT_WAS_STRUCK.get(struck, _explain_control)(case)
    tell_wrong_heap(case)
    return case.ranked()


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
        text = f"stray write of {counted(case.length, 'byte')} that began there by chance"
        case.tell(WEAK, "stray-write", None, text, "weaker: nothing else points there")
    else:
        text = f"stray write of {counted(case.fault.length, 'byte')}: the bytes do not tell who"
        case.tell(OPEN, "stray-write", None, text, "the bytes before it do not run into it")


def _accuse_origin(case: Case, origin: int) -> None:
    """The damage goes on from bytes of another block: its owner, or one who had been its owner."""
    past = case.extent.end - case.facts.end_of(origin)
    run = _run_words(case.extent, origin, past)
    whole = case.extent.start == origin
    sure = RUN if case.extent.look != "zero" else OPEN if whole else WEAK - 0.5
    former = case.witness.former_owner(case.extent.start)
    if case.facts.is_free(origin):
        payload = former.payload if former is not None else case.facts.user(origin)
        case.accuse(sure + 1, case.facts.raw(payload), former)
        text = f"write after free through {payload:#x}, {counted(past, 'byte')} past its end"
        case.tell(sure + 1, "write-after-free", payload, text, run)
        return
    case.accuse(sure + 1, origin, case.witness.present_owner(case.extent.start))
    owner = case.facts.user(origin)
    case.tell(sure + 1, "overflow", owner, f"write past the end of {owner:#x}, by {counted(past, 'byte')}", run)
    if former is not None:
        _accuse_former(case, former, sure)


def _accuse_former(case: Case, former: Generation, sure: float) -> None:
    """Somebody else held these bytes before: a stale pointer of theirs writes the same."""
    begins = former.payload == case.extent.start
    exact = begins and former.size == case.length
    score = sure + 2 if exact else sure + 0.5 if begins else sure - 1
    size = "the run is as long as its block was" if exact else ""
    start = "the run begins at its first byte too: the bytes cannot tell the two owners apart" if begins else ""
    case.accuse(score, case.facts.raw(former.payload), former)
    freed = "" if former.freed_seq is None else f" at seq {former.freed_seq}"
    who = f"by its former owner (seq {former.seq}, freed{freed})"
    text = f"write after free through {former.payload:#x} {who}"
    case.tell(score, "write-after-free", former.payload, text, size or start)


def _run_words(extent: Extent, origin: int, past: int) -> str:
    noun = {"fill": "one fill", "text": "one text", "zero": "one run of zeros"}.get(extent.look, "one pattern")
    first = "its first byte" if extent.start == origin else f"byte {extent.start - origin:,} of it"
    return f"{noun} runs from {first} to {past:,} past its last"


def _accuse_left(case: Case, left: int) -> None:
    """Nothing runs across the border; the block before it is still the nearest whose writes may go too far."""
    adjacent = case.fault.address == case.facts.end_of(left)
    payload = case.facts.user(left)
    life = case.witness.history.newest(payload)
    full = life is not None and not life.is_freed and life.size == case.facts.size_of(left) - case.facts.shift
    off_by_one = adjacent and full and case.fault.length == 1
    score = NEAR + (1 if off_by_one else 0) - (0 if adjacent else 0.7)
    where = "the damage begins at its end" if adjacent else "the damage does not begin at its end"
    if case.facts.guarded(left):
        score, where = WEAK - 0.5, f"weaker: its own tail canary is intact, and {where}"
    filled = "it was requested to its last byte" if full else ""
    case.accuse(score, left)
    if case.facts.is_free(left):
        case.tell(score, "write-after-free", payload, f"write after free through {payload:#x}, past its end", where)
    else:
        case.tell(score, "overflow", payload, f"write past the end of {payload:#x}", where, filled)


def _accuse_hit(case: Case, crossed: bool) -> None:
    """The block whose header was hit: its own owner may have written before its start."""
    start = case.block
    goes_on = case.extent.end - start if case.extent.look != "zero" else 0
    reaches = case.fault.address + case.fault.length == start
    score = NEAR - 0.1 if reaches and not crossed else WEAK - 0.4
    why = "the damage ends at its start" if reaches else "the damage does not reach its start"
    if goes_on > 0 and (not crossed or _fills_to_its_end(case)):
        score = RUN if not crossed else PROVEN + 1
        to_end = "to its last byte" if _fills_to_its_end(case) else f"{counted(goes_on, 'byte')} into it"
        why = f"one run goes on from its size word {to_end}"
    case.accuse(score, case.block)
    case.tell(score, "underflow", case.user, f"write before the start of {case.user:#x} by its owner", why)


def _fills_to_its_end(case: Case) -> bool:
    """Whether the run is this block's own content: it ends with the block and begins nowhere in the block before."""
    size = case.witness.size(case.block)
    origin = case.facts.holder(case.extent.start)
    return size > 0 and case.extent.end == case.block + size and case.extent.start != origin


def _explain_links(case: Case) -> None:
    """The inside of a free block: its links or its last word."""
    former = case.witness.former_owner(case.fault.address)
    stale = former.payload if former is not None else case.user
    case.accuse(LINKED, case.facts.raw(stale), former)
    text = f"write after free through {stale:#x}, at offset {case.fault.address - stale:,}"
    known = "" if former is not None else "its last owner is not in the trace"
    case.tell(LIKELY, "write-after-free", stale, text, known, "the size words on both sides are intact")
    twice = [tell_double_free(case, block) for block in (case.block, *_other_blocks(case))]
    if case.fault.rule in ("list-cycle", "listed-not-free") and not any(twice):
        text = f"{case.user:#x} or its neighbour on the list was freed twice"
        case.tell(LINKED, "double-free", case.user, text, "its links lead to a block that is already on a list")
    for other in _other_blocks(case):
        case.accuse(WEAK, other)
    case.tell(WEAK, "stray-write", None, f"stray write of {counted(case.length, 'byte')}", "nothing else points there")


def _other_blocks(case: Case) -> List[int]:
    """The other proven blocks that this group touches."""
    touched = [thing for fault in case.faults for thing in (fault.block, *fault.touches)]
    blocks = [thing for thing in touched if isinstance(thing, int) and thing in case.facts.position]
    return [block for block in dict.fromkeys(blocks) if block != case.block]


def _explain_counters(case: Case) -> None:
    text = f"stray write to the heap's counters: {case.fault.text}"
    case.tell(OPEN, "control-overwritten", None, text, "every block is intact")
    lost = "a block was lost or joined without being counted"
    case.tell(WEAK, "memory-missing", None, lost, "weaker: the blocks fill the heap")


def _explain_control(case: Case) -> None:
    text = f"stray write of {counted(case.length, 'byte')} to the control block"
    case.tell(OPEN, "control-overwritten", None, text, "no block's bytes run into it")
    first = case.facts.layout.first
    if first in case.facts.position and first - 64 <= case.fault.address:
        case.accuse(WEAK, first)
        owner = case.facts.user(first)
        case.tell(WEAK, "underflow", owner, f"write before the start of {owner:#x} by its owner", "the nearest block")


_BY_TRACE: Dict[str, Callable[[Case], None]] = {
    "double-free": explain_double_free,
    "refused-free": explain_refused_free,
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
