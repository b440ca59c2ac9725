# SPDX-License-Identifier: Apache-2.0
"""Makes events of a log from a trace, so that what a target has recorded is replayed as a log is.

Approach: blocks that are older than the trace's events come first, as LIVE. Stacks, tasks and marks get numbers of
their own. If a trace does not list frees, only the blocks that are live at its end are there: the order of the rest is
not known.
Cost: a microsecond for each event.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from gdbext.trace.format import KINDS, MEMORIES
from gdbext.trace.log import LIVE, LogEvent
from gdbext.trace.log_definitions import NAME_CONTEXT, NAME_MARK, NAME_TAG
from gdbext.trace.replay import Told
from gdbext.trace.trace import Trace

_NUMBERS = {name: number for number, name in KINDS.items()}
_MEMORY_NUMBERS = {name: number for number, name in MEMORIES.items()}
_UNKNOWN = 0


class NoHeader(NamedTuple):
    """Stands for the header of a trace that has none: it has no clock, and its PCs are addresses of code."""

    tick_hz: int = 0

    def code_address(self, pc: int) -> int:
        """Returns the same."""
        return pc


class _Numbers:
    """Gives numbers to stacks, tasks, marks and tags."""

    def __init__(self) -> None:
        self.stacks: Dict[Tuple[int, ...], int] = {(): _UNKNOWN}
        self.names: Dict[Tuple[int, str], int] = {}
        self.tags: Dict[Tuple[int, str], int] = {}

    def stack(self, pcs: Tuple[int, ...]) -> int:
        return self.stacks.setdefault(pcs, len(self.stacks))

    def name(self, kind: int, name: Optional[str]) -> int:
        names = self.tags if kind == NAME_TAG else self.names
        return _UNKNOWN if name is None else names.setdefault((kind, name), len(names) + 1)


def events_of(trace: Trace) -> Tuple[List[LogEvent], Told]:
    """Returns the events of a trace, in order, and what their numbers mean."""
    numbers, events, marks = _Numbers(), [], dict(trace.marks)
    listed = trace.events if trace.lists_frees else ()
    known = {event.address for event in listed if event.kind in ("alloc", "realloc-end")}
    for life in trace.history.live():
        if life.payload not in known:
            stack, task = numbers.stack(life.allocated), numbers.name(NAME_CONTEXT, life.task)
            tag = numbers.name(NAME_TAG, life.module)
            events.append(LogEvent(LIVE, life.payload, life.size or 0, life.heap, stack, task, tag, 0, None, None))
    for one in listed:
        is_mark = one.kind == "mark"
        address = numbers.name(NAME_MARK, marks.get(one.seq, "")) if is_mark else one.address
        stack, task = numbers.stack(one.stack), numbers.name(NAME_CONTEXT, one.task)
        kind, tag = _NUMBERS[one.kind], numbers.name(NAME_TAG, one.module)
        events.append(
            LogEvent(kind, address, one.size, one.heap, stack, task, tag, one.core, one.seq, one.time, one.link)
        )
    asserted = trace.assertion
    return events, Told(
        stacks={number: pcs for pcs, number in numbers.stacks.items() if pcs},
        names={number: name for name, number in numbers.names.items()},
        tags={number: name for name, number in numbers.tags.items()},
        heaps={
            number: (heap.name, _MEMORY_NUMBERS.get(heap.memory, 0), heap.capabilities)
            for number, heap in trace.heap_names.items()
        },
        failure=None if asserted is None else (asserted.function, asserted.text),
        lost=0 if trace.info is None else trace.info.lost,
    )
