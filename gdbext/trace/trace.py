# SPDX-License-Identifier: Apache-2.0
"""The contract of a trace: what is known of allocations, wherever that comes from.

A reader (of the recorder's ring, of ESP-IDF's records) or an importer (of another tool's log) makes a Trace, and
nothing else in memtrace asks where it came from. What a trace cannot prove is never concluded from it.
Rejected: a class for each origin (every command asked which one it had).
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import Mapping, Optional, Sequence, Tuple

from gdbext.model.events import Assertion, Event, Generation, TraceInfo
from gdbext.model.record import Record, replace
from gdbext.model.said import Said
from gdbext.trace.format import Header
from gdbext.trace.history import History


class Trace(Record):
    """Everything that a trace says, and what it can prove."""

    info: Optional[TraceInfo]  # what it holds and lost; None: it holds owners alone
    events: Tuple[Event, ...] = ()  # in order, as far as the trace tells one
    lives: Tuple[Generation, ...] = ()  # what is known besides: blocks that live since before the first event
    marks: Tuple[Tuple[int, str], ...] = ()  # sequence number and name
    assertion: Optional[Assertion] = None  # that ended it
    lists_frees: bool = True  # its frees are among its events; else its lives alone tell of them
    proves_live: bool = True  # a block that it has as live must be there
    problems: Tuple[Said, ...] = ()  # what it cannot say, and why
    own: Tuple[Tuple[int, int], ...] = ()  # memory that it lies in: full of addresses that nobody uses as pointers
    owners: Mapping[int, str] = MappingProxyType({})  # tasks by the blocks that they own, as lists of theirs say
    header: Optional[Header] = None  # of a trace of our recorder: what that says of itself

    @cached_property
    def history(self) -> History:
        """Who owned an address, and when. Events that lack the frees tell less than the lives, which then say all."""
        told = History(self.events if self.lists_frees else (), self.lives, self.header is not None)
        if not self.owners:
            return told
        lives = []
        for life in told.lives():
            newest = not life.is_freed and life == told.newest(life.payload)
            lives.append(replace(life, task=self.owners.get(life.payload)) if newest else life)
        for payload, task in self.owners.items():
            known = told.newest(payload)
            if known is None or known.is_freed:  # only the owners tell of this block
                lives.append(Generation(payload, None, task, None, ()))
        return History(lives=lives)

    @property
    def is_whole(self) -> bool:
        """Whether it lacks nothing that has happened since it began."""
        return self.header is not None and self.info is not None and self.info.lost == self.info.half_written == 0


def with_owners(trace: Optional[Trace], owners: Mapping[int, str], own: Sequence[Tuple[int, int]]) -> Trace:
    """A trace, or none, with tasks' lists of the blocks that they own, and the memory that those lists lie in."""
    if trace is None:
        return Trace(None, owners=owners, own=tuple(own))
    return replace(trace, owners=owners, own=(*trace.own, *own))
