# SPDX-License-Identifier: Apache-2.0
"""Which word to watch in the next run, from when on, and whose a write to it is.

Approach: the damaged word belongs to a block, and is the allocator's own from the moment that it gave the block out (a
header) or took it back (links). That moment is found again in the next run by its call: the same stack and size, the
same number of such calls before it; where the trace has forgotten the first of them, the last one if they are few, else
the first from shortly before the sequence number that it had. The word's place is kept as an offset from the block,
which may lie elsewhere.
Rejected: the sequence number alone (clock records and interrupts shift it by a few from run to run); the address alone
(everybody writes there before it is a header).
Assumptions: a call of the allocator comes back to where it was called; the recorder's newest events hold it then.
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
        self._seen: Optional[Event] = None  # the newest that has been looked at
        self._matches = 0

    def take(self, events: Sequence[Event]) -> Optional[int]:
        """Where the word lies now, if the call is among these events, which are the ring's newest."""
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
        """Whether these events are of another run than the last that were taken: older, or not the same."""
        if self._seen is None or not events:
            return False
        return events[-1].seq < self._seen.seq or any(
            event.seq == self._seen.seq and event != self._seen for event in events
        )


def calls_of(events: Sequence[Event]) -> Iterator[Event]:
    """What was taken, and given back (of no size); reallocations with the stack of their begin."""
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
    """The plan for the first damage of a report; None: there is none."""
    found = (finding for heap in heaps for finding in heap.findings if finding.severity == "damage" and finding.length)
    first = next(found, None)
    if first is None:
        return None
    life = trace.history.newest(first.block) if first.block is not None else None
    is_freed = any(one.payload == first.block and one.state == "freed" for one in first.suspects)
    address = first.address // width * width
    if life is None:
        return WatchPlan(address, width)
    return _plan_word(address, width, life, is_freed, trace, True)


def plan_address(address: int, trace: Trace, width: int) -> WatchPlan:
    """The plan for any address: that of the block that holds it, or whose header it is."""
    address = address // width * width
    holding, guarded = trace.history.holding(address, {}), not owner_writes(address, width, trace.history)
    life = holding[0] if holding else trace.history.newest(address + width)
    if life is None:
        return WatchPlan(address, width, guarded=guarded)
    return _plan_word(address, width, life, life.is_freed and not life.in_flight, trace, guarded)


def _plan_word(address: int, width: int, life: Generation, is_freed: bool, trace: Trace, guarded: bool) -> WatchPlan:
    """The plan for a word of a block, or of its header."""
    seq = life.freed_seq if is_freed and address >= life.payload else life.seq
    calls = list(calls_of(trace.events))
    call = next((call for call in calls if call.seq == seq), None)
    if call is None:
        return WatchPlan(address, width, guarded=guarded)
    same = [one.seq for one in calls if (one.stack, one.size) == (call.stack, call.size)]
    count = same.index(call.seq) + 1 if trace.is_whole else None
    # Stops where the innermost return is that few calls come through: a target that is stopped at every interrupt does
    # nothing else any more.
    through = [sum(place in one.stack for one in calls) for place in call.stack]
    few = max(min(through), _FEW_CALLS)
    stop = next(place for place, number in zip(call.stack, through) if number <= few)
    # The lowest sequence number that it may have in another run. Of few calls like it the last one, as each that comes
    # takes the place of the one before; else what is nearer to it than to the one before it.
    before = [one for one in same if one < call.seq]
    anyhow = not before or (call.seq == same[-1] and len(same) <= _FEW_CALLS)
    since = 0 if anyhow else (before[-1] + call.seq + 1) // 2
    return WatchPlan(address, width, address - life.payload, call, count, since, guarded, stop)


def owner_writes(address: int, width: int, history: History) -> bool:
    """Whether bytes of a word belong to a live block: whoever writes there may write what is his."""
    return any(life.payload < address + width and address < life.payload + (life.size or 0) for life in history.live())


def copiers_in(stack: Stack) -> int:
    """How many of some calls, innermost first, only write for who called them; the outermost is never one."""
    inner = list(takewhile(is_copier, (frame.function or "" for frame in stack[:-1])))
    return len(inner)


def owners_around(address: int, width: int, history: History) -> Tuple[Generation, ...]:
    """The newest owners of the word, and of the bytes on both its sides, in the order of their addresses."""
    places = (address, address - 1, address + width)
    found = {life[0].payload: life[0] for life in (history.holding(place, {}) for place in places) if life}
    lives = [found[payload] for payload in sorted(found)]
    kept: List[Generation] = []
    for life in lives:
        freed, end = life.freed_seq, life.payload + (life.size or 0)
        later = [one for one in lives if freed is not None and one.seq is not None and one.seq >= freed]
        # A block that was made of its bytes after its free, or has its header in them, has taken it over.
        if not any(one.payload - width < end and life.payload < one.payload + (one.size or 0) for one in later):
            kept.append(life)
    return tuple(kept)
