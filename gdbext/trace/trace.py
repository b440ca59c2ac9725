# SPDX-License-Identifier: Apache-2.0
"""The contract of a trace: what is known of allocations, wherever that comes from.

A reader (of the recorder's ring, of ESP-IDF's records) or an importer (of another tool's log) makes a Trace, and
nothing else in memtrace asks where it came from. What a trace cannot prove is never concluded from it.
Rejected: a class for each origin (every command asked which one it had).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Optional, Tuple

from gdbext.model import Assertion, Event, Generation, TraceInfo
from gdbext.trace.format import Header
from gdbext.trace.history import History


@dataclass(frozen=True)
class Trace:
    """Everything that a trace says, and what it can prove."""

    info: TraceInfo
    events: Tuple[Event, ...] = ()  # in order, as far as the trace tells one
    lives: Tuple[Generation, ...] = ()  # what is known besides: blocks that live since before the first event
    marks: Tuple[Tuple[int, str], ...] = ()  # sequence number and name
    assertion: Optional[Assertion] = None  # that ended it
    lists_frees: bool = True  # its frees are among its events
    proves_live: bool = True  # a block that it has as live must be there
    problems: Tuple[str, ...] = ()  # what it cannot say, and why
    own: Tuple[Tuple[int, int], ...] = ()  # memory that it lies in: full of addresses that nobody uses as pointers
    header: Optional[Header] = None  # of a trace of our recorder: what that says of itself

    @cached_property
    def history(self) -> History:
        """Who owned an address, and when. Events that lack the frees say nothing that the lives do not."""
        return History(self.events if self.lists_frees else (), self.lives)

    @property
    def is_whole(self) -> bool:
        """Whether it lacks nothing that has happened since it began."""
        return self.header is not None and self.info.lost == self.info.half_written == 0
