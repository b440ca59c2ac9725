# SPDX-License-Identifier: Apache-2.0
"""Makes the report data of `heap-check` from the heaps and the trace that were read.

Approach: rules find faults, faults are grouped by cause, and each group is explained. A group becomes a note if the
allocator may have left it itself, because the target stopped in the middle of a call, or if it may come of bytes that
are missing.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.rules_given import run_given_rules
from gdbext.analyse.rules_shared import NOTES, run_shared_rules
from gdbext.analyse.rules_trace import run_trace_rules
from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.loading import load
from gdbext.model.diagnosis import Finding
from gdbext.model.memory import Block
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.check import HeapReport
from gdbext.trace.history import History


def check_heap(
    witness: Witness, faults: Sequence[Fault], first_group: int, with_blocks: bool = False
) -> Tuple[HeapReport, List[Skipped]]:
    """Returns the report of one heap, and the trace rules that could not be checked on it."""
    told, unproven = run_trace_rules(witness, faults)
    told += run_given_rules(witness, [*told, *faults])
    told += run_shared_rules(witness)
    notes = [fault for fault in told if fault.rule in NOTES]
    broken = [*(fault for fault in told if fault.rule not in NOTES), *faults]
    findings = _findings(witness, broken, first_group)
    findings += _findings(witness, notes, first_group + len({finding.group for finding in findings}))
    blocks = tuple(list_blocks(witness.facts, witness.history)) if with_blocks else None
    return _report(witness.facts, findings, blocks), unproven


def _findings(witness: Witness, faults: Sequence[Fault], first_group: int) -> List[Finding]:
    """Returns the findings of some faults."""
    found: List[Finding] = load("analyse.findings", "findings_of")(witness, faults, first_group) if faults else []
    return found


def _report(facts: HeapFacts, findings: Sequence[Finding], blocks: Optional[Tuple[Block, ...]]) -> HeapReport:
    damaged = any(finding.severity == "damage" for finding in findings)
    # If the end marker of a pool could not be read, nobody knows whether the last block ends there.
    layout = facts.layout
    ends = [layout.place_of_size(pool.end) for pool in layout.pools if layout.has_markers]
    unread = any(broken.word is None for broken in facts.walk.breaks)
    unread = unread or any(layout.stored(facts.read, end) is None for end in ends)
    partly = unread or facts.layout.leads_away or facts.cut
    status = "damaged" if damaged else "unreadable" if partly else "clean"
    return HeapReport(
        **facts.numbers(),
        status=status,
        poisoning=facts.guards.kind,
        findings=tuple(findings),
        gaps=facts.walk.gaps(),
        resumed=tuple(facts.walk.resumed),
        blocks=blocks,
        **facts.extent_given(),
    )


def list_blocks(facts: HeapFacts, history: History) -> Iterator[Block]:
    """Yields every proven block. The requested size comes from its poison, else from the trace."""
    for raw in facts.walk.payloads:
        if facts.is_free(raw):
            yield Block(raw, raw, facts.size_of(raw), None, "free")
            continue
        life, requested = history.newest(facts.user(raw)), facts.requested(raw)
        if requested is None and life is not None and not life.is_freed:
            requested = life.size
        yield Block(facts.user(raw), raw, facts.size_of(raw), requested, "used")
