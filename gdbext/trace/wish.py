# SPDX-License-Identifier: Apache-2.0
"""What a replay is asked for.

It stands apart from the replay, which only those load who have a log.
"""

from __future__ import annotations

from typing import Callable, FrozenSet, Optional, Sequence, Tuple, Union

from gdbext.model.profile import Owner
from gdbext.model.record import Record

Stack = Tuple[int, ...]  # PCs
Run = Union[str, int]  # "last", "all", or a number from 1 on
Moment = Tuple[str, Union[int, str]]  # ("mark", name), ("seq", number), ("time", units)
Group = Callable[[Owner, Stack], Optional[Sequence[int]]]


class TailFilter(Record):
    """Which events the tail keeps. `most`, `high` and `last` are the greatest that pass; None: no limit."""

    kinds: Optional[FrozenSet[int]] = None
    least: int = 0
    most: Optional[int] = None
    low: int = 0
    high: Optional[int] = None
    first: int = 0
    last: Optional[int] = None
    owner: Optional[Callable[[Owner, Stack], bool]] = None  # asked once for each owner of an event


class Wish(Record):
    """What a replay is asked for.

    `group` is called once for each new owner, with its stack as code addresses, innermost first. It returns the numbers
    of the nodes that the owner belongs to, each once. None leaves the owner out.
    """

    group: Optional[Group] = None
    since: Optional[Moment] = None
    until: Optional[Moment] = None
    least: int = 0
    most: Optional[int] = None
    run: Run = "last"
    track: Optional[int] = None  # an address whose history is wanted
    tail: int = 0  # how many of the last events to keep
    tail_filter: TailFilter = TailFilter()
