# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace status`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said, Text


class HeapStatus(Record):
    """A heap that was found. `why` says how it was recognised, or why it was not."""

    kind: str
    layout: str
    address: int
    start: int
    end: int
    why: Text
    origin: Text  # what led to the heap
    name: Optional[str]


class RingStatus(Record):
    """The recorder's ring."""

    address: int
    capacity: int
    stacks_used: int
    stacks_size: int
    build_id: str
    pending: Optional[str]
    requests_obeyed: int
    run: int  # number of this start of the program; 0 if nobody counts them
    previous: Optional[int]  # address of the ring of the run before, which outlived the reset; None if none is kept
    before: Optional[Said]  # what that run left
    recorded: int  # events that got a number since the recorder was started
    last_seconds: Optional[float]  # when the last event was, by the target's clock; None if nothing tells
    fired: Tuple[str, ...]  # the allocator's entries that the recorder has seen to fire
    silent: Tuple[str, ...]  # those that it has never seen
    asserts: Optional[bool]  # whether the allocator has the hook that stops at its assertions; None if unknown


class StatusReport(Report):
    """The report of `memtrace status`: what was found, and, in `skipped`, what is missing and how to get it."""

    heaps: Tuple[HeapStatus, ...]
    ring: Optional[RingStatus]
    facts: Tuple[Text, ...]  # of the program and the debugger
