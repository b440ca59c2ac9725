# SPDX-License-Identifier: Apache-2.0
"""Tells who owned an address, and when, by turning events into generations.

Approach: one pass over the events. An allocation opens a generation of its address, a free closes it, a reallocation
closes one and opens the next. A block that was allocated before the trace has a generation without an allocation.
Rejected: keeping live blocks only (the culprit of a use after free is never live).
Cost: a small object for each allocation and one dictionary entry for each address.
Assumptions: events are in order; some are missing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from gdbext.model.events import Event, Generation
from gdbext.model.record import replace
from gdbext.trace.format import INTERRUPT

_ROUNDING_BYTES = 16  # a block is taken to be at most this much larger than was requested
_LEAST_ALIGNMENT = 4  # every allocator rounds a size up to at least this many bytes
_OF_BLOCKS = ("alloc", "free", "realloc-begin")
SizeOf = Callable[[int], Optional[int]]  # the size of a used block in its heap, if one has this payload


class History:
    """The generations of each address, newest last.

    `lives` are known beside the events, oldest first for each address. `of_target` means that a target stopped after
    the last event: that event's call may be under way, and blocks are a little larger than was requested.
    """

    def __init__(self, events: Iterable[Event] = (), lives: Iterable[Generation] = (), of_target: bool = True) -> None:
        self._by_payload: Dict[int, List[Generation]] = {}
        self._double: List[Tuple[Event, Generation]] = []
        self._begun: Dict[int, Event] = {}
        for life in lives:
            self._by_payload.setdefault(life.payload, []).append(life)
        events = tuple(events)
        for event in events:
            if event.kind == "alloc":
                self._allocated(event, event.stack)
            elif event.kind in ("free", "realloc-begin"):
                self._freed(event)
            if event.kind == "realloc-begin":
                self._begun[event.seq] = event
            elif event.kind == "realloc-end":
                self._reallocated(event)
        # What interrupts have done, in order. Only our recorder tells what an interrupt was.
        self.of_interrupts = tuple(event for event in events if event.task == INTERRUPT and event.kind in _OF_BLOCKS)
        if of_target:
            self._mark_in_flight(events)
        self._payloads = sorted(self._by_payload)
        sizes = (life.size or 0 for life in self.lives())
        self._align = _LEAST_ALIGNMENT if of_target else 1
        self._largest = max(sizes, default=0) + _ROUNDING_BYTES  # no block of the trace is larger

    def _allocated(self, event: Event, stack: Tuple[int, ...]) -> None:
        """Opens a generation. It replaces the live table's entry if that is of the same allocation or newer."""
        lives = self._by_payload.setdefault(event.address, [])
        if lives and lives[-1].seq is not None and lives[-1].seq >= event.seq:
            lives.pop()
        address, heap, module = event.address, event.heap, event.module
        lives.append(Generation(address, event.size, event.task, event.seq, stack, heap=heap, module=module))

    def _freed(self, event: Event) -> None:
        lives = self._by_payload.setdefault(event.address, [])
        if lives and lives[-1].seq is not None and lives[-1].seq > event.seq:
            # A free older than the live table's entry closes the generation before that entry.
            older = Generation(event.address, None, None, None, (), event.seq, event.task, event.stack)
            lives.insert(len(lives) - 1, older)
            return
        if not lives or lives[-1].is_freed:
            if lives:
                self._double.append((event, lives[-1]))
            lives.append(Generation(event.address, None, None, None, ()))
        lives[-1] = replace(lives[-1], freed_seq=event.seq, freed_task=event.task, freed=event.stack)

    def _reallocated(self, event: Event) -> None:
        begin = self._begun.pop(event.link, None) if event.link is not None else None
        if event.address:
            self._allocated(event, event.stack if begin is None else begin.stack)
        elif begin is not None:  # it failed: the old block is still live
            lives = self._by_payload[begin.address]
            if lives[-1].freed_seq == begin.seq:
                lives[-1] = replace(lives[-1], freed_seq=None, freed_task=None, freed=None)

    def _mark_in_flight(self, events: Tuple[Event, ...]) -> None:
        """Marks the frees that may still be under way: their context recorded nothing after them but an assertion."""
        seen: Set[Tuple[int, int]] = set()
        asserted: Set[Tuple[int, int]] = set()
        for event in reversed(events):
            key = (event.context, event.core)
            if event.kind == "assert":
                asserted.add(key)
            if event.kind == "assert" or key in seen:
                continue
            seen.add(key)
            lives = self._by_payload.get(event.address, [])
            if event.kind in ("free", "realloc-begin") and lives and lives[-1].freed_seq == event.seq:
                lives[-1] = replace(lives[-1], in_flight=True, refused=key in asserted)

    def lives(self) -> Iterator[Generation]:
        """Returns the lives of all addresses, oldest first for each address."""
        return (life for lives in self._by_payload.values() for life in lives)

    def generations(self, payload: int) -> Tuple[Generation, ...]:
        """Returns all lives of one address, oldest first."""
        return tuple(self._by_payload.get(payload, ()))

    def newest(self, payload: int) -> Optional[Generation]:
        """Returns the newest life of one address."""
        lives = self._by_payload.get(payload)
        return lives[-1] if lives else None

    def holding(self, address: int, size_of: SizeOf = lambda payload: None) -> Tuple[Generation, ...]:
        """Returns every generation that held `address`, newest first."""
        found: List[Generation] = []
        position = bisect_right(self._payloads, address)
        while position and address - self._payloads[position - 1] <= self._largest:
            position -= 1
            payload = self._payloads[position]
            for life in self._by_payload[payload]:
                size = size_of(payload)
                if size is None or life.is_freed:
                    size = -(-(life.size or 0) // self._align) * self._align
                if payload <= address < payload + max(size, 1):
                    found.append(life)
        found.sort(key=lambda life: max(-1 if seq is None else seq for seq in (life.seq, life.freed_seq)), reverse=True)
        return tuple(found)

    def began_since(self, seq: Optional[int], places: range) -> bool:
        """Tells whether a block that begins in `places` was allocated after an event; False if nobody knows when."""
        first = bisect_left(self._payloads, places.start)
        last = bisect_left(self._payloads, places.stop)
        lives = (self._by_payload[payload][-1] for payload in self._payloads[first:last])
        return seq is not None and any(life.seq is not None and life.seq > seq for life in lives)

    def live(self) -> List[Generation]:
        """Returns every generation that has not been freed."""
        return [lives[-1] for lives in self._by_payload.values() if not lives[-1].is_freed]

    def reissued(self) -> List[Tuple[Generation, Generation]]:
        """Returns the last two lives of each address that was allocated twice without a free between."""
        ends = (lives[-2:] for lives in self._by_payload.values())
        return [(pair[0], pair[1]) for pair in ends if len(pair) > 1 and not (pair[0].is_freed or pair[1].is_freed)]

    def refused(self) -> List[Generation]:
        """Returns the lives whose free an assertion followed, with no other event of that context between."""
        return [lives[-1] for lives in self._by_payload.values() if lives[-1].refused]

    def double_frees(self) -> List[Tuple[Event, Generation]]:
        """Returns the frees of addresses that were already free, each with the generation that was freed before."""
        return self._double
