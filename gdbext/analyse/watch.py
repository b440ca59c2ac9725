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

from dataclasses import dataclass
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model import Event, Generation, HeapReport
from gdbext.trace.history import History

_FEW_CALLS = 16
_TAKEN = ("alloc", "realloc-end")
_GIVEN_BACK = ("free", "realloc-begin")


class Call(NamedTuple):
    """One call of the allocator that was recorded."""

    seq: int
    payload: int
    size: Optional[int]  # None: given back
    stack: Tuple[int, ...]


@dataclass(frozen=True)
class WatchPlan:
    """A word, and the call that makes it the allocator's own. Without a call it is watched where it is, at once."""

    address: int  # where the word was
    width: int
    offset: int = 0  # from the call's block to the word
    call: Optional[Call] = None
    count: Optional[int] = None  # which of the calls with this stack and size; None: not known
    since: int = 0  # no call with a lower sequence number is it
    guarded: bool = True  # writes of a block's owner into that block are not looked for
    stop: Optional[int] = None  # where the call comes back to


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
        found = None
        for call in calls_of(events):
            if (self._seen is None or call.seq > self._seen.seq) and self._is_it(call):
                found = call.payload + self._plan.offset
        self._seen = events[-1]
        return found

    def is_other_run(self, events: Sequence[Event]) -> bool:
        """Whether these events are of another run than the last that were taken: older, or not the same."""
        if self._seen is None or not events:
            return False
        return events[-1].seq < self._seen.seq or any(
            event.seq == self._seen.seq and event != self._seen for event in events
        )

    def _is_it(self, call: Call) -> bool:
        wanted = self._plan.call
        if wanted is None or (call.stack, call.size) != (wanted.stack, wanted.size):
            return False
        self._matches += 1
        return self._matches == self._plan.count if self._plan.count is not None else call.seq >= self._plan.since


def calls_of(events: Sequence[Event]) -> Iterator[Call]:
    """What was taken and given back, reallocations with the stack of their begin."""
    begun: Dict[int, Event] = {}
    for event in events:
        if event.kind == "realloc-begin":
            begun[event.seq] = event
        begin = begun.get(event.link) if event.link is not None else None
        stack = begin.stack if begin is not None else event.stack
        if stack and event.kind in _TAKEN:
            yield Call(event.seq, event.address, event.size, stack)
        elif stack and event.kind in _GIVEN_BACK:
            yield Call(event.seq, event.address, None, stack)


class Past(NamedTuple):
    """What the trace holds. `complete`: it lacks nothing."""

    history: History
    events: Sequence[Event]
    complete: bool


def plan_damage(heaps: Sequence[HeapReport], past: Past, width: int) -> Optional[WatchPlan]:
    """The plan for the first damage of a report; None: there is none."""
    found = (finding for heap in heaps for finding in heap.findings if finding.severity == "damage" and finding.length)
    first = next(found, None)
    if first is None:
        return None
    life = past.history.newest(first.block) if first.block is not None else None
    is_freed = any(one.payload == first.block and one.state == "freed" for one in first.suspects)
    return _plan_word(first.address // width * width, width, (life, is_freed), past, True)


def plan_address(address: int, past: Past, width: int) -> WatchPlan:
    """The plan for any address: that of the block that holds it, or whose header it is."""
    address = address // width * width
    holding = past.history.holding(address, {})
    life = holding[0] if holding else past.history.newest(address + width)
    is_freed = life is not None and life.is_freed and not life.in_flight
    return _plan_word(address, width, (life, is_freed), past, not owner_writes(address, width, past.history))


def _plan_word(
    address: int, width: int, owner: Tuple[Optional[Generation], bool], past: Past, guarded: bool
) -> WatchPlan:
    """The plan for a word of a block, or of its header. `owner`: the block's, and whether it has been freed."""
    life, is_freed = owner
    seq = None
    if life is not None:
        seq = life.freed_seq if is_freed and address >= life.payload else life.seq
    calls = list(calls_of(past.events))
    call = next((call for call in calls if call.seq == seq), None)
    if life is None or call is None:
        return WatchPlan(address, width, guarded=guarded)
    same = [one.seq for one in calls if (one.stack, one.size) == (call.stack, call.size)]
    count = same.index(call.seq) + 1 if past.complete else None
    stop = _stop_of(call, calls)
    return WatchPlan(address, width, address - life.payload, call, count, _since(same, call.seq), guarded, stop)


def _stop_of(call: Call, calls: Sequence[Call]) -> int:
    """The return address to stop at: the innermost that few calls come back through, since each of them stops there.

    A target that is stopped at every interrupt does nothing else any more.
    """
    through = [sum(place in one.stack for one in calls) for place in call.stack]
    few = max(min(through), _FEW_CALLS)
    return next(place for place, number in zip(call.stack, through) if number <= few)


def _since(same: List[int], seq: int) -> int:
    """The lowest sequence number that the call may have in another run, of the numbers that calls like it have had.

    Of few, the last one: each that comes takes the place of the one before. Else what is nearer to it than to the one
    before it.
    """
    before = [one for one in same if one < seq]
    if not before or (seq == same[-1] and len(same) <= _FEW_CALLS):
        return 0
    return (before[-1] + seq + 1) // 2


def owner_writes(address: int, width: int, history: History) -> bool:
    """Whether bytes of a word belong to a live block: whoever writes there may write what is his."""
    return any(life.payload < address + width and address < life.payload + (life.size or 0) for life in history.live())


def owners_around(address: int, width: int, history: History) -> Tuple[Generation, ...]:
    """The newest owners of the word, and of the bytes on both its sides, in the order of their addresses."""
    places = (address, address - 1, address + width)
    found = {life[0].payload: life[0] for life in (history.holding(place, {}) for place in places) if life}
    lives = [found[payload] for payload in sorted(found)]
    return tuple(life for life in lives if not any(_took_over(later, life, width) for later in lives))


def _took_over(later: Generation, life: Generation, width: int) -> bool:
    """Whether a block was made of another's bytes, or has its header in them, after that one had been freed."""
    if life.freed_seq is None or later.seq is None or later.seq < life.freed_seq:
        return False
    return later.payload - width < life.payload + (life.size or 0) and life.payload < later.payload + (later.size or 0)
