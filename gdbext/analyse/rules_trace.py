# SPDX-License-Identifier: Apache-2.0
"""Checks that the trace and the heap agree.

Approach: the heap shows which blocks exist, the trace shows who should own them. A free that an assertion refused is
judged by what the heap has at its address. A block that is live in the trace must be used in the heap, and no two live
blocks may overlap.
Rejected: calling every disagreement damage. A block that was freed behind the recorder's back looks the same, and so
does a pool of blocks within a block. What only the trace shows is a note.
Assumptions: a trace that has lost an event since it began does not prove who owns a block now.
"""

from __future__ import annotations

from itertools import chain
from typing import Callable, FrozenSet, Hashable, Iterable, Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.interrupts import RULE, interrupt_uses
from gdbext.analyse.rules import struck_by
from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault
from gdbext.model.events import Generation, TraceInfo
from gdbext.model.record import Record
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said

_SOUND = "sound-heap"


class TraceRule(Record):
    """One thing that the trace and the heap must agree on, and the check that finds where they do not."""

    id: str
    sentence: str
    check: Callable[[Witness], Iterable[Fault]]
    severity: str = "note"
    whole: bool = False  # whether the rule needs a trace that has lost no events


def _double_free(witness: Witness) -> Iterator[Fault]:
    """Finds the free that the allocator refused because the block was already free."""
    facts = witness.facts
    for event, _ in witness.history.double_frees():
        holder = facts.holder(facts.raw(event.address))
        life = witness.history.newest(event.address)
        if holder is None or life is None or not life.in_flight or not facts.is_free(holder):
            continue
        text, raw = said("double-free", block=event.address), facts.raw(event.address)
        yield Fault("double-free", event.address, 0, raw, text, frozenset((raw, holder)), False)


def _refused_free(witness: Witness) -> Iterator[Fault]:
    """Finds a free that an assertion followed although the address lies in a used block."""
    facts = witness.facts
    for life in witness.history.refused():
        raw = facts.raw(life.payload)
        holder = facts.holder(raw)
        if holder is None or facts.is_free(holder):
            continue
        touched: FrozenSet[Hashable] = frozenset((raw, holder))
        if holder == raw:
            touched |= {_SOUND}  # a broken heap would explain the assertion
            text = said("refused-own", block=life.payload)
        else:
            owner = facts.user(holder)
            text = said("refused-inside", pointer=life.payload, offset=life.payload - owner, block=owner)
        yield Fault("refused-free", life.payload, 0, raw, text, touched, False)


def _live_and_free(witness: Witness) -> Iterator[Fault]:
    facts = witness.facts
    for life in witness.live_here():
        raw = facts.raw(life.payload)
        holder = facts.holder(raw)
        if holder is not None and facts.is_free(holder):
            text = said("live-and-free", block=life.payload)
            yield Fault("trace-live-free", life.payload, 0, raw, text, frozenset((raw, holder)))


def _overlap(witness: Witness) -> Iterator[Fault]:
    here = range(witness.facts.start, witness.facts.end)
    reissued = (pair for pair in witness.history.reissued() if pair[1].payload in here)
    for older, newer in chain(reissued, _overlapping(witness.live_here())):
        if older.payload == newer.payload:
            text = said("handed-out-again", block=newer.payload)
        else:
            text = said("handed-out-over", block=newer.payload, older=older.payload)
        raw = witness.facts.raw(newer.payload)
        touched = frozenset((raw, witness.facts.raw(older.payload)))
        yield Fault("trace-overlap", newer.payload, 0, raw, text, touched)


def _overlapping(lives: List[Generation]) -> Iterator[Tuple[Generation, Generation]]:
    """Yields pairs of lives whose bytes overlap, the older one first. `lives` must be in address order."""
    reach: Optional[Generation] = None
    for life in lives:
        if reach is not None and life.payload < reach.payload + (reach.size or 0):
            older, newer = sorted((reach, life), key=lambda one: one.seq or 0)
            yield older, newer
        if reach is None or life.payload + (life.size or 0) > reach.payload + (reach.size or 0):
            reach = life


TRACE_RULES: Tuple[TraceRule, ...] = (
    TraceRule("double-free", "Nothing is freed that is free already.", _double_free, "damage"),
    TraceRule("refused-free", "What is freed is a block of the heap that it is given to.", _refused_free),
    TraceRule("trace-live-free", "What the trace has as live, the heap has as used.", _live_and_free, whole=True),
    TraceRule(RULE, "No interrupt calls an allocator that does not keep interrupts out.", interrupt_uses),
    TraceRule("trace-overlap", "No byte has two owners by the trace.", _overlap, whole=True),
)
TRACE_NOTES = frozenset(rule.id for rule in TRACE_RULES if rule.severity == "note")


def run_trace_rules(witness: Witness, broken: Sequence[Fault]) -> Tuple[List[Fault], List[Skipped]]:
    """Returns where the trace and the heap differ and heap damage is no reason, and the checks that prove nothing."""
    if witness.trace is None or not witness.facts.layout.fills_pools:
        return [], []
    explained = {thing for fault in broken for thing in fault.touches}
    # Wrong counters do not explain an assertion: the allocator counts a block before it looks at it.
    if any(struck_by(witness.facts, fault) != "counters" for fault in broken):
        explained.add(_SOUND)
    faults: List[Fault] = []
    skipped: List[Skipped] = []
    for rule in TRACE_RULES:
        found = [fault for fault in rule.check(witness) if rule.severity == "damage" or not fault.touches & explained]
        gaps = _gaps(witness.trace) if found and rule.whole else None
        if gaps is not None:
            skipped.append(Skipped(rule.id, said("trace-differs", places=len(found), why=gaps)))
        else:
            faults += found
    return faults, skipped


def _gaps(trace: TraceInfo) -> Optional[Said]:
    """Returns why a trace cannot tell who owns a block. Overwritten events do not count: they are the oldest."""
    imported = trace.imported
    if imported is not None and not (imported.frees_told and trace.running):
        return said("frees-untold", source=imported.source)
    if trace.state == "stopped":
        return said("recorder-off")
    lost = trace.dropped + trace.half_written + trace.stopped
    return said("events-lost", events=lost) if lost else None
