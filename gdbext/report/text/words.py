# SPDX-License-Identifier: Apache-2.0
"""Stacks, owners, places and costs as people read them: shared by every text report."""

from __future__ import annotations

import os
from typing import Optional

from gdbext.model.events import Frame, Stack, TraceInfo
from gdbext.model.memory import Place
from gdbext.model.reports.base import Cost
from gdbext.report.numbers import counted, size_words

_CALLERS_SHOWN = 5


def cost_words(cost: Cost) -> str:
    """What a report cost the link."""
    return f"{size_words(cost.bytes)} in {counted(cost.reads, 'read')}"


def frame_name(frame: Frame) -> str:
    """A frame in one word."""
    return frame.function or f"{frame.pc:#x}"


def stack_words(stack: Stack) -> str:
    """A stack on one line: outermost caller first, then the place of the call."""
    if not stack:
        return "(not in the trace)"
    names = [frame_name(frame) for frame in reversed(stack)]
    shown = names if len(names) <= _CALLERS_SHOWN else ["...", *names[-_CALLERS_SHOWN:]]
    file, line = stack[0].file, f":{stack[0].line}" if stack[0].line else ""
    return " > ".join(shown) + (f" {os.path.basename(file)}{line}" if file is not None else "")


def owner_words(task: Optional[str], seq: Optional[int]) -> str:
    """Who and when, as the end of a line."""
    parts = [f"task {task}" if task else "", f"seq {seq}" if seq is not None else ""]
    return "  ".join(part for part in parts if part)


def trace_words(trace: Optional[TraceInfo]) -> str:
    """What the trace holds and what it lost, on one line."""
    if trace is None:
        return "trace: none (no ring found)"
    if trace.imported is not None:
        told = trace.imported
        before = f", {trace.overwritten:,} overwritten before them" if trace.overwritten else ""
        if told.overflowed and not before:
            before = ", nobody knows how many overwritten before them"
        room = f"mode {told.mode}" + (f", room for {told.capacity:,}" if told.capacity is not None else "")
        return f"trace: {counted(trace.kept, 'record')} of {told.source} ({room}){before}; {trace.state}"
    lost = [
        f"{trace.overwritten:,} overwritten before them" if trace.overwritten else "",
        f"{trace.dropped:,} dropped" if trace.dropped else "",
        f"{trace.half_written:,} half written" if trace.half_written else "",
        f"{trace.stopped:,} while stopped" if trace.stopped else "",
        f"{trace.filtered:,} kept out by filters" if trace.filtered else "",
        f"{trace.stacks_full:,} with their caller alone" if trace.stacks_full else "",
    ]
    span = f" (seq {trace.first}..{trace.last})" if trace.first is not None else ""
    return ", ".join([f"trace: {trace.kept:,} events kept{span}", *filter(None, lost)]) + f"; {trace.state}"


def place_words(place: Optional[Place], cost: Cost) -> str:
    """Where an address lies in a heap."""
    if place is None:
        return "not found in what had been read" if cost.interrupted else "in no heap that was found"
    if place.state == "outside":
        return f"in the heap at {place.heap:#x}, in no block (its control data, or damage)"
    asked = f" ({place.requested:,} requested)" if place.requested is not None else ""
    state = place.state.upper()
    return f"byte {place.offset:,} of block {place.payload:#x}, {place.size:,} bytes{asked}, {state}"
