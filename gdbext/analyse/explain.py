# SPDX-License-Identifier: Apache-2.0
"""From one group of damage to who may have done it: suspects and ranked explanations, each with what speaks for it.

Approach: every way that the bytes could have come about is scored by what can be seen (does a run of bytes cross from a
neighbour, is that neighbour freed, was the block requested to its last byte) and all are shown, best first.
Rejected: naming one culprit. A stray write leaves the same four bytes as an overflow of four.
Assumptions: the neighbours are proven blocks; what is not proven is not accused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from gdbext.analyse.faults import Fault
from gdbext.analyse.suspects import Witness, counted
from gdbext.model import Explanation, Extent, Generation, Suspect

# What an explanation is worth. Only their order and the distance to the stray write matter.
_PROVEN = 5.0  # the heap and the trace both say it
_RUN = 4.0  # one run of bytes crosses from the suspect into the damage
_LINKED = 3.0
_LIKELY = 2.5
_OPEN = 2.0  # a stray write where nothing points anywhere
_NEAR = 1.5  # it is next to the damage
_WEAK = 1.0

_Ranked = Tuple[Tuple[Suspect, ...], Tuple[Explanation, ...]]


class _Case:
    """One group of damage, and the explanations and suspects gathered for it."""

    def __init__(self, witness: Witness, faults: Sequence[Fault], extent: Extent) -> None:
        self.witness = witness
        self.facts = witness.facts
        self.faults = faults
        self.fault = faults[0]
        self.extent = extent
        self.block = self.fault.block if self.fault.block is not None else self.fault.address  # raw
        self.user = witness.facts.user(self.block)
        self.length = extent.end - extent.start
        self._told: List[Tuple[float, Explanation]] = []
        self._suspects: List[Tuple[float, Suspect]] = []

    def tell(self, score: float, kind: str, payload: Optional[int], text: str, *evidence: str) -> None:
        """Adds an explanation; empty evidence is left out."""
        self._told.append((score, Explanation(kind, payload, text, tuple(part for part in evidence if part))))

    def accuse(self, score: float, raw: int, life: Optional[Generation] = None, why: str = "") -> None:
        """Adds a suspect, once."""
        suspect = self.witness.suspect(raw, self.extent, life, why)
        if all(_identity(suspect) != _identity(other) for _, other in self._suspects):
            self._suspects.append((score, suspect))

    def ranked(self) -> _Ranked:
        """Suspects and explanations, likeliest first."""
        suspects = sorted(self._suspects, key=lambda scored: -scored[0])
        told = sorted(self._told, key=lambda scored: -scored[0])
        return tuple(suspect for _, suspect in suspects), tuple(explanation for _, explanation in told)


def _identity(suspect: Suspect) -> Tuple[int, Optional[int], Optional[int]]:
    return suspect.payload, suspect.seq, suspect.freed_seq


def explain(witness: Witness, faults: Sequence[Fault], extent: Extent) -> _Ranked:
    """Suspects and explanations of one group; its first fault says most."""
    case = _Case(witness, faults, extent)
    how = _EXPLAINERS.get(case.fault.rule, _explain_control)
    if how is _explain_links and case.fault.block is None:
        how = _explain_control
    how(case)
    return case.ranked()


def _explain_double_free(case: _Case) -> None:
    lives = case.witness.history.generations(case.user)
    now, earlier = lives[-1], lives[-2] if len(lives) > 1 else None
    if earlier is None:
        case.accuse(_PROVEN, case.block, now, "freed again")
        case.tell(_RUN, "double-free", case.user, case.fault.text, "the trace does not hold its first free")
        return
    case.accuse(_PROVEN, case.block, earlier, "the first free")
    again = replace(earlier, freed_seq=now.freed_seq, freed_task=now.freed_task, freed=now.freed, in_flight=True)
    case.accuse(_RUN, case.block, again, "the second free, which the allocator refused")
    order = f"first freed at seq {earlier.freed_seq}, again at seq {now.freed_seq}"
    case.tell(_PROVEN, "double-free", case.user, f"{case.user:#x} is freed twice", order, "the heap has it as free")


def _explain_header(case: _Case) -> None:
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
        case.tell(_WEAK, "stray-write", None, text, "weaker: nothing else points there")
    else:
        text = f"stray write of {counted(case.fault.length, 'byte')}: the bytes do not tell who"
        case.tell(_OPEN, "stray-write", None, text, "the bytes before it do not run into it")


def _accuse_origin(case: _Case, origin: int) -> None:
    """The damage goes on from bytes of another block: its owner, or one who had been its owner."""
    past = case.extent.end - case.facts.end_of(origin)
    run = _run_words(case.extent, origin, past)
    whole = case.extent.start == origin
    sure = _RUN if case.extent.look != "zero" else _OPEN if whole else _WEAK - 0.5
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


def _accuse_former(case: _Case, former: Generation, sure: float) -> None:
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


def _accuse_left(case: _Case, left: int) -> None:
    """Nothing runs across the border; the block before it is still the nearest whose writes may go too far."""
    adjacent = case.fault.address == case.facts.end_of(left)
    payload = case.facts.user(left)
    life = case.witness.history.newest(payload)
    full = life is not None and not life.is_freed and life.size == case.facts.size_of(left) - case.facts.shift
    off_by_one = adjacent and full and case.fault.length == 1
    score = _NEAR + (1 if off_by_one else 0) - (0 if adjacent else 0.7)
    where = "the damage begins at its end" if adjacent else "the damage does not begin at its end"
    filled = "it was requested to its last byte" if full else ""
    case.accuse(score, left)
    if case.facts.is_free(left):
        case.tell(score, "write-after-free", payload, f"write after free through {payload:#x}, past its end", where)
    else:
        case.tell(score, "overflow", payload, f"write past the end of {payload:#x}", where, filled)


def _accuse_hit(case: _Case, crossed: bool) -> None:
    """The block whose header was hit: its own owner may have written before its start."""
    start = case.block
    goes_on = case.extent.end - start if case.extent.look != "zero" else 0
    reaches = case.fault.address + case.fault.length == start
    score = _NEAR - 0.1 if reaches and not crossed else _WEAK - 0.4
    why = "the damage ends at its start" if reaches else "the damage does not reach its start"
    if goes_on > 0 and (not crossed or _fills_to_its_end(case)):
        score = _RUN if not crossed else _PROVEN + 1
        to_end = "to its last byte" if _fills_to_its_end(case) else f"{counted(goes_on, 'byte')} into it"
        why = f"one run goes on from its size word {to_end}"
    case.accuse(score, case.block)
    case.tell(score, "underflow", case.user, f"write before the start of {case.user:#x} by its owner", why)


def _fills_to_its_end(case: _Case) -> bool:
    """Whether the run is this block's own content: it ends with the block and begins nowhere in the block before."""
    size = case.witness.size(case.block)
    origin = case.facts.holder(case.extent.start)
    return size > 0 and case.extent.end == case.block + size and case.extent.start != origin


