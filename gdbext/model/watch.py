# SPDX-License-Identifier: Apache-2.0
"""A watch, as data: the word, the call after which it is watched, and the watch's state."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from gdbext.model.events import Event
from gdbext.model.record import Record


class WatchPlan(Record):
    """A word to watch, and the call after which only the allocator may write it. Without a call, the watch begins now.

    The call is found again by its stack and its size. The size of a free is 0.
    """

    address: int  # of the word, in the run that the plan was made from
    width: int  # of the word, in bytes
    offset: int = 0  # from the call's block to the word
    call: Optional[Event] = None
    count: Optional[int] = None  # 1 for the first of the calls with this stack and size; None if not known
    since: int = 0  # the lowest sequence number that the call may have, if its count is not known
    guarded: bool = True  # if true, writes of a block's owner into that block are ignored
    stop: Optional[int] = None  # the return address where the breakpoint waits for the call


class Watched(NamedTuple):
    """The state of a watch, and the write that ended it."""

    state: str = "off"  # "waiting", "watching", "written", or "changed" without a write of a core
    address: Optional[int] = None
    plan: Optional[WatchPlan] = None
    before: Optional[int] = None
    after: Optional[int] = None
    stack: Tuple[int, ...] = ()
    thread: Optional[str] = None
    by_allocator: int = 0
    by_owner: int = 0
