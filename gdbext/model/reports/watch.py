# SPDX-License-Identifier: Apache-2.0
"""The twin of `memtrace watch`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Life, Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report


class WatchedCall(Record):
    """The call of the allocator after which a word is watched."""

    kind: str  # "allocated" or "freed"
    payload: int
    size: Optional[int]
    seq: int  # in the run that was looked at
    count: Optional[int]  # which of the calls with this stack and size; None: not known
    stack: Stack


class WatchedWrite(Record):
    """The first write to a watched word that is not the allocator's."""

    before: Optional[int]
    after: Optional[int]
    stack: Stack
    thread: Optional[str]
    copiers: int = 0  # innermost calls that only write for who called them: memset, memcpy, ...


class WatchReport(Report):
    """The twin of `memtrace watch`: what is watched or waited for, and who has written."""

    state: str  # "off", "waiting" for the call, "watching" the word, "written"
    address: Optional[int]
    length: int
    call: Optional[WatchedCall]
    write: Optional[WatchedWrite]
    owners: Tuple[Life, ...]
    by_allocator: int  # writes of the allocator that were let pass
    by_owner: int  # writes of an owner into its own block that were let pass
