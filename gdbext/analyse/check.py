# SPDX-License-Identifier: Apache-2.0
"""`heap-check`: from what was read of the heaps and the trace to the report's data.

Approach: rules find faults, faults are grouped by cause, each group is explained; an operation that was under way
when the target stopped turns what it explains into notes.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Callable, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.analyse.evidence import extent_of
from gdbext.analyse.explain import explain
from gdbext.analyse.groups import group_faults
from gdbext.analyse.pointers import NameAt, no_name, pointer_words
from gdbext.analyse.rules import rank_of, run_rules, struck_by
from gdbext.analyse.rules_trace import TRACE_NOTES, run_trace_rules
from gdbext.analyse.suspects import Frames, TaskOf, Witness, no_task
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.heap.names import innermost_allocator
from gdbext.model import (
    Assertion,
    Block,
    Explanation,
    Extent,
    Finding,
    HeapReport,
    Skipped,
    Stack,
    Suspect,
    TraceInfo,
)
from gdbext.symbols.names import is_assertion
from gdbext.trace.history import History

_BYTES_SHOWN = 16
_OVERWRITTEN = ("header", "before", "behind")  # what is struck holds no pointers of its own


@dataclass(frozen=True)
class Operation:
    """What the target was doing when it stopped."""

    in_allocator: bool = False
    why: str = ""
    asserted: bool = False
    assertion: Optional[Assertion] = None  # as the debugger sees it


def operation_in(calls: Stack) -> Operation:
    """What a chain of calls, innermost first, says: whether it leads through an allocator that asserted."""
    index = innermost_allocator(calls)
    if index is None:
        return Operation()
    function = calls[index].function or "the allocator"
    why = f"the target stopped in {function}"
    if not any(is_assertion(call.function or "") for call in calls[:index]):
        return Operation(True, why)
    return Operation(True, why, True, Assertion("", function, None))


@dataclass(frozen=True)
class Known:
    """What is known beyond one heap's bytes."""

    history: History
    frames: Frames
    operation: Callable[[], Operation] = Operation
    trace: Optional[TraceInfo] = None
    with_blocks: bool = False
    heaps: Sequence[HeapFacts] = ()  # all that were read
    task_of: TaskOf = no_task
    name_at: NameAt = no_name


def check_heap(facts: HeapFacts, known: Known, first_group: int) -> Tuple[HeapReport, List[Skipped]]:
    """One heap's report, and the checks that could not run on it."""
    witness = Witness(facts, known.history, known.frames, known.trace, known.heaps, known.task_of)
    faults, skipped = run_rules(facts)
    told, unproven = run_trace_rules(witness, faults)
    notes = [fault for fault in told if fault.rule in TRACE_NOTES]
    broken = [*(fault for fault in told if fault.rule not in TRACE_NOTES), *faults]
    findings = _findings(witness, broken, known, first_group)
    findings += _findings(witness, notes, known, first_group + len({finding.group for finding in findings}))
    return _report(facts, findings, known), [*skipped, *unproven]


class _Verdict(NamedTuple):
    """What one group of faults comes to."""

    severity: str
    excuse: str
    suspects: Tuple[Suspect, ...]
    explanations: Tuple[Explanation, ...]


def _findings(witness: Witness, faults: Sequence[Fault], known: Known, first_group: int) -> List[Finding]:
    if not faults:
        return []
    facts, operation = witness.facts, known.operation()
    extents = [extent_of(facts.snapshot, fault.address, fault.length, *_bounds(facts, fault)) for fault in faults]
    groups = group_faults(faults, extents, rank_of(facts))
    judged = [_judged(witness, [faults[p] for p in group], extents[group[0]], operation) for group in groups]
    findings: List[Finding] = []
    numbered = sorted(range(len(groups)), key=lambda number: judged[number].severity)
    for offset, number in enumerate(numbered):
        told = [(faults[p], _with_pointers(facts, known, faults[p], extents[p])) for p in groups[number]]
        findings += _group_findings(facts, told, first_group + offset, judged[number])
    return findings


def _with_pointers(facts: HeapFacts, known: Known, fault: Fault, extent: Extent) -> Extent:
    """The bytes with what they point to, where that is not what the rule is about."""
    overwritten = fault.length and struck_by(facts, fault) in _OVERWRITTEN
    words = pointer_words(facts, known.name_at, extent) if overwritten else ""
    return replace(extent, words=f"{extent.words}  ({words})") if words else extent


