# SPDX-License-Identifier: Apache-2.0
"""Checks that no interrupt has called an allocator that does not keep interrupts out, and explains damage by it.

Approach: the recorder tells of each event whether an interrupt was its caller, and a family says how its calls exclude
each other. An interrupt that comes in the middle of a call finds lists half changed, and the call goes on with what it
had read before. So the call is wrong wherever it is made, damage or not: a note, with the event that proves it.
Rejected: to call it damage (most such calls meet no other); a rule for families whose documents do not forbid it.
Limits: the trace must still have the event.
"""

from __future__ import annotations

from typing import Iterator, List

from gdbext.analyse.case import LINKED, PROVEN, WEAK, Case
from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault
from gdbext.model.events import Event
from gdbext.model.said import Said, said

RULE = "interrupt-use"
_LISTS = ("list-link", "free-not-listed", "free-neighbours", "trace-overlap")  # what a call in a call leaves behind
_MOST_SHOWN = 4
_LOCKS = {"scheduler": said("locks-scheduler"), "threads": said("locks-threads")}  # that let interrupts in


def interrupt_uses(witness: Witness) -> Iterator[Fault]:
    """Finds the first call of an interrupt that the heap's allocator does not allow."""
    events = _calls(witness)
    if events:
        raw = witness.facts.raw(events[0].address)
        yield Fault(RULE, events[0].address, 0, raw, _text(witness, events[0]), frozenset(((RULE, raw),)))


def explain_interrupt_use(case: Case) -> None:
    """Names the block of the call, with both stacks."""
    events = _calls(case.witness)
    first = events[0]
    life = next(
        (one for one in case.witness.history.generations(first.address) if first.seq in (one.seq, one.freed_seq)), None
    )
    case.accuse(PROVEN, case.block, life, said("interrupt-block"))
    case.tell(PROVEN, "interrupt-use", case.user, _text(case.witness, first), _all(events))


def tell_interrupted_call(case: Case) -> None:
    """Adds to damage that an interrupt may have come into a call that changed the lists."""
    events = [] if case.fault.rule == RULE else _calls(case.witness)
    if events:
        score = LINKED if case.fault.rule in _LISTS else WEAK
        text = said("interrupted-call", use=_text(case.witness, events[0]))
        case.tell(score, "interrupt-use", events[0].address, text, _all(events))


def _calls(witness: Witness) -> List[Event]:
    """Returns what interrupts have done to this heap, if they must not."""
    here = range(witness.facts.start, witness.facts.end)
    events = witness.history.of_interrupts if witness.facts.allocator.locks in _LOCKS else ()
    return [event for event in events if event.address in here]


def _text(witness: Witness, event: Event) -> Said:
    lock = _LOCKS[witness.facts.allocator.locks]
    return said("interrupt-use", seq=event.seq, kind=witness.facts.region.kind, lock=lock)


def _all(events: List[Event]) -> Said:
    shown = tuple(event.seq for event in events[:_MOST_SHOWN])
    left = len(events) - _MOST_SHOWN
    return said(
        "interrupt-events", events=len(events), seqs=shown, more=said("seqs-more", left=left) if left > 0 else ""
    )
