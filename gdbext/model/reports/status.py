# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace status`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Text


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


class StatusReport(Report):
    """The report of `memtrace status`: what was found, and, in `skipped`, what is missing and how to get it."""

    heaps: Tuple[HeapStatus, ...]
    ring: Optional[RingStatus]
    facts: Tuple[Text, ...]  # of the program and the debugger
