# SPDX-License-Identifier: Apache-2.0
"""`heap-check`: from what was read of the heaps and the trace to the report's data.

Approach: rules find faults, faults are grouped by cause, each group is explained; an operation that was under way
when the target stopped turns what it explains into notes.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Callable, Iterable, List, Optional, Sequence, Tuple

from gdbext.analyse.evidence import extent_of
from gdbext.analyse.explain import explain
from gdbext.analyse.faults import Fault
from gdbext.analyse.groups import group_faults
from gdbext.analyse.rules import run_rules
from gdbext.analyse.suspects import Frames, Witness
from gdbext.heap.dumped import DumpedLayout
from gdbext.heap.facts import HeapFacts
from gdbext.model import Assertion, Block, Extent, Finding, HeapReport, Skipped, Stack, TraceInfo
from gdbext.symbols.names import innermost_allocator, is_assertion
from gdbext.trace.history import History

_BYTES_SHOWN = 16
_COUNTERS = ("free-bytes", "minimum-free")


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


def check_heap(facts: HeapFacts, known: Known, first_group: int) -> Tuple[HeapReport, List[Skipped]]:
    """One heap's report, and the checks that could not run on it."""
    witness = Witness(facts, known.history, known.frames, known.trace)
    faults, skipped = run_rules(facts)
    faults = [*_free_faults(witness), *faults]
    findings = _findings(witness, faults, known.operation(), first_group) if faults else []
    return _report(facts, findings, known), skipped


def _free_faults(witness: Witness) -> Iterable[Fault]:
    """The free that the allocator refused: of what the heap has as free, or of no block at all."""
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


def _findings(witness: Witness, faults: Sequence[Fault], operation: Operation, first_group: int) -> List[Finding]:
    facts = witness.facts
    extents = [extent_of(facts.snapshot, fault.address, fault.length, *_bounds(facts, fault)) for fault in faults]
    groups = group_faults(faults, extents)
    notes = [_explained_by(operation, [faults[position] for position in group]) for group in groups]
    findings: List[Finding] = []
    numbered = sorted(range(len(groups)), key=lambda number: notes[number])
    for offset, number in enumerate(numbered):
        group = groups[number]
        findings += _group_findings(
            witness,
            [faults[p] for p in group],
            [extents[p] for p in group],
            first_group + offset,
            notes[number],
            operation,
        )
    return findings


def _bounds(facts: HeapFacts, fault: Fault) -> Tuple[int, int]:
    """How far one write through the fault can reach without harming an intact size word."""
    word, payloads = facts.layout.word, facts.walk.payloads
    before = bisect_right(payloads, fault.address) - 1
    behind = bisect_right(payloads, fault.address + word)
    low = payloads[before] if before >= 0 else facts.start
    return low, payloads[behind] - word if behind < len(payloads) else facts.end


def _explained_by(operation: Operation, faults: Sequence[Fault]) -> bool:
    """Whether the operation under way may have left all of this: then it is a note.

    At an assertion only the counters are excused: multi_heap counts a block before it frees it.
    """
    if not operation.in_allocator or not all(fault.transient for fault in faults):
        return False
    return not operation.asserted or all(fault.rule in _COUNTERS for fault in faults)


def _group_findings(
    witness: Witness, faults: Sequence[Fault], extents: Sequence[Extent], group: int, note: bool, operation: Operation
) -> Iterable[Finding]:
    suspects, explanations = ((), ()) if note else explain(witness, faults, extents[0])
    for position, (fault, extent) in enumerate(zip(faults, extents)):
        data = witness.facts.snapshot.prefix(fault.address, min(fault.length, _BYTES_SHOWN))
        yield Finding(
            rule=fault.rule,
            severity="note" if note else "damage",
            group=group,
            address=fault.address,
            length=fault.length or None,
            block=None if fault.block is None else witness.facts.user(fault.block),
            bytes=data.hex(),
            text=f"{fault.text} (operation in progress: {operation.why})" if note else fault.text,
            suspects=suspects if position == 0 else (),
            explanations=explanations if position == 0 else (),
            extent=extent if fault.length else None,
        )


def _report(facts: HeapFacts, findings: Sequence[Finding], known: Known) -> HeapReport:
    used, free = facts.used_sizes(), facts.free_sizes()
    info = facts.info
    damaged = any(finding.severity == "damage" for finding in findings)
    unread = any(broken.word is None for broken in facts.walk.breaks) or ends_unread(facts)
    status = "damaged" if damaged else "unreadable" if unread else "clean"
    return HeapReport(
        kind=facts.region.kind,
        layout=facts.layout.name,
        name=facts.region.name,
        address=facts.region.address,
        start=facts.start,
        end=facts.end,
        status=status,
        poisoning=facts.poison.kind,
        used_blocks=len(used),
        free_blocks=len(free),
        used_bytes=sum(used),
        free_bytes=info.free_bytes if info is not None else sum(free),
        largest_free=max(free, default=0),
        minimum_free=info.minimum_free if info is not None else None,
        findings=tuple(findings),
        gaps=facts.walk.gaps(),
        resumed=tuple(facts.walk.resumed),
        blocks=tuple(list_blocks(facts, known.history)) if known.with_blocks else None,
    )


def ends_unread(facts: HeapFacts) -> bool:
    """Whether the word that ends a pool could not be read: nobody knows then whether the last block ends there."""
    ends = [] if isinstance(facts.layout, DumpedLayout) else facts.layout.pools
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
