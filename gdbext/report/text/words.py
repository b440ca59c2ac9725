# SPDX-License-Identifier: Apache-2.0
"""Words for stacks, owners, places and costs, which all text reports share."""

from __future__ import annotations

import os
from typing import Optional

from gdbext.model.events import Frame, LogInfo, Stack, TraceInfo
from gdbext.model.memory import Place, Spot
from gdbext.model.reports.base import Cost
from gdbext.report.numbers import counted, size_words
from gdbext.report.sentences import words

_CALLERS_SHOWN = 5
_CALLERS_NAMED = 2


def cost_words(cost: Cost) -> str:
    """Returns how many bytes a report has read from the target, in how many reads."""
    return f"{size_words(cost.bytes)} in {counted(cost.reads, 'read')}"


def block_name(payload: int, buffer: Optional[int]) -> str:
    """Returns the address of a block, or the number of a device's buffer, which has none."""
    return f"{payload:#x}" if buffer is None else f"dma buffer #{buffer}"


def frame_name(frame: Frame) -> str:
    """Returns the name of a frame's function, else its address."""
    return frame.function or f"{frame.pc:#x}"


def stack_words(stack: Stack, seq: Optional[int] = None) -> str:
    """Returns a stack on one line: the outermost caller first, and the source line of the innermost frame last. `seq`
    is the number of its record, if there is one: a record may have no stack.
    """
    if not stack:
        return "(not in the trace)" if seq is None else "(recorded without a stack)"
    names = [frame_name(frame) for frame in reversed(stack)]
    shown = names if len(names) <= _CALLERS_SHOWN else ["...", *names[-_CALLERS_SHOWN:]]
    file, line = stack[0].file, f":{stack[0].line}" if stack[0].line else ""
    return " > ".join(shown) + (f" {os.path.basename(file)}{line}" if file is not None else "")


def caller_words(stack: Stack) -> str:
    """Returns the two innermost calls of a stack with the source line: enough to know who, in a line with more."""
    return stack_words(stack[:_CALLERS_NAMED])


def owner_words(task: Optional[str], seq: Optional[int]) -> str:
    """Returns the end of a line: the task and the sequence number, as far as they are known."""
    parts = [f"task {task}" if task else "", f"seq {seq}" if seq is not None else ""]
    return "  ".join(part for part in parts if part)


def module_words(task: str, module: Optional[str]) -> str:
    """Returns a task, and in brackets the module whose code ran in it."""
    return task if module is None else f"{task} [{module}]"


def trace_words(trace: Optional[TraceInfo]) -> str:
    """Returns one line about what the trace holds and what it has lost."""
    if trace is None:
        return "trace: none (no ring found)"
    if trace.imported is not None:
        source = trace.imported
        before = f", {trace.overwritten:,} overwritten before them" if trace.overwritten else ""
        if source.overflowed and not before:
            before = ", nobody knows how many overwritten before them"
        room = f"mode {source.mode}" + (f", room for {source.capacity:,}" if source.capacity is not None else "")
        return f"trace: {counted(trace.kept, 'record')} of {source.source} ({room}){before}; {trace.state}"
    if trace.log is not None:
        return f"trace: {counted(trace.kept, 'event')} of a log{_log_words(trace, trace.log)}"
    lost = [
        f"{trace.overwritten:,} overwritten before them" if trace.overwritten else "",
        f"{trace.dropped:,} dropped" if trace.dropped else "",
        f"{trace.half_written:,} half written" if trace.half_written else "",
        f"{trace.stopped:,} while frozen" if trace.stopped else "",
        f"{trace.filtered:,} kept out by filters" if trace.filtered else "",
        f"{trace.stacks_full:,} with their caller alone" if trace.stacks_full else "",
    ]
    span = f" (seq {trace.first}..{trace.last})" if trace.first is not None else ""
    ended = " when it ended: the run before" if trace.past else ""
    return ", ".join([f"trace: {trace.kept:,} events kept{span}", *filter(None, lost)]) + f"; {trace.state}{ended}"


def _log_words(trace: TraceInfo, log: LogInfo) -> str:
    span = f" (seq {trace.first}..{trace.last})" if trace.first is not None else ""
    lost = f", {trace.lost:,} lost" if trace.lost else ""
    unread = f", {counted(log.unread, 'record')} not understood" if log.unread else ""
    runs = {"all": f"; all {log.runs:,} runs", "last": f"; the last of {log.runs:,} runs"}
    which = runs.get(log.run, f"; run {log.run} of {log.runs:,}") if log.runs > 1 else ""
    return f"{span}{lost}{unread}{which}"


def place_words(place: Optional[Place], cost: Cost, spot: Optional[Spot] = None) -> str:
    """Returns where an address lies in a heap, and what lies there if it is in none."""
    if place is None and cost.interrupted:
        return "not found in what had been read"
    if place is None:
        told = "" if spot is None or spot.kind == "memory" else f": a pointer {words(spot.words)}"
        return f"in no heap that was found{told}"
    if place.state == "outside":
        return f"in the heap at {place.heap:#x}, in no block (its control data, or damage)"
    asked = f" ({place.requested:,} requested)" if place.requested is not None else ""
    state = place.state.upper()
    role = "" if place.role is None else f", {words(place.role)}"
    return f"byte {place.offset:,} of block {place.payload:#x}, {place.size:,} bytes{asked}, {state}{role}"
