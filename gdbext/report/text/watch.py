# SPDX-License-Identifier: Apache-2.0
"""`memtrace watch` as text."""

from __future__ import annotations

from typing import Iterator, Optional

from gdbext.model.events import Life
from gdbext.model.reports.watch import WatchReport
from gdbext.report.numbers import counted
from gdbext.report.text.closing import closing_line, skipped_lines
from gdbext.report.text.words import frame_name, owner_words, stack_words


def watch_lines(report: WatchReport) -> Iterator[str]:
    """Yields the lines of the whole report."""
    where = "" if report.address is None else f"{report.length} bytes at {report.address:#x}"
    if report.write is not None and report.state == "changed":
        change = f"{_value(report.write.before)} -> {_value(report.write.after)}"
        yield f"memtrace: {where} changed, no CPU write was seen: {change}"
        yield "  by         another bus master (DMA), or a write through another address of the same memory"
        for life in report.owners:
            yield from _owner_lines(life, report.address or 0)
    elif report.write is not None:
        change = f"{_value(report.write.before)} -> {_value(report.write.after)}"
        yield f"memtrace: {where} written from outside of the allocator: {change}"
        # The line names the caller of memset or the like first, and memset itself after it.
        stack, copiers = report.write.stack[report.write.copiers :], report.write.stack[: report.write.copiers]
        inner = f", in {' > '.join(map(frame_name, reversed(copiers)))}" if copiers else ""
        thread = f"   {report.write.thread}" if report.write.thread else ""
        yield f"  by         {stack_words(stack)}{inner}{thread}"
        for life in report.owners:
            yield from _owner_lines(life, report.address or 0)
    elif report.state == "waiting" and report.call is not None:
        yield f"waiting for a call, to watch {report.length} bytes from then on: restart the target, then continue"
        call = report.call
        what = f"{call.size:,} bytes allocated" if call.size is not None else f"{call.payload:#x} freed"
        which = f"call {call.count} like it" if call.count is not None else f"about seq {call.seq}"
        yield f"  {what}  {stack_words(call.stack)}   {which}"
    elif report.state == "watching":
        yield f"memtrace: watching {where} for a write from outside of the allocator"
    else:
        yield "nothing is watched"
    if report.by_allocator or report.by_owner:
        own = f", {report.by_owner:,} of an owner into its own block" if report.by_owner else ""
        yield f"  let pass {counted(report.by_allocator, 'write')} of the allocator{own}"
    yield from skipped_lines(report.skipped)
    if report.trace is not None or report.state != "watching":
        yield closing_line(report, report.next)


def _value(word: Optional[int]) -> str:
    return "?" if word is None else f"{word:#x}"


def _owner_lines(life: Life, address: int) -> Iterator[str]:
    size = f"{life.size:,} bytes" if life.size is not None else "size not in the trace"
    label = (
        "before it" if life.payload + (life.size or 0) <= address else "in" if life.payload <= address else "behind it"
    )
    yield f"  {label:<11}{life.payload:#x}, {size}"
    yield f"             allocated  {stack_words(life.allocated, life.seq)}   {owner_words(life.task, life.seq)}"
    if life.freed is not None:
        owner = owner_words(life.freed_task, life.freed_seq)
        yield f"             freed      {stack_words(life.freed, life.freed_seq)}   {owner}"
