# SPDX-License-Identifier: Apache-2.0
"""Finds the word to watch in the next run, the call after which to watch it, and the owners of a write to it.

Approach: the damaged word belongs to a block. After the call that gave it out (for a header) or took it back (for
links), only the allocator may write the word. The next run finds that call again by its stack, its size and the number
of such calls before it. If the trace has lost the first of them, the last one is taken if they are few, else the first
one from shortly before the old sequence number on. The word's place is kept as an offset from the block, because the
block may lie elsewhere in the next run.
Rejected: the sequence number alone (clock records and interrupts shift it by a few from run to run); the address alone
(everybody writes there before it is a header).
Assumptions: a call of the allocator returns to its caller, and is then among the recorder's newest events.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from gdbext.model.events import Event, Generation, Stack
from gdbext.model.record import replace
from gdbext.model.reports.check import HeapReport
from gdbext.model.watch import WatchPlan
from gdbext.symbols.names import is_copier
from gdbext.trace.history import History
from gdbext.trace.trace import Trace

_FEW_CALLS = 16
_TAKEN = ("alloc", "realloc-end")
GIVEN_BACK = ("free", "realloc-begin")


class Tally:
    """Finds the call of a plan again, among the newest events of each stop."""

    def __init__(self, plan: WatchPlan) -> None:
        self._plan = plan
        self._seen: Optional[Event] = None  # the newest event that was looked at
        self._matches = 0

    def take(self, events: Sequence[Event]) -> Optional[int]:
        """Returns where the word lies now. None if the call is not among `events`, the ring's newest."""
        if not events:
            return None
        if self.is_other_run(events) or events[-1] == self._seen:
            self._seen, self._matches = None, 0
        found, plan, wanted = None, self._plan, self._plan.call
        for call in calls_of(events):
            news = self._seen is None or call.seq > self._seen.seq
            if news and wanted is not None and (call.stack, call.size) == (wanted.stack, wanted.size):
                self._matches += 1
                if self._matches == plan.count or (plan.count is None and call.seq >= plan.since):
                    found = call.address + plan.offset
        self._seen = events[-1]
        return found

    def is_other_run(self, events: Sequence[Event]) -> bool:
        """Tells whether these events come from another run than those taken last: they are older, or differ."""
        if self._seen is None or not events:
            return False
        return events[-1].seq < self._seen.seq or any(
            event.seq == self._seen.seq and event != self._seen for event in events
        )


def calls_of(events: Sequence[Event]) -> Iterator[Event]:
    """Yields allocations and frees. A free gets size 0, and the end of a reallocation gets the stack of its begin."""
    begun: Dict[int, Event] = {}
    for event in events:
        if event.kind == "realloc-begin":
            begun[event.seq] = event
        begin = begun.get(event.link) if event.link is not None else None
        stack = begin.stack if begin is not None else event.stack
        if stack and event.kind in _TAKEN:
            yield replace(event, stack=stack)
        elif stack and event.kind in GIVEN_BACK:
            yield replace(event, size=0)


def plan_damage(heaps: Sequence[HeapReport], trace: Trace, width: int) -> Optional[WatchPlan]:
    """Returns the plan for the first damage of a report. None if there is no damage."""
    found = (finding for heap in heaps for finding in heap.findings if finding.severity == "damage" and finding.length)
    first = next(found, None)
    if first is None:
        return None
    life = trace.history.newest(first.block) if first.block is not None else None
    is_freed = any(suspect.payload == first.block and suspect.state == "freed" for suspect in first.suspects)
    address = first.address // width * width
    if life is None:
        return WatchPlan(address, width)
    return _plan_word(address, width, life, is_freed, trace, True)


def plan_address(address: int, trace: Trace, width: int) -> WatchPlan:
    """Returns the plan for any address, by the block that holds it or whose header it is in."""
    address = address // width * width
    holding, guarded = trace.history.holding(address), not owner_writes(address, width, trace.history)
    life = holding[0] if holding else trace.history.newest(address + width)
    if life is None:
        return WatchPlan(address, width, guarded=guarded)
    return _plan_word(address, width, life, life.is_freed and not life.in_flight, trace, guarded)


def _plan_word(address: int, width: int, life: Generation, is_freed: bool, trace: Trace, guarded: bool) -> WatchPlan:
    """Returns the plan for a word of a block or of its header."""
    seq = life.freed_seq if is_freed and address >= life.payload else life.seq
    calls = list(calls_of(trace.events))
    call = next((call for call in calls if call.seq == seq), None)
    if call is None:
        return WatchPlan(address, width, guarded=guarded)
    same = [one.seq for one in calls if (one.stack, one.size) == (call.stack, call.size)]
    count = same.index(call.seq) + 1 if trace.is_whole else None
    # Stops at the innermost return address that few calls come through. A target that stopped at every interrupt would
    # do nothing else.
    through = [sum(place in one.stack for one in calls) for place in call.stack]
    few = max(min(through), _FEW_CALLS)
    stop = next(place for place, number in zip(call.stack, through) if number <= few)
    # The lowest sequence number that the call may have in another run: halfway between the call before it and itself.
    # It is 0 if no call is before it, or if it is the last of few: each such call that comes replaces the one before.
    before = [one for one in same if one < call.seq]
    from_start = not before or (call.seq == same[-1] and len(same) <= _FEW_CALLS)
    since = 0 if from_start else (before[-1] + call.seq + 1) // 2
    return WatchPlan(address, width, address - life.payload, call, count, since, guarded, stop)


def owner_writes(address: int, width: int, history: History) -> bool:
    """Tells whether a byte of a word belongs to a live block. A write there may be the owner's own."""
    return any(life.payload < address + width and address < life.payload + (life.size or 0) for life in history.live())


def copiers_in(stack: Stack) -> int:
    """Returns how many of the innermost calls write for their caller, as memcpy does. The outermost never counts."""
    inner = list(takewhile(is_copier, (frame.function or "" for frame in stack[:-1])))
    return len(inner)


def owners_around(address: int, width: int, history: History) -> Tuple[Generation, ...]:
    """Returns the newest owners of the word and of the byte on each side of it, in address order."""
    places = (address, address - 1, address + width)
    found = {life[0].payload: life[0] for life in (history.holding(place) for place in places) if life}
    lives = [found[payload] for payload in sorted(found)]
    kept: List[Generation] = []
    for life in lives:
        freed, end = life.freed_seq, life.payload + (life.size or 0)
        later = [one for one in lives if freed is not None and one.seq is not None and one.seq >= freed]
        # Drops a freed block if a later block, or its header, took over bytes of it.
        if not any(one.payload - width < end and life.payload < one.payload + (one.size or 0) for one in later):
            kept.append(life)
    return tuple(kept)
