# SPDX-License-Identifier: Apache-2.0
"""`heap-check` as text."""

from __future__ import annotations

from typing import Iterator, List

from gdbext.heap.names import looks_for_memory
from gdbext.model.diagnosis import Answer, Finding, Suspect
from gdbext.model.reports.check import CheckReport
from gdbext.report.numbers import counted, size_words
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, missing_line, skipped_lines
from gdbext.report.text.words import caller_words, owner_words, stack_words

_CONSEQUENCES_SHOWN = 3
_NO_LACK = " (the heap is damaged; memory has not run out)"


def check_lines(report: CheckReport) -> Iterator[str]:
    """Yields the lines of the whole report."""
    if report.who is not None:
        yield _who_line(report.who)
    if report.assertion is not None:
        text = report.assertion.text or "its condition is not known"
        if report.assertion.fault:
            yield f"memtrace: fault in {report.assertion.function}: the allocator met a word that cannot be right"
        else:
            cause = _NO_LACK if report.who is not None and looks_for_memory(report.assertion.function) else ""
            yield f"memtrace: heap assertion in {report.assertion.function}: {text}{cause}"
    missing = [item.why for item in report.skipped if item.check == "heaps"]
    if missing and not report.heaps:
        yield f"no heap found: {words(missing[0])}"
    for heap in report.heaps:
        total = heap.used_blocks + heap.free_blocks
        what = f"({heap.kind}, {heap.layout}, {size_words(heap.end - heap.start)})"
        name = f" {heap.name}" if heap.name else ""
        blocks = f"{counted(total, 'block')}, {heap.used_blocks:,} used"
        yield f"heap{name} {heap.start:#x}..{heap.end:#x} {what}: {blocks}; {heap.status}"
        yield from missing_line(heap)
        for number in sorted({finding.group for finding in heap.findings}):
            yield from _group_lines([finding for finding in heap.findings if finding.group == number])
        for resume in heap.resumed:
            yield f"  walk resumed at {resume.payload:#x} ({words(resume.why)})"
        for gap in heap.gaps:
            yield f"  no block could be proven in {gap.start:#x}..{gap.end:#x} ({gap.end - gap.start:,} bytes)"
    yield from skipped_lines(report.skipped)
    yield closing_line(report, report.next)


def _who_line(who: Answer) -> str:
    """Returns the answer on one line: what was done, and by whom, with the innermost callers of both calls."""
    if who.certainty == "unknown":
        return f"who: cannot be told: {words(who.text)}"
    suspect, sure = who.suspect, "who" if who.certainty == "shown" else "who (likely)"
    told = f"{sure}: {words(who.text)}"
    if who.payload is None and suspect is None:
        return told
    if suspect is None or not (suspect.allocated or suspect.freed):
        task = f" (task {suspect.task})" if suspect is not None and suspect.task else ""
        return f"{told}; no stack of its owner{task} is recorded"
    parts = [f"allocated by {caller_words(suspect.allocated)}"] if suspect.allocated else []
    parts += [f"freed by {caller_words(suspect.freed)}"] if suspect.freed else []
    return f"{told}: {', '.join(parts)}"


def _group_lines(group: List[Finding]) -> Iterator[str]:
    first = group[0]
    label = f"DAMAGE {first.group}" if first.severity == "damage" else "note"
    where = f"block {first.block:#x}: " if first.block is not None else ""
    yield f"  {label}  {where}{words(first.text)}"
    for other in group[1 : 1 + _CONSEQUENCES_SHOWN]:
        about = f"block {other.block:#x}: " if other.block is not None else ""
        yield f"    also     {about}{words(other.text)}"
    if len(group) > 1 + _CONSEQUENCES_SHOWN:
        yield f"    also     ... {len(group) - 1 - _CONSEQUENCES_SHOWN} more"
    if first.severity != "damage" and not first.suspects:
        return
    if first.extent is not None:
        yield f"    bytes    {first.extent.start:#x}..{first.extent.end:#x}: {words(first.extent.words)}"
    for position, suspect in enumerate(first.suspects):
        yield from _suspect_lines(suspect, "in " if position == 0 else "and")
    for position, explanation in enumerate(first.explanations):
        label = "likely  " if position == 0 else "        "
        why = f"   [{'; '.join(map(words, explanation.evidence))}]" if explanation.evidence else ""
        yield f"    {label} {position + 1}. {words(explanation.text)}{why}"


def _suspect_lines(suspect: Suspect, label: str) -> Iterator[str]:
    state = {"used": "USED", "freed": "FREED", "freeing": "BEING FREED"}[suspect.state]
    size = f"{suspect.size:,} bytes" if suspect.size else "size unknown"
    role = "" if suspect.role is None else f", {words(suspect.role)}"
    yield f"    {label}      {suspect.payload:#x}, {size}, {state}{role}: {words(suspect.why)}"
    if suspect.allocated or suspect.seq is not None:
        owner = owner_words(suspect.task, suspect.seq)
        yield f"             allocated  {stack_words(suspect.allocated, suspect.seq)}   {owner}".rstrip()
    elif suspect.task:
        yield f"             owner      {owner_words(suspect.task, None)}"
    if suspect.freed or suspect.freed_seq is not None:
        verb = "freeing  " if suspect.state == "freeing" else "freed    "
        owner = owner_words(suspect.freed_task, suspect.freed_seq)
        yield f"             {verb}  {stack_words(suspect.freed or (), suspect.freed_seq)}   {owner}".rstrip()
