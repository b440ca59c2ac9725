# SPDX-License-Identifier: Apache-2.0
"""A watch as data: the word, the call after which it is watched, and how far that has come."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from gdbext.model.events import Event
from gdbext.model.record import Record


class WatchPlan(Record):
    """A word, and the call that makes it the allocator's own. Without a call it is watched where it is, at once."""

    address: int  # where the word was
    width: int
    offset: int = 0  # from the call's block to the word
    call: Optional[Event] = None  # its size counts where it allocates
    count: Optional[int] = None  # which of the calls with this stack and size; None: not known
    since: int = 0  # no call with a lower sequence number is it
    guarded: bool = True  # writes of a block's owner into that block are not looked for
    stop: Optional[int] = None  # where the call comes back to


class Watched(NamedTuple):
    """How far a watch has come."""

    state: str = "off"  # "waiting", "watching" or "written"
    address: Optional[int] = None
    plan: Optional[WatchPlan] = None
    before: Optional[int] = None
    after: Optional[int] = None
    stack: Tuple[int, ...] = ()
    thread: Optional[str] = None
    by_allocator: int = 0
    by_owner: int = 0
