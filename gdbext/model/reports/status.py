# SPDX-License-Identifier: Apache-2.0
"""The twin of `memtrace status`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Text


class HeapStatus(Record):
    """A heap that was found, or not recognised, and why."""

    kind: str
    layout: str
    address: int
    start: int
    end: int
    why: Text
    origin: Text  # what led to it
    name: Optional[str]


class RingStatus(Record):
    """The ring, if there is one."""

    address: int
    capacity: int
    stacks_used: int
    stacks_size: int
    build_id: str
    pending: Optional[str]
    requests_obeyed: int


class StatusReport(Report):
    """The twin of `memtrace status`: what was found, what is missing, and how to get it."""

    heaps: Tuple[HeapStatus, ...]
    ring: Optional[RingStatus]
    facts: Tuple[Text, ...]  # of the program and the debugger