def _judged(witness: Witness, faults: Sequence[Fault], extent: Extent, operation: Operation) -> _Verdict:
    if _explained_by(witness.facts, operation, faults):
        return _Verdict("note", f" (operation in progress: {operation.why})", (), ())
    return _Verdict("note" if faults[0].rule in TRACE_NOTES else "damage", "", *explain(witness, faults, extent))


def _bounds(facts: HeapFacts, fault: Fault) -> Tuple[int, int]:
    """How far one write through the fault can reach without harming an intact size word."""
    word, payloads = facts.layout.word, facts.walk.payloads
    before = bisect_right(payloads, fault.address) - 1
    behind = bisect_right(payloads, fault.address + word)
    low = payloads[before] if before >= 0 else facts.start
    return low, payloads[behind] - word if behind < len(payloads) else facts.end


def _explained_by(facts: HeapFacts, operation: Operation, faults: Sequence[Fault]) -> bool:
    """Whether the operation under way may have left all of this: then it is a note.

    At an assertion only the counters are excused: multi_heap counts a block before it frees it.
    """
    if not operation.in_allocator or not all(fault.transient for fault in faults):
        return False
    return not operation.asserted or all(struck_by(facts, fault) == "counters" for fault in faults)


def _group_findings(
    facts: HeapFacts, faults: Sequence[Tuple[Fault, Extent]], group: int, verdict: _Verdict
) -> Iterable[Finding]:
    for position, (fault, extent) in enumerate(faults):
        data = facts.snapshot.prefix(fault.address, min(fault.length, _BYTES_SHOWN))
        yield Finding(
            rule=fault.rule,
            severity=verdict.severity,
            group=group,
            address=fault.address,
            length=fault.length or None,
            block=None if fault.block is None else facts.user(fault.block),
            bytes=data.hex(),
            text=fault.text + verdict.excuse,
            suspects=verdict.suspects if position == 0 else (),
            explanations=verdict.explanations if position == 0 else (),
            extent=extent if fault.length else None,
        )


def _report(facts: HeapFacts, findings: Sequence[Finding], known: Known) -> HeapReport:
    used, free = facts.used_sizes(), facts.free_sizes()
    counters = facts.counters
    damaged = any(finding.severity == "damage" for finding in findings)
    unread = any(broken.word is None for broken in facts.walk.breaks) or ends_unread(facts)
    partly = unread or facts.layout.leads_away or facts.cut
    status = "damaged" if damaged else "unreadable" if partly else "clean"
    return HeapReport(
        kind=facts.region.kind,
        layout=facts.layout.name,
        name=facts.region.name,
        address=facts.region.address,
        start=facts.start,
        end=facts.end,
        status=status,
        poisoning=facts.guards.kind,
        used_blocks=len(used),
        free_blocks=len(free),
        used_bytes=facts.used_bytes,
        free_bytes=counters.free_bytes if counters is not None else sum(free),
        largest_free=max(free, default=0),
        minimum_free=counters.minimum_free if counters is not None else None,
        findings=tuple(findings),
        gaps=facts.walk.gaps(),
        resumed=tuple(facts.walk.resumed),
        blocks=tuple(list_blocks(facts, known.history)) if known.with_blocks else None,
        missing=sum(high - low for low, high in facts.absent),
        end_known=not any(pool.open for pool in facts.layout.pools),
    )


def ends_unread(facts: HeapFacts) -> bool:
    """Whether the word that ends a pool could not be read: nobody knows then whether the last block ends there."""
    ends = facts.layout.pools if facts.layout.has_markers else ()
    return any(facts.read(facts.place_of_size(pool.end)) is None for pool in ends)


def requested_of(facts: HeapFacts, history: History, raw: int) -> Optional[int]:
    """What was asked for: as the poison of the block says, else the trace."""
    life = history.newest(facts.user(raw))
    told = life.size if life is not None and not life.is_freed else None
    poisoned = facts.requested(raw)
    return poisoned if poisoned is not None else told


def list_blocks(facts: HeapFacts, history: History) -> Iterable[Block]:
    """Every proven block, with what was asked for where the trace tells."""
    for raw in facts.walk.payloads:
        free = facts.is_free(raw)
        payload = raw if free else facts.user(raw)
        requested = None if free else requested_of(facts, history, raw)
        yield Block(payload, raw, facts.size_of(raw), requested, "free" if free else "used")
