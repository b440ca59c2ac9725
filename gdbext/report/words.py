# SPDX-License-Identifier: Apache-2.0
"""Numbers, stacks and owners as people read them: shared by every text report."""

from __future__ import annotations

import os
from typing import Iterator, Optional

from gdbext.model import Cost, Frame, Imported, Place, Stack, TraceInfo

_CALLERS_SHOWN = 5


def size_words(size: int) -> str:
    """A size with its unit: 287.9 KiB, 1.5 MiB, 12 bytes."""
    if size < 1024:
        return f"{size:,} bytes"
    return f"{size / 1024:,.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):,.1f} MiB"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 block, 1,028 blocks."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
    return f"{' > '.join(shown)}{_place(stack[0])}"


def _place(frame: Frame) -> str:
    if frame.file is None:
        return ""
    return f" {os.path.basename(frame.file)}" + (f":{frame.line}" if frame.line else "")


def owner_words(task: Optional[str], seq: Optional[int]) -> str:
    """Who and when, as the end of a line."""
    parts = [f"task {task}" if task else "", f"seq {seq}" if seq is not None else ""]
    return "  ".join(part for part in parts if part)


def trace_words(trace: Optional[TraceInfo]) -> str:
    """What the trace holds and what it lost, on one line."""
    if trace is None:
        return "trace: none (no ring found)"
    if trace.imported is not None:
        return _imported_words(trace, trace.imported)
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


def _imported_words(trace: TraceInfo, imported: Imported) -> str:
    lost = f", {trace.overwritten:,} overwritten before them" if trace.overwritten else ""
    if imported.overflowed and not lost:
        lost = ", nobody knows how many overwritten before them"
    room = f"mode {imported.mode}, room for {imported.capacity:,}"
    return f"trace: {counted(trace.kept, 'record')} of {imported.source} ({room}){lost}; {trace.state}"


def interruption_lines(cost: Optional[Cost]) -> Iterator[str]:
    """What stands above a report that Ctrl-C has cut short."""
    if cost is not None and cost.interrupted:
        yield "interrupted: this is of what had been read, and concludes nothing; the same command again reads on"


def place_words(place: Optional[Place], cost: Cost) -> str:
    """Where an address lies in a heap."""
    if place is None:
        return "not found in what had been read" if cost.interrupted else "in no heap that was found"
    if place.state == "outside":
        return f"in the heap at {place.heap:#x}, in no block (its control data, or damage)"
    asked = f" ({place.requested:,} requested)" if place.requested is not None else ""
    state = place.state.upper()
    return f"byte {place.offset:,} of block {place.payload:#x}, {place.size:,} bytes{asked}, {state}"
