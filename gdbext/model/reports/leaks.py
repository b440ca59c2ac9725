# SPDX-License-Identifier: Apache-2.0
"""The twin of `heap-leaks`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Owner
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.reports.refs import Scanned, Unscanned


class Leak(Record):
    """A block that nobody points at, or that was not freed."""

    payload: int
    size: int
    requested: Optional[int]
    held_by: Optional[int]  # payload of another lost block that points at it
    owner: Optional[Owner]


class LeaksReport(Report):
    """The twin of `heap-leaks`: `blocks` are listed of `total`, largest first; none where it was interrupted."""

    kind: str  # "unreachable", "not reached" where not all was scanned, or "not freed"
    since: Optional[str]  # a mark
    blocks: Tuple[Leak, ...]
    total: Optional[int]  # None: interrupted
    bytes: Optional[int]
    complete: bool  # all was read that the list is concluded from
    scanned: Tuple[Scanned, ...]
    unscanned: Tuple[Unscanned, ...]
