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

from gdbext.analyse.cache_lines import tell_cache_lines
from gdbext.analyse.case import LIKELY, LINKED, NEAR, OPEN, PROVEN, RUN, WEAK, Case, Ranked
from gdbext.analyse.explain_frees import explain_disagreement, tell_double_free, tell_listed_twice, tell_wrong_heap
from gdbext.analyse.explain_given import explain_double_free, explain_handed_out, explain_refused
from gdbext.analyse.explain_poison import explain_before, explain_behind
from gdbext.analyse.interrupts import RULE as INTERRUPT_USE
from gdbext.analyse.interrupts import explain_interrupt_use, tell_interrupted_call
from gdbext.analyse.rules import struck_by
from gdbext.analyse.rules_shared import explain_shared
from gdbext.analyse.suspects import Witness, asked_end
from gdbext.heap.facts import Fault
from gdbext.model.diagnosis import Extent
from gdbext.model.events import Generation
from gdbext.model.said import said

_LISTED_WRONGLY = ("list-cycle", "listed-not-free")
_MANY_ZEROS = 64  # more zeros than these are nobody's run
_SHORT_WORDS = 4
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
    explain_shared(case)
    tell_interrupted_call(case)
    tell_cache_lines(case)
    return case.ranked()


def _tell_full_stack(case: Case) -> None:
    """Names the task whose stack begins right above the damage and has nothing unused: it ran over."""
    below = [fault.address for fault in case.faults if fault.length]
    for stack in case.witness.full_stacks:
        behind = bisect_left(case.facts.walk.payloads, case.facts.header_of(case.facts.raw(stack.low))) - 1
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
    past, kind = case.extent.end - asked_end(case.facts, origin), _RUNS.get(case.extent.look, said("one-pattern"))
    sure = _weight_of_run(case, _begins_block(case), case.extent.end - case.facts.end_of(origin))
    is_free, owner = case.facts.is_free(origin), case.facts.user(origin)
    former = case.witness.former_owner(case.extent.start) if is_free else None
    payload = owner if former is None else former.payload
    offset = case.extent.start - payload
    run = said("run-from-offset", run=kind, offset=offset, past=past)
    if offset <= 0:
        run = said("run-from-start", run=kind, past=past)
    if is_free:
        case.accuse(sure + 1, case.facts.raw(payload), former)
        if case.extent.passed:  # the allocator has written these words since, when it freed the block
            text, intact = said("overflow-before-free", block=payload, past=past), said("own-words-intact")
            case.tell(sure + 1, "overflow", payload, text, run, intact)
        else:
            text = said("write-after-free-by", block=payload, past=past)
            case.tell(sure + 1, "write-after-free", payload, text, run)
        return
    case.accuse(sure + 1, origin, case.witness.present_owner(case.extent.start))
    case.tell(sure + 1, "overflow", owner, said("overflow-by", block=owner, past=past), run)
    former = case.witness.owner_before(case.extent.start)
    if former is not None and former.payload == case.extent.start:
        _accuse_former(case, former, sure)


def _begins_block(case: Case) -> bool:
    """True if the run begins at the first byte of a block, or of its user's."""
    holder = case.facts.holder(case.extent.start)
    return holder is not None and case.extent.start in (holder, case.facts.user(holder))


def _weight_of_run(case: Case, whole: bool, past: int) -> float:
    """Returns the score of a run that crosses into the damage. Zeros are everywhere, and a text may end by chance."""
    if case.extent.look != "zero":
        return LIKELY if case.extent.look == "text" and past == 1 else RUN
    if case.extent.passed or case.length > _MANY_ZEROS:
        return WEAK - 0.9
    return OPEN if whole else WEAK - 0.5


