# SPDX-License-Identifier: Apache-2.0
"""Makes findings of faults: groups them by cause, excuses what a call under way may have left, and explains the rest.

It is loaded only where a heap has faults: most have none, and the explanations take as long to load as a small heap to
check.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.case import Ranked
from gdbext.analyse.evidence import extent_of
from gdbext.analyse.explain import explain
from gdbext.analyse.groups import group_faults
from gdbext.analyse.readings import got_is, readings_of
from gdbext.analyse.rules import struck_by
from gdbext.analyse.rules_shared import NOTES
from gdbext.analyse.suspects import Witness
from gdbext.analyse.unread import Guesses
from gdbext.analyse.values import is_one_bit
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.model.diagnosis import Extent, Finding, Operation, Reading
from gdbext.model.memory import Reference
from gdbext.model.record import replace
from gdbext.model.said import Text, said

_BYTES_SHOWN = 16
_LEFT_APART = ("free-not-listed", "free-neighbours")  # rules that a block breaks before a free has joined it to others


def findings_of(witness: Witness, faults: Sequence[Fault], first_group: int) -> List[Finding]:
    """Returns the findings of one heap's faults, those that are no damage last."""
    facts, operation = witness.facts, witness.operation()
    extents = [_extent(facts, fault) for fault in faults]
    # An allocator's rules are in the order of how much they say about a cause.
    rank = {rule.id: position for position, rule in enumerate(facts.allocator.rules)}
    derived = {rule.id for rule in facts.allocator.rules if rule.derived}
    groups = group_faults(faults, extents, rank, derived)
    members = [[faults[p] for p in group] for group in groups]
    guesses, under_way = Guesses(witness, faults), _excused(facts, operation, members)
    excuses: List[Optional[Text]] = [
        said("in-progress", operation=operation.why) if excused else guesses.reason(group)
        for group, excused in zip(members, under_way)
    ]
    notes = [excuse is not None or group[0].rule in NOTES for group, excuse in zip(members, excuses)]
    findings: List[Finding] = []
    for number in sorted(range(len(groups)), key=lambda number: notes[number]):
        told = [(faults[p], extents[p]) for p in groups[number]]
        findings += _group_findings(witness, told, first_group, excuses[number])
        first_group += 1
    return findings


def _extent(facts: HeapFacts, fault: Fault) -> Extent:
    """Returns the run of bytes around a fault. It ends at the nearest intact size words, which no write can cross. A
    single wrong bit is no part of a run: its neighbours are as they were.
    """
    if fault.expected is not None and fault.actual is not None and is_one_bit(fault.expected ^ fault.actual):
        return extent_of(facts.snapshot, fault.address, fault.length, fault.address, fault.address + fault.length)
    word, payloads = facts.layout.word, facts.walk.payloads
    before = bisect_right(payloads, fault.address) - 1
    behind = bisect_right(payloads, fault.address + word)
    low = payloads[before] if before >= 0 else facts.start
    high = payloads[behind] - word if behind < len(payloads) else facts.end
    own = facts.own_words(payloads[before]) if before >= 0 else []
    return extent_of(facts.snapshot, fault.address, fault.length, low, high, own)


def _excused(facts: HeapFacts, operation: Operation, groups: Sequence[Sequence[Fault]]) -> List[bool]:
    """Tells of each group whether the allocator's call under way may have left all of its faults.

    If the call died in an assertion or a fault, the counters are excused: multi_heap counts a block before it frees it.
    A block that is free and not yet among the others is excused if the call died of other damage.
    """
    left = [operation.in_allocator and all(fault.transient for fault in group) for group in groups]
    if not operation.asserted:
        return left
    counted = [all(struck_by(facts, fault) == "counters" for fault in group) for group in groups]
    apart = [all(fault.rule in _LEFT_APART for fault in group) for group in groups]
    has_cause = not all(map(any, zip(counted, apart)))
    return [may and (counts or (lies and has_cause)) for may, counts, lies in zip(left, counted, apart)]


def _group_findings(
    witness: Witness, faults: Sequence[Tuple[Fault, Extent]], group: int, excuse: Optional[Text]
) -> Iterator[Finding]:
    """Yields the findings of one group. `excuse` says why all of the group may be no damage."""
    facts, (first, extent) = witness.facts, faults[0]
    told: Ranked = ((), ())
    if excuse is None:
        told = explain(witness, [fault for fault, _ in faults], extent)
    for fault, extent in faults:
        suspects, explanations = told if fault is first else ((), ())
        text = fault.text if excuse is None else said("excused", finding=fault.text, excuse=excuse)
        readings = _readings(witness, fault, extent)
        if readings and fault.length:
            told_of = tuple(reading.text for reading in readings)
            extent = replace(extent, words=said("with-readings", bytes=extent.words, readings=told_of))
        yield Finding(
            rule=fault.rule,
            severity="note" if excuse is not None or first.rule in NOTES else "damage",
            group=group,
            address=fault.address,
            length=fault.length or None,
            block=None if fault.block is None else facts.user(fault.block),
            bytes=facts.snapshot.prefix(fault.address, min(fault.length, _BYTES_SHOWN)).hex(),
            text=text,
            suspects=suspects,
            explanations=explanations,
            extent=extent if fault.length else None,
            role=fault.role,
            expected=fault.expected,
            actual=fault.actual,
            got_is=got_is(readings, extent if fault.length else None),
            readings=readings,
            held_by=_held_by(witness, fault),
        )


def _readings(witness: Witness, fault: Fault, extent: Extent) -> Tuple[Reading, ...]:
    """Returns what the words at a place of damage are, or the pointer that was given to the allocator."""
    given = witness.given
    if fault.length:
        return readings_of(witness.facts, witness.spot_at, fault, extent)
    return (given.read,) if given is not None and given.read is not None and fault.address == given.pointer else ()


def _held_by(witness: Witness, fault: Fault) -> Tuple[Reference, ...]:
    """Returns where the pointer is stored that was given to the allocator, if the fault is about that."""
    given = witness.given
    return () if given is None or fault.rule != "refused-free" or fault.address != given.pointer else given.held_by
