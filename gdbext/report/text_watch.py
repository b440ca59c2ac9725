# SPDX-License-Identifier: Apache-2.0
"""`memtrace watch` as text."""

from __future__ import annotations

from typing import Iterator, List, Optional

from gdbext.model import Life, Stack, WatchedCall, WatchReport
from gdbext.report.words import cost_words, counted, frame_name, owner_words, stack_words, trace_words
from gdbext.symbols.names import is_copier


def watch_lines(report: WatchReport) -> Iterator[str]:
    """The whole report, line by line."""
    where = "" if report.address is None else f"{report.length} bytes at {report.address:#x}"
    if report.write is not None:
        change = f"{_value(report.write.before)} -> {_value(report.write.after)}"
        yield f"memtrace: {where} written from outside of the allocator: {change}"
        yield f"  by         {_writer_words(report.write.stack)}{_thread_words(report.write.thread)}"
        for life in report.owners:
            yield from _owner_lines(life, report.address or 0)
    elif report.state == "waiting" and report.call is not None:
        yield f"waiting for a call, to watch {report.length} bytes from then on: restart the target, then continue"
        yield f"  {_call_words(report.call)}"
    elif report.state == "watching":
        yield f"memtrace: watching {where} for a write from outside of the allocator"
    else:
        yield "nothing is watched"
    if report.by_allocator or report.by_owner:
        own = f", {report.by_owner:,} of an owner into its own block" if report.by_owner else ""
        yield f"  let pass {counted(report.by_allocator, 'write')} of the allocator{own}"
    for skipped in report.skipped:
        yield f"not checked: {skipped.check}: {skipped.why}"
    if report.trace is not None or report.state != "watching":
        yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}"


def _value(word: Optional[int]) -> str:
    return "?" if word is None else f"{word:#x}"


def _thread_words(thread: Optional[str]) -> str:
    return f"   {thread}" if thread else ""


def _writer_words(stack: Stack) -> str:
    """The writer's stack; what wrote for it (memset, ...) behind the line that called that."""
    inner: List[str] = []
    while len(stack) > 1 and is_copier(stack[0].function or ""):
        inner.insert(0, frame_name(stack[0]))
        stack = stack[1:]
    return stack_words(stack) + (f", in {' > '.join(inner)}" if inner else "")


def _call_words(call: WatchedCall) -> str:
    what = f"{call.size:,} bytes allocated" if call.size is not None else f"{call.payload:#x} freed"
    which = f"call {call.count} like it" if call.count is not None else f"about seq {call.seq}"
    return f"{what}  {stack_words(call.stack)}   {which}"


def _owner_lines(life: Life, address: int) -> Iterator[str]:
    size = f"{life.size:,} bytes" if life.size is not None else "size not in the trace"
    label = (
        "before it" if life.payload + (life.size or 0) <= address else "in" if life.payload <= address else "behind it"
    )
    yield f"  {label:<11}{life.payload:#x}, {size}"
    yield f"             allocated  {stack_words(life.allocated)}   {owner_words(life.task, life.seq)}"
    if life.freed is not None:
        yield f"             freed      {stack_words(life.freed)}   {owner_words(life.freed_task, life.freed_seq)}"