def _accuse_former(case: Case, former: Generation, sure: float) -> None:
    """Accuses a former owner of bytes that are another's now: the run begins where its stale pointer leads."""
    exact = former.size == case.length
    score = sure + 2 if exact else sure + 0.5
    why = said("run-of-its-length") if exact else said("run-from-its-start")
    case.accuse(score, case.facts.raw(former.payload), former)
    if former.freed_seq is None:
        text = said("former-owner", block=former.payload, seq=former.seq)
    else:
        text = said("former-owner-freed", block=former.payload, seq=former.seq, freed=former.freed_seq)
    case.tell(score, "write-after-free", former.payload, text, why)


def _accuse_left(case: Case, left: int) -> None:
    """Accuses the block before the header. No run crosses from it, but it is the nearest that may overflow."""
    adjacent = min(case.fault.address, case.extent.start) == case.facts.end_of(left)
    payload = case.facts.user(left)
    life = case.witness.history.newest(payload)
    full = life is not None and not life.is_freed and life.size == case.facts.size_of(left) - case.facts.lead(left)
    off_by_one = adjacent and full and case.fault.length == 1 and not _is_flag_alone(case)
    score = NEAR + (1 if off_by_one else 0) - (0 if adjacent else 0.7)
    where = said("begins-at-end") if adjacent else said("begins-elsewhere")
    if case.facts.guarded(left):
        score, where = WEAK - 0.5, said("weaker", why=said("both", one=said("tail-canary-intact"), other=where))
    elif adjacent and _goes_on_from_header(case) > 0:
        score = RUN  # as likely as the owner of the block that was hit
    filled = said("requested-whole") if full else None
    case.accuse(score, left)
    if case.facts.is_free(left):
        case.tell(score, "write-after-free", payload, said("write-after-free-past", block=payload), where)
    else:
        case.tell(score, "overflow", payload, said("overflow", block=payload), where, filled)


def _goes_on_from_header(case: Case) -> int:
    """Returns how many bytes the run of damage goes into the block whose header was hit. Zeros do not count."""
    return case.extent.end - case.block if case.extent.look != "zero" else 0


def _is_flag_alone(case: Case) -> bool:
    """True if nothing but a flag of the size word is wrong: no byte of a text or of a number, unless it is a 0."""
    return case.fault.rule == "free-flag" and case.facts.snapshot.get(case.fault.address, 1) != b"\0"


def _accuse_hit(case: Case, crossed: bool) -> None:
    """Accuses the block whose header was hit: its own owner may have written before its start."""
    start, size, word = case.block, case.witness.size(case.block), case.facts.layout.word
    into, goes_on = case.extent.end - start, _goes_on_from_header(case)
    goes_into = said("run-into", bytes=case.extent.end - case.user if case.extent.end > case.user else into)
    # The run is this block's own content if it ends with the block and does not begin where a block begins. A block on
    # a free list held a link when the run was written.
    apart = not _begins_block(case) and start not in case.facts.listed
    own = size > 0 and case.extent.end == start + size and apart
    reaches = case.fault.address + case.fault.length == start
    score = NEAR - 0.1 if reaches and not crossed else WEAK - 0.4
    why = said("ends-at-start") if reaches else said("ends-before-start")
    if into > 0:
        why = goes_into
    within = case.extent.start > case.facts.header_of(start)  # so no block's end lies here
    if reaches and not crossed and within and into <= 0 and start not in case.facts.listed and _is_foreign(case):
        score, why = OPEN + 0.5, said("word-replaced")
    if crossed and into == 0 and case.length <= _SHORT_WORDS * word and case.extent.start % word == 0:
        score = RUN + 1  # whole words up to its start: what is written before it, as much as past the other's end
    if goes_on > 0 and (not crossed or own):
        score = PROVEN + 1 if crossed else RUN + 1 if own else RUN
        why = said("run-to-last") if own else goes_into
    case.accuse(score, case.block)
    case.tell(score, "underflow", case.user, said("underflow", block=case.user), why)


def _leads_to_block(case: Case) -> bool:
    """True if the damaged list pointer leads to a proven block."""
    places = {node.pointer: node.payload for node in case.facts.walk.nodes}
    places.update((link.address, link.leads_to) for link in case.facts.walk.faults)
    return case.facts.is_block(places.get(case.fault.address))


