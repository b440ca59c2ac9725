# SPDX-License-Identifier: Apache-2.0
"""The data of `malloc-log`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class LogEntry(Record):
    """One event of the trace."""

    seq: int
    kind: str
    payload: Optional[int]  # None if the log has no addresses
    size: int
    task: Optional[str]
    core: int
    time: Optional[int]
    stack: Stack
    module: Optional[str] = None  # the user's named part whose code ran
    heap: Optional[str] = None  # name that the program gave to the heap
    buffer: Optional[int] = None  # number of the device's buffer that it is about; its payload is no address then


class LogReport(Report):
    """The report of `malloc-log`: the newest events that pass the filters, oldest first. `matching` counts all; None:
    of a log, with filters, and there are more than are listed.
    """

    events: Tuple[LogEntry, ...]
    matching: Optional[int]
    empty: Tuple[Said, ...]  # if nothing is listed, why
