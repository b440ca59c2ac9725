# SPDX-License-Identifier: Apache-2.0
"""`heap-blocks`, `heap-free`, `malloc-log`, `memtrace status` and the control commands as text."""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

from gdbext.model import (
    BlockEntry,
    BlocksReport,
    ControlReport,
    FreeReport,
    HeapTotals,
    LogEntry,
    LogReport,
    RingStatus,
    SaveReport,
    Skipped,
    StatusReport,
    TaskStackUse,
    TraceInfo,
)
from gdbext.report.words import cost_words, counted, size_words, stack_words, trace_words


def blocks_lines(report: BlocksReport) -> Iterator[str]:
    """The list of blocks with its totals."""
    yield f"{'block':>12} {'size':>10} {'requested':>10}  state  {'seq':>8}  task, allocated by"
    for entry in report.blocks:
        yield _block_line(entry)
    yield from _more_line(len(report.blocks), report.total.blocks)
    of_what = " in what had been read" if report.cost.interrupted else ""
    yield f"{counted(report.total.blocks, 'block')}, {counted(report.total.bytes, 'byte')}{of_what}"
    yield from _skipped_lines(report.skipped)
    yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}"


def _block_line(entry: BlockEntry) -> str:
    requested = f"{entry.requested:,}" if entry.requested is not None else "-"
    owner = entry.owner
    seq = f"{owner.seq}" if owner is not None and owner.seq is not None else "-"
    who = f"{owner.task or '?'}: {stack_words(owner.allocated)}" if owner is not None else ""
    return f"{entry.payload:#12x} {entry.size:>10,} {requested:>10}  {entry.state:<5}  {seq:>8}  {who}".rstrip()


def _more_line(shown: int, total: int) -> Iterator[str]:
    if total > shown:
        yield f"... {total - shown:,} more (--all)"


def _skipped_lines(skipped: Tuple[Skipped, ...]) -> Iterator[str]:
    for item in skipped:
        yield f"not checked: {item.check}: {item.why}"


def free_lines(report: FreeReport) -> Iterator[str]:
    """Each heap in numbers."""
    for heap in report.heaps:
        yield from _totals_lines(heap)
    if report.tasks:
        yield f"stacks of {counted(len(report.tasks), 'task')}"
    for task in report.tasks:
        yield _stack_line(task)
    yield from _skipped_lines(report.skipped)
    yield f"read {cost_words(report.cost)}"


def _stack_line(task: TaskStackUse) -> str:
    used = f"{task.in_use:,} in use" if task.in_use is not None else "running"
    never = f", {task.never_used:,} never used" if task.never_used is not None else ""
    return f"  {task.task:<16} {task.size:>8,} bytes: {used}{never}"


def _totals_lines(heap: HeapTotals) -> Iterator[str]:
    name = f" {heap.name}" if heap.name else ""
    yield f"heap{name} {heap.start:#x}..{heap.end:#x} ({heap.kind}, {heap.layout}, {size_words(heap.end - heap.start)})"
    yield f"  used      {heap.used_bytes:>12,} bytes in {counted(heap.used_blocks, 'block')}"
    yield f"  free      {heap.free_bytes:>12,} bytes in {counted(heap.free_blocks, 'block')}"
    elsewhere = f"{heap.fragmentation:.1%} of the free bytes lie elsewhere"
    yield f"  largest   {heap.largest_free:>12,} bytes free at once; {elsewhere}"
    if heap.minimum_free is not None:
        yield f"  minimum   {heap.minimum_free:>12,} bytes were free at the tightest moment"


def log_lines(report: LogReport) -> Iterator[str]:
    """The events, oldest first."""
    yield from _more_line(len(report.events), report.matching)
    for entry in report.events:
        yield _event_line(entry)
    yield from _skipped_lines(report.skipped)
    yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}"


def _event_line(entry: LogEntry) -> str:
    size = f"{entry.size:,}" if entry.size else ""
    where = stack_words(entry.stack) if entry.stack else ""
    task = entry.task or "?"
    return f"{entry.seq:>8} {entry.kind:<13} {entry.payload:#12x} {size:>9}  {task:<14} {where}".rstrip()


def status_lines(report: StatusReport) -> Iterator[str]:
    """What was found and what is missing."""
    for heap in report.heaps:
        name = f" {heap.name}" if heap.name else ""
        yield f"heap  {name} {heap.start:#x}..{heap.end:#x} {heap.kind}, {heap.layout}: {heap.origin}"
        yield f"       {heap.why}"
    if not report.heaps:
        yield "heap   none found: name one with --heap KIND@ADDRESS"
    yield from _ring_lines(report.ring, report.trace)
    yield from report.facts
    for item in report.skipped:
        yield f"missing: {item.check}: {item.why}"


def _ring_lines(ring: Optional[RingStatus], trace: Optional[TraceInfo]) -> Iterator[str]:
    if ring is None:
        yield "ring   none"
        yield from _imported_lines(trace)
        return
    room = f"{ring.capacity:,} events, stacks {ring.stacks_used:,} of {ring.stacks_size:,} words"
    yield f"ring   {ring.address:#x}: room for {room}"
    yield f"       {trace_words(trace)}"
    if ring.pending is not None:
        yield f"       pending: `{ring.pending}` was asked and not yet obeyed: let the target run"


def _imported_lines(trace: Optional[TraceInfo]) -> Iterator[str]:
    if trace is not None and trace.imported is not None:
        depth = trace.imported.depth
        stacks = f"stacks of {counted(depth, 'frame')} at most" if depth else "no stacks"
        yield f"import {trace.imported.source}: records at {trace.address:#x}, {stacks}"
        yield f"       {trace_words(trace)}; numbers (seq) are places among the records"


def control_lines(report: ControlReport) -> Iterator[str]:
    """What was asked."""
    yield report.text


def save_lines(report: SaveReport) -> Iterator[str]:
    """What is in the file, and how to open it."""
    yield from _skipped_lines(report.skipped)
    parts = [counted(report.heaps, "heap"), f"{size_words(report.bytes)} in {counted(report.ranges, 'range')}"]
    parts.append(counted(report.threads, "thread") if report.threads else "no registers: this machine is not known")
    yield f"saved {report.file}: {', '.join(parts)}; {trace_words(report.trace)}; read {cost_words(report.cost)}"
    yield f"open it with `core-file {report.file}`, or in the shell: memtrace check {report.file} --elf APP.elf"