def _explain_links(case: _Case) -> None:
    """The inside of a free block: its links or its last word."""
    former = case.witness.former_owner(case.fault.address)
    stale = former.payload if former is not None else case.user
    case.accuse(_LINKED, case.facts.raw(stale), former)
    text = f"write after free through {stale:#x}, at offset {case.fault.address - stale:,}"
    known = "" if former is not None else "its last owner is not in the trace"
    case.tell(_LIKELY, "write-after-free", stale, text, known, "the size words on both sides are intact")
    if case.fault.rule in ("list-cycle", "listed-not-free"):
        text = f"{case.user:#x} or its neighbour on the list was freed twice"
        case.tell(_LINKED, "double-free", case.user, text, "its links lead to a block that is already on a list")
    for other in _other_blocks(case):
        case.accuse(_WEAK, other)
    case.tell(_WEAK, "stray-write", None, f"stray write of {counted(case.length, 'byte')}", "nothing else points there")


def _other_blocks(case: _Case) -> List[int]:
    """The other proven blocks that this group touches."""
    touched = [thing for fault in case.faults for thing in (fault.block, *fault.touches)]
    blocks = [thing for thing in touched if isinstance(thing, int) and thing in case.facts.position]
    return [block for block in dict.fromkeys(blocks) if block != case.block]


def _explain_counters(case: _Case) -> None:
    text = f"stray write to the heap's counters: {case.fault.text}"
    case.tell(_OPEN, "control-overwritten", None, text, "every block is intact")
    lost = "a block was lost or joined without being counted"
    case.tell(_WEAK, "memory-missing", None, lost, "weaker: the blocks fill the heap")


def _explain_control(case: _Case) -> None:
    text = f"stray write of {counted(case.length, 'byte')} to the control block"
    case.tell(_OPEN, "control-overwritten", None, text, "no block's bytes run into it")
    first = case.facts.layout.first
    if first in case.facts.position and first - 64 <= case.fault.address:
        case.accuse(_WEAK, first)
        owner = case.facts.user(first)
        case.tell(_WEAK, "underflow", owner, f"write before the start of {owner:#x} by its owner", "the nearest block")


_EXPLAINERS: Dict[str, Callable[[_Case], None]] = {
    "double-free": _explain_double_free,
    **dict.fromkeys(("block-size", "free-flag", "end-marker"), _explain_header),
    **dict.fromkeys(("list-link", "back-link", "list-cycle", "previous-link"), _explain_links),
    **dict.fromkeys(("free-neighbours", "listed-not-free", "free-not-listed", "wrong-list"), _explain_links),
    **dict.fromkeys(("free-bytes", "minimum-free"), _explain_counters),
}