def _is_foreign(case: Case) -> bool:
    """True if the whole damaged word is text, or one byte again and again: what users write, and no size."""
    data = case.facts.snapshot.get(case.fault.address, case.fault.length) or b""
    text = data.isascii() and data.decode("ascii").isprintable()
    return len(data) >= case.facts.layout.word and (text or (len(set(data)) == 1 and any(data)))


def _explain_links(case: Case) -> None:
    """Explains damage inside a free block: to its links or to its last word."""
    if case.fault.role == "list-head":
        _explain_control(case)
        return
    if case.fault.address < case.block:
        _explain_header(case)
        tell_listed_twice(case)
        return
    former = case.witness.former_owner(case.fault.address)
    stale = former.payload if former is not None else case.user
    case.accuse(LINKED, case.facts.raw(stale), former)
    text = said("write-after-free-at", block=stale, offset=case.fault.address - stale)
    if case.fault.address < stale:
        text = said("write-after-free-before", block=stale, before=stale - case.fault.address)
    unknown = said("last-owner-unknown") if former is None else None
    # A pointer to a block is what the allocator writes itself. In the last word, the block behind may have written too.
    leads_to_block = case.fault.rule in _LISTED_WRONGLY and _leads_to_block(case)
    open_to_all = leads_to_block or (case.fault.rule == "previous-link" and former is None)
    case.tell(
        NEAR if open_to_all else LIKELY, "write-after-free", stale, text, unknown, said("size-words-intact")
    )  # fmt: skip
    touched = [thing for fault in case.faults for thing in (fault.block, *fault.touches)]
    proven = [thing for thing in touched if isinstance(thing, int) and case.facts.is_block(thing)]
    others = [block for block in dict.fromkeys(proven) if block != case.block]
    twice = [tell_double_free(case, block) for block in (case.block, *others)]
    if not any(twice):
        tell_listed_twice(case)
    for other in others:
        case.accuse(WEAK, other)
    text = said("stray-write", bytes=case.length if case.extent.look != "zero" else case.fault.length)
    case.tell(OPEN if open_to_all else WEAK, "stray-write", None, text, said("nothing-points-there"))


def _explain_counters(case: Case) -> None:
    text = said("counters-overwritten", finding=case.fault.text)
    case.tell(OPEN, "control-overwritten", None, text, said("blocks-intact"))
    why = said("weaker", why=said("blocks-fill-heap"))
    case.tell(WEAK, "memory-missing", None, said("uncounted"), why)


def _explain_control(case: Case) -> None:
    if case.fault.role == "variable":  # it lies outside of the heap
        case.tell(OPEN, "stray-write", None, said("stray-write", bytes=case.length), said("blocks-intact"))
        return
    text = said("control-overwritten", bytes=case.length)
    case.tell(OPEN, "control-overwritten", None, text, said("no-block-runs-in"))
    first = case.facts.layout.first
    if case.facts.is_block(first) and first - 64 <= case.fault.address:
        case.accuse(WEAK, first)
        owner = case.facts.user(first)
        case.tell(WEAK, "underflow", owner, said("underflow", block=owner), said("nearest-block"))


_BY_TRACE: Dict[str, Callable[[Case], object]] = {
    "double-free": explain_double_free,
    "refused-free": explain_refused,
    "handed-out": explain_handed_out,
    "trace-live-free": explain_disagreement,
    "trace-overlap": explain_disagreement,
    "shared-memory": lambda case: None,  # as of every other fault there
    INTERRUPT_USE: explain_interrupt_use,
}
_BY_WHAT_WAS_STRUCK: Dict[str, Callable[[Case], None]] = {
    "header": _explain_header,
    "link": _explain_header,
    "before": explain_before,
    "behind": explain_behind,
    "inside": _explain_links,
    "counters": _explain_counters,
}
