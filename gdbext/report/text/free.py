# SPDX-License-Identifier: Apache-2.0
"""`heap-free` as text."""

from __future__ import annotations

from os.path import basename
from typing import Iterator, Sequence

from gdbext.model.reports.free import CapabilityTotals, FreeReport, HeapTotals, ModuleUse
from gdbext.report.numbers import counted, size_words
from gdbext.report.sentences import words
from gdbext.report.text.closing import damaged_lines, missing_line, next_words, skipped_lines
from gdbext.report.text.words import cost_words, owner_words, stack_words

_MOST_PINS = 8  # blocks that are listed of one place
_LEAST_SHARE = 0.001  # a smaller share would be printed as 0.0%


def free_lines(report: FreeReport) -> Iterator[str]:
    """Yields why an allocation fails, the totals of each heap, then the use of each task's stack."""
    if report.answer is not None:
        yield f"{'why' if report.request is not None else 'free'}: {words(report.answer)}"
    yield from _request(report)
    yield from _live(report)
    for heap in report.heaps:
        name = f" {heap.name}" if heap.name else ""
        what = f"({heap.kind}, {heap.layout}, {size_words(heap.end - heap.start)})"
        yield f"heap{name} {heap.start:#x}..{heap.end:#x} {what}"
        yield f"  used      {heap.used_bytes:>12,} bytes in {counted(heap.used_blocks, 'block')}"
        yield from _free(heap)
        if heap.minimum_free is not None:
            yield f"  minimum   {heap.minimum_free:>12,} bytes were free at the tightest moment"
        yield from missing_line(heap)
    yield from _by_capability(report.capabilities)
    if report.tasks:
        yield f"stacks of {counted(len(report.tasks), 'task')}"
    for task in report.tasks:
        used = f"{task.in_use:,} in use" if task.in_use is not None else "running"
        never = f", {task.never_used:,} never used" if task.never_used is not None else ""
        yield f"  {task.task:<16} {task.size:>8,} bytes: {used}{never}"
    yield from _modules(report.modules)
    yield from damaged_lines(report.damaged)
    yield from skipped_lines(report.skipped)
    yield f"read {cost_words(report.cost)}{next_words(report.next)}"


def _request(report: FreeReport) -> Iterator[str]:
    request = report.request
    if request is None:
        return
    able = f" with {', '.join(request.capabilities)}" if request.capabilities else ""
    origin = {"asked": "", "failed": "the last that failed: ", "stopped": "fails now: "}[request.origin]
    who = f", by {stack_words(request.stack, request.seq)}   {owner_words(request.task, request.seq)}"
    yield f"request  {origin}{counted(request.size, 'byte')}{able}{who if request.origin == 'failed' else ''}".rstrip()
    for one in report.candidates:
        name = f" {one.name}" if one.name else ""
        yield f"  heap{name} {one.heap:#x}: {words(one.why)}"
    for opening in report.openings:
        blocks, place = counted(len(opening.blocks), "block"), f"{opening.start:#x}..{opening.end:#x}"
        yield f"  freeing {blocks}, {counted(opening.used_bytes, 'byte')}, gives {opening.size:,} at {place}"
        for pin in opening.blocks[:_MOST_PINS]:
            owner = pin.owner
            who = "" if owner is None else f"  {owner.task or '?'}: {stack_words(owner.allocated, owner.seq)}"
            yield f"    {pin.payload:#x} {pin.size:>9,} bytes{who}"
        if len(opening.blocks) > _MOST_PINS:
            yield f"    ... {len(opening.blocks) - _MOST_PINS:,} more (--json lists them)"


def _live(report: FreeReport) -> Iterator[str]:
    if report.sites:
        yield "  what lives there"
    for site in report.sites:
        place = f" {basename(site.file)}:{site.line}" if site.file else ""
        yield f"    {site.bytes:>12,} bytes {site.blocks:>6,} blocks  {site.function or '(not in the trace)'}{place}"


def _by_capability(totals: Sequence[CapabilityTotals]) -> Iterator[str]:
    if totals:
        yield "free memory by what it is for (a heap counts in each of its rows)"
    for one in totals:
        heaps, largest = counted(one.heaps, "heap"), counted(one.largest_free, "byte")
        yield f"  {one.capability:<9} {one.free_bytes:>12,} bytes in {heaps}, largest block {largest}"


def _modules(modules: Sequence[ModuleUse]) -> Iterator[str]:
    if modules:
        yield f"memory of {counted(len(modules), 'module')}, as the program counts it"
    for use in modules:
        name, blocks = use.name or f"module {use.number}", counted(use.blocks, "block")
        now = f"{use.bytes:>12,} bytes in {blocks}, {use.peak_bytes:,} at most"
        unmatched = f"; {counted(use.unmatched, 'free')} of what was not in use" if use.unmatched else ""
        yield f"  {name:<20} {now}; {use.allocated_bytes:,} in {use.allocations:,} allocations in all{unmatched}"


def _free(heap: HeapTotals) -> Iterator[str]:
    if heap.free_bytes is None or heap.free_blocks is None or heap.largest_free is None:
        yield "  free        not known: only the used blocks are here"
        return
    yield f"  free      {heap.free_bytes:>12,} bytes in {counted(heap.free_blocks, 'block')}"
    elsewhere = heap.fragmentation or 0.0
    share = "less than 0.1%" if elsewhere < _LEAST_SHARE else f"{elsewhere:.1%}"
    scattered = f"; smaller free blocks hold {share} of the free bytes" if heap.free_blocks > 1 else ""
    yield f"  largest   {heap.largest_free:>12,} bytes in the largest free block{scattered}"
