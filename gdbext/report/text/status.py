# SPDX-License-Identifier: Apache-2.0
"""`memtrace status` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.status import StatusReport
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.words import trace_words


def status_lines(report: StatusReport) -> Iterator[str]:
    """Yields what was found, then what is missing."""
    for heap in report.heaps:
        name = f" {heap.name}" if heap.name else ""
        yield f"heap  {name} {heap.start:#x}..{heap.end:#x} {heap.kind}, {heap.layout}: {words(heap.origin)}"
        yield f"       {words(heap.why)}"
    if not report.heaps:
        yield "heap   none found: name one with --heap KIND@ADDRESS"
    ring, trace = report.ring, report.trace
    if ring is None:
        yield "ring   none"
    else:
        room = f"{ring.capacity:,} events, stacks {ring.stacks_used:,} of {ring.stacks_size:,} words"
        run = f"run {ring.run:,}, " if ring.run else ""
        yield f"ring   {ring.address:#x}: {run}room for {room}"
        yield f"       {trace_words(trace)}"
        if ring.before is not None:
            yield f"       {words(ring.before)}"
        if ring.pending is not None:
            yield f"       pending: `{ring.pending}` was asked and not yet obeyed: let the target run"
    if trace is not None and trace.imported is not None:
        depth = trace.imported.depth
        stacks = f"stacks of {counted(depth, 'frame')} at most" if depth else "no stacks"
        where = "a log" if trace.address is None else f"records at {trace.address:#x}"
        yield f"import {trace.imported.source}: {where}, {stacks}"
        yield f"       {trace_words(trace)}; numbers (seq) are places among the records"
    yield from map(words, report.facts)
    for item in report.skipped:
        yield f"missing: {item.check}: {words(item.why)}"
