# SPDX-License-Identifier: Apache-2.0
"""`heap-check` as text. Data in, lines out; nothing is concluded here."""

from __future__ import annotations

from typing import Dict, Iterator, List, Tuple

from gdbext.model import CheckReport, Explanation, Finding, HeapReport, Suspect
from gdbext.report.words import cost_words, counted, owner_words, size_words, stack_words, trace_words

_CONSEQUENCES_SHOWN = 3


def check_lines(report: CheckReport) -> Iterator[str]:
    """The whole report, line by line."""
    if report.assertion is not None:
        text = report.assertion.text or "its condition is not known"
        yield f"memtrace: heap assertion in {report.assertion.function}: {text}"
    for heap in report.heaps:
        yield from _heap_lines(heap)
    for skipped in report.skipped:
        yield f"not checked: {skipped.check}: {skipped.why}"
    hint = _next_command(report)
    yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}" + (f".   next: {hint}" if hint else "")


def _heap_lines(heap: HeapReport) -> Iterator[str]:
    total = heap.used_blocks + heap.free_blocks
    what = f"({heap.kind}, {heap.layout}, {size_words(heap.end - heap.start)})"
    name = f" {heap.name}" if heap.name else ""
    blocks = f"{counted(total, 'block')}, {heap.used_blocks:,} used"
    yield f"heap{name} {heap.start:#x}..{heap.end:#x} {what}: {blocks}; {heap.status}"
    if heap.missing:
        least = "" if heap.end_known else " at least"
        yield f"  not given: {counted(heap.missing, 'byte')} of this heap{least}; what they hold is not judged"
    for group in _groups(heap.findings):
        yield from _group_lines(group)
    for resume in heap.resumed:
        yield f"  walk resumed at {resume.payload:#x} ({resume.why})"
    for gap in heap.gaps:
        yield f"  no block could be proven in {gap.start:#x}..{gap.end:#x} ({gap.end - gap.start:,} bytes)"


def _groups(findings: Tuple[Finding, ...]) -> List[List[Finding]]:
    groups: Dict[int, List[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.group, []).append(finding)
    return [groups[number] for number in sorted(groups)]


def _group_lines(group: List[Finding]) -> Iterator[str]:
    first = group[0]
    label = f"DAMAGE {first.group}" if first.severity == "damage" else "note"
    where = f"block {first.block:#x}: " if first.block is not None else ""
    yield f"  {label}  {where}{first.text}"
    for other in group[1 : 1 + _CONSEQUENCES_SHOWN]:
        about = f"block {other.block:#x}: " if other.block is not None else ""
        yield f"    also     {about}{other.text}"
    if len(group) > 1 + _CONSEQUENCES_SHOWN:
        yield f"    also     ... {len(group) - 1 - _CONSEQUENCES_SHOWN} more"
    if first.severity == "damage" or first.suspects:
        yield from _evidence_lines(first)


def _evidence_lines(finding: Finding) -> Iterator[str]:
    if finding.extent is not None:
        yield f"    bytes    {finding.extent.start:#x}..{finding.extent.end:#x}: {finding.extent.words}"
    for position, suspect in enumerate(finding.suspects):
        yield from _suspect_lines(suspect, "in " if position == 0 else "and")
    for position, explanation in enumerate(finding.explanations):
        yield _explanation_line(explanation, position)


def _suspect_lines(suspect: Suspect, label: str) -> Iterator[str]:
    state = {"used": "USED", "freed": "FREED", "freeing": "BEING FREED"}[suspect.state]
    size = f"{suspect.size:,} bytes" if suspect.size else "size unknown"
    yield f"    {label}      {suspect.payload:#x}, {size}, {state}: {suspect.why}"
    if suspect.allocated or (suspect.task and suspect.seq is not None):
        owner = owner_words(suspect.task, suspect.seq)
        yield f"             allocated  {stack_words(suspect.allocated)}   {owner}".rstrip()
    elif suspect.task:
        yield f"             owner      {owner_words(suspect.task, None)}"
    if suspect.freed:
        verb = "freeing  " if suspect.state == "freeing" else "freed    "
        owner = owner_words(suspect.freed_task, suspect.freed_seq)
        yield f"             {verb}  {stack_words(suspect.freed)}   {owner}".rstrip()


def _explanation_line(explanation: Explanation, position: int) -> str:
    label = "likely  " if position == 0 else "        "
    why = f"   [{'; '.join(explanation.evidence)}]" if explanation.evidence else ""
    return f"    {label} {position + 1}. {explanation.text}{why}"


def _next_command(report: CheckReport) -> str:
    for heap in report.heaps:
        for finding in heap.findings:
            for suspect in finding.suspects:
                return f"last-malloc {suspect.payload:#x}"
    return ""
