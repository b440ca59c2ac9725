# SPDX-License-Identifier: Apache-2.0
"""`heap-bins` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.bins import Bin, BinsReport, HeapBins
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, damaged_lines, skipped_lines


def bins_lines(report: BinsReport) -> Iterator[str]:
    """Yields the lists of each heap, the smallest blocks first."""
    for heap in report.heaps:
        yield from _heap(heap)
    yield from damaged_lines(report.damaged)
    yield from skipped_lines(report.skipped)
    yield closing_line(report, report.next)


def _heap(heap: HeapBins) -> Iterator[str]:
    name = f" {heap.name}" if heap.name else ""
    free = f"{counted(heap.free_blocks, 'free block')}, {counted(heap.free_bytes, 'byte')}"
    yield f"heap{name} {heap.address:#x} ({heap.kind}, {heap.layout}): {free}, on {counted(len(heap.bins), 'list')}"
    for one in heap.bins:
        yield _bin(one)
    for link in heap.broken:
        where = f"block {link.block:#x}" if link.block is not None else "the heap's head of the list"
        broken = f"{where} has {link.value:#x} at {link.address:#x}, {words(link.why)}"
        yield f"  list {link.number:>4}  DAMAGED  {broken}"
    if heap.unlisted_blocks:
        shown = ", ".join(map(hex, heap.unlisted))
        more = (
            f", ... {heap.unlisted_blocks - len(heap.unlisted):,} more"
            if heap.unlisted_blocks > len(heap.unlisted)
            else ""
        )
        yield f"  on no list  {counted(heap.unlisted_blocks, 'free block')}: {shown}{more}"


def _bin(one: Bin) -> str:
    sizes = f"{one.smallest:,}" if one.smallest == one.largest else f"{one.smallest:,}..{one.largest:,}"
    links = " > ".join(map(hex, one.payloads))
    left = one.blocks - len(one.payloads)
    end = f" > ... {left:,} more (--all)" if left else " > ? (broken)" if one.cut else ""
    return f"  list {one.number:>4} {counted(one.blocks, 'block'):>12} {one.bytes:>12,} bytes  of {sizes}: {links}{end}"
