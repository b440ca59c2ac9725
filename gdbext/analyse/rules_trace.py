# SPDX-License-Identifier: Apache-2.0
"""What the trace and the heap must agree on.

Approach: the heap tells which blocks there are, the trace who should have them. A free that an assertion has refused
is judged by what the heap has at its address; whoever still has a block by the trace must have it by the heap, alone.
Rejected: calling every disagreement damage. A block that was freed behind the recorder's back looks the same, and so
does a pool of blocks within a block; what only the trace says is a note.
Assumptions: a trace that has lost any event since it began proves nothing about who has a block now.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Callable, FrozenSet, Hashable, Iterable, Iterator, List, Optional, Tuple

from gdbext.analyse.rules import struck_by
from gdbext.analyse.suspects import Witness, counted
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.model import Generation, Skipped, TraceInfo

_SOUND = "a sound heap"


@dataclass(frozen=True)
class TraceRule:
    """What the trace and the heap must agree on, and how to see where they do not."""

    id: str
    sentence: str
    check: Callable[[Witness], Iterable[Fault]]
    severity: str = "note"
    whole: bool = False  # a trace that has lost events cannot tell


def _double_free(witness: Witness) -> Iterator[Fault]:
    """The free that the allocator refused: of what the heap has as free."""
    facts = witness.facts
    for event, earlier in witness.history.double_frees():
        holder = facts.holder(facts.raw(event.address))
        life = witness.history.newest(event.address)
        if holder is None or life is None or not life.in_flight or not facts.is_free(holder):
            continue
        if holder in facts.listed or earlier is not None:
            text = f"{event.address:#x} is being freed, and was free already"
            raw = facts.raw(event.address)
            yield Fault("double-free", event.address, 0, raw, text, frozenset((raw, holder)), False)


def _refused_free(witness: Witness) -> Iterator[Fault]:
    """A free that an assertion followed, and nothing is wrong with what it frees or with its heap."""
    facts = witness.facts
    for life in witness.history.refused():
        raw = facts.raw(life.payload)
        holder = facts.holder(raw)
        if holder is None or facts.is_free(holder):
            continue
        touched: FrozenSet[Hashable] = frozenset((raw, holder))
        if holder == raw:
            touched |= {_SOUND}  # else damage has led to the assertion
            text = f"{life.payload:#x} was being freed at the assertion, and its own heap has it as a used block"
        else:
            inside = f"at offset {life.payload - facts.user(holder):,} of the used block {facts.user(holder):#x}"
            text = f"{life.payload:#x} was being freed at the assertion, and lies {inside}: it is no block"
        yield Fault("refused-free", life.payload, 0, raw, text, touched, False)


def _live_and_free(witness: Witness) -> Iterator[Fault]:
    facts = witness.facts
    for life in witness.live_here():
        raw = facts.raw(life.payload)
        holder = facts.holder(raw)
        if holder is not None and facts.is_free(holder):
            text = f"{life.payload:#x} is live by the trace, and free by the heap"
            yield Fault("trace-live-free", life.payload, 0, raw, text, frozenset((raw, holder)))


def _overlap(witness: Witness) -> Iterator[Fault]:
    for older, newer in chain(witness.reissued_here(), _overlapping(witness.live_here())):
        same = older.payload == newer.payload
        live = "again, and was live" if same else f"with bytes of {older.payload:#x}, which was live"
        text = f"{newer.payload:#x} was handed out {live} by the trace"
        raw = witness.facts.raw(newer.payload)
        touched = frozenset((raw, witness.facts.raw(older.payload)))
        yield Fault("trace-overlap", newer.payload, 0, raw, text, touched)


def _overlapping(lives: List[Generation]) -> Iterator[Tuple[Generation, Generation]]:
    """Each life that begins within one before it, in the order of addresses."""
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
    TraceRule("trace-overlap", "No byte has two owners by the trace.", _overlap, whole=True),
)
TRACE_NOTES = frozenset(rule.id for rule in TRACE_RULES if rule.severity == "note")


def run_trace_rules(witness: Witness, broken: Iterable[Fault]) -> Tuple[List[Fault], List[Skipped]]:
    """Where the trace and the heap differ, but for what damage to the heap explains; the checks that prove nothing."""
    if witness.trace is None or not witness.facts.layout.fills_pools:
        return [], []
    explained = frozenset(chain.from_iterable(_explains(witness.facts, fault) for fault in broken))
    faults: List[Fault] = []
    skipped: List[Skipped] = []
    for rule in TRACE_RULES:
        found = [fault for fault in rule.check(witness) if rule.severity == "damage" or not fault.touches & explained]
        if found and rule.whole and _gaps(witness.trace):
            why = f"{counted(len(found), 'place')} where the trace and the heap differ: {_gaps(witness.trace)}"
            skipped.append(Skipped(rule.id, why))
        else:
            faults += found
    return faults, skipped


def _explains(facts: HeapFacts, fault: Fault) -> FrozenSet[Hashable]:
    """What damage accounts for. The counters are no reason: the allocator counts a block before it looks at it."""
    return fault.touches if struck_by(facts, fault) == "counters" else fault.touches | {_SOUND}


def _gaps(trace: TraceInfo) -> str:
    """Why a trace cannot tell who has a block; what was overwritten is older than what it holds, and does not count."""
    imported = trace.imported
    if imported is not None and not (imported.frees_told and trace.running):
        return f"{imported.source} does not tell of every free"
    lost = trace.dropped + trace.half_written + trace.stopped
    return f"{counted(lost, 'event')} went unrecorded, which may be why" if lost else ""
