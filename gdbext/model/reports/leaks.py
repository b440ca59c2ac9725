# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-leaks`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Owner
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.reports.refs import Scanned, Unscanned
from gdbext.model.said import Said


class Leak(Record):
    """A block that nothing points at, or that was not freed."""

    payload: Optional[int]  # None if the log has no addresses
    size: int
    requested: Optional[int]
    held_by: Optional[int]  # payload of another listed block that points at this one
    owner: Optional[Owner]
    buffer: Optional[int] = None  # number of the device's buffer that it is; its payload is no address then


class LeaksReport(Report):
    """The report of `heap-leaks`. `blocks` lists the largest of `total`; it is empty if Ctrl-C ended the reading."""

    kind: str  # "unreachable", "not freed", or "not reached" if some memory was not scanned
    since: Optional[str]  # name of the mark that the user gave
    blocks: Tuple[Leak, ...]
    total: Optional[int]  # None if Ctrl-C ended the reading
    bytes: Optional[int]
    complete: bool  # true if everything that the list depends on was read
    scanned: Tuple[Scanned, ...]
    unscanned: Tuple[Unscanned, ...]
    damaged: Tuple[int, ...]  # addresses of the heaps that heap-check calls damaged
    next: Optional[Said] = None  # the command that tells more
