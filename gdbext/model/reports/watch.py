# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace watch`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Life, Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class WatchedCall(Record):
    """The call of the allocator after which a word is watched."""

    kind: str  # "allocated" or "freed"
    payload: int
    size: Optional[int]
    seq: int  # in the run that was looked at
    count: Optional[int]  # 1 for the first of the calls with this stack and size; None if not known
    stack: Stack


class WatchedWrite(Record):
    """The first write to the watched word that the allocator did not make."""

    before: Optional[int]
    after: Optional[int]
    stack: Stack
    thread: Optional[str]
    copiers: int = 0  # number of innermost calls that write for their callers: memset, memcpy, ...


class WatchReport(Report):
    """The report of `memtrace watch`: the word that is watched or waited for, and who wrote to it."""

    state: str  # "off", "waiting" for the call, "watching" the word, "written", "changed": no core has written it
    address: Optional[int]
    length: int
    call: Optional[WatchedCall]
    write: Optional[WatchedWrite]
    owners: Tuple[Life, ...]
    by_allocator: int  # writes by the allocator, which were ignored
    by_owner: int  # writes by an owner into its own block, which were ignored
    next: Optional[Said] = None  # the command that tells more
