# SPDX-License-Identifier: Apache-2.0
"""The contract of a trace: events and owners of allocations, the same for every origin.

A reader (of the recorder's ring, of ESP-IDF's records) or an importer (of another tool's log) makes a Trace, and
nothing else in memtrace asks where it came from. Nothing is concluded from a trace that it cannot prove.
Rejected: a class for each origin (every command asked which one it had).
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import Mapping, Optional, Set, Tuple

from gdbext.model.events import Assertion, Event, Generation, HeapName, TraceInfo
from gdbext.model.record import Record, replace
from gdbext.model.said import Text
from gdbext.trace.format import Header
from gdbext.trace.history import History


class Trace(Record):
    """The events and owners of a trace, and what it can prove."""

    info: Optional[TraceInfo]  # counts of what it holds and lost; None if it has owners alone
    events: Tuple[Event, ...] = ()  # in order, if the trace gives an order
    lives: Tuple[Generation, ...] = ()  # known beside the events, such as blocks older than the first event
    marks: Tuple[Tuple[int, str], ...] = ()  # sequence number and name
    assertion: Optional[Assertion] = None  # the assertion that ended the trace
    lists_frees: bool = True  # whether frees are among the events; else only `lives` show them
    proves_live: bool = True  # whether a block that is live in the trace must be in the heap
    problems: Tuple[Text, ...] = ()  # what it cannot tell, and why
    own: Tuple[Tuple[int, int], ...] = ()  # memory of the trace itself; its addresses are no pointers
    owners: Mapping[int, str] = MappingProxyType({})  # task by payload, from ESP-IDF's task tracking
    heap_names: Mapping[int, HeapName] = MappingProxyType({})  # by the recorder's number of the heap
    header: Optional[Header] = None  # the ring's header, if our recorder made the trace
    modules: Tuple[Tuple[int, str, str], ...] = ()  # loaded files: distance from where they were linked, build-id, path
    read: Tuple[int, int] = (0, 0)  # bytes of a log, unpacked, and the pieces that they came in

    def stacks(self) -> Set[Tuple[int, ...]]:
        """Returns all different stacks."""
        found = {event.stack for event in self.events}
        for life in self.lives:
            found.update((life.allocated, life.freed or ()))
        return found

    @cached_property
    def history(self) -> History:
        """Who owned an address, and when. If the frees are not among the events, the lives alone make the history."""
        told = History(self.events if self.lists_frees else (), self.lives, self.header is not None)
        if not self.owners:
            return told
        lives = []
        for life in told.lives():
            newest = not life.is_freed and life == told.newest(life.payload)
            lives.append(replace(life, task=self.owners.get(life.payload)) if newest else life)
        for payload, task in self.owners.items():
            known = told.newest(payload)
            if known is None or known.is_freed:  # only `owners` has this block
                lives.append(Generation(payload, None, task, None, ()))
        return History(lives=lives)

    @property
    def is_past(self) -> bool:
        """Tells whether it is of the run before: no heap that is here now is one of its heaps."""
        return self.info is not None and self.info.past

    @property
    def is_whole(self) -> bool:
        """Tells whether it holds every event since the recorder began."""
        return self.header is not None and self.info is not None and self.info.lost == self.info.half_written == 0
