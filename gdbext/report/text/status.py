# SPDX-License-Identifier: Apache-2.0
"""`memtrace status` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.status import RingStatus, StatusReport
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.words import trace_words


def _recorded(ring: RingStatus) -> str:
    when = "" if ring.last_seconds is None else f", the last at {ring.last_seconds:,.3f} s by its clock"
    return f"recorded since its start: {counted(ring.recorded, 'event')}{when}"


def _hooks(ring: RingStatus) -> Iterator[str]:
    """Yields which of the allocator's entries have fired, and whether its assertions would stop."""
    if ring.fired:
        never = f"; never: {', '.join(ring.silent)}" if ring.silent else ""
        yield f"seen to fire: {', '.join(ring.fired)}{never}"
    elif not ring.recorded:
        yield "none has fired: is the allocator wrapped, and memtrace_selftest() called?"
    if ring.asserts is False and "assert" not in ring.fired:
        yield "the allocator's own assertions do not stop: no file was compiled with -include memtrace_tlsf_assert.h"


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
        yield f"       {_recorded(ring)}"
        if ring.before is not None:
            yield f"       {words(ring.before)}"
        yield from (f"hooks  {line}" for line in _hooks(ring))
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
