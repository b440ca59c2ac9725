# SPDX-License-Identifier: Apache-2.0
"""Chooses who replays a log: the engine in C, or the reference in Python where the engine was not built.

Approach: both have the same methods, so nobody else needs to know. The engine gives plain tuples, whose fields are in
the order of model/profile.py's; here they become values.
Cost: the engine takes some 20 nanoseconds for each event, the reference 10,000.
Assumptions: inside GDB the engine is mostly not there: its Python may be another one.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from gdbext.loading import load
from gdbext.model.profile import (
    Bucket,
    Live,
    Mark,
    Oddity,
    Owner,
    Past,
    Process,
    Profile,
    Totals,
    Use,
    Windows,
)
from gdbext.model.said import Trouble, said
from gdbext.trace.format import ZSTD, parse_header
from gdbext.trace.log import MOST_STREAMS, LogEvent
from gdbext.trace.log_pack import columns_of
from gdbext.trace.replay import MOST_ODDITIES, Moment, Replay, Stack, Wish

_MOST = (1 << 64) - 1
_ALL_KINDS = (1 << 32) - 1
_MOMENTS = {"mark": 1, "seq": 2, "time": 3}
_RUNS = {"last": 0, "all": 1}
_RUN_BY_NUMBER = 2
_NO_LOG, _TOO_SHORT, _MANY_STREAMS = 2, 3, 4  # enum engine_status


class EngineReplay:
    """A Replay in C."""

    def __init__(self, wish: Wish) -> None:
        kept = wish.tail_filter
        self._replay = load("_engine", "Replay")(
            _moment(wish.since),
            _moment(wish.until),
            (_bounded(wish.least), _bounded(wish.most)),
            (_RUN_BY_NUMBER, wish.run) if isinstance(wish.run, int) else (_RUNS[wish.run], 0),
            (wish.track is not None, wish.track or 0),
            (
                wish.tail,
                _ALL_KINDS if kept.kinds is None else sum(1 << kind for kind in kept.kinds),
                *map(_bounded, (kept.least, kept.most, kept.low, kept.high, kept.first, kept.last)),
            ),
            int.from_bytes(os.urandom(8), "little"),
            _with_owner(wish.group),
            _with_owner(kept.owner),
            lambda packed, size: columns_of(packed, ZSTD, size),
        )

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of a log, cut anywhere. Raises Trouble if it is none."""
        self._see(self._replay.feed(data))

    def finish(self) -> Profile:
        """Returns the profile, when the log is at its end."""
        self._see(self._replay.finish())
        return _profile(self._replay.profile())

    def so_far(self) -> Profile:
        """Returns the profile of what has been taken, without the events of streams that wait for others."""
        self._see(self._replay.pause())
        return _profile(self._replay.profile())

    def name_of(self, number: int) -> Optional[Tuple[int, str]]:
        """Returns what a number of an owner's context or tag means, with its kind, also while `group` is asked."""
        found: Optional[Tuple[int, str]] = self._replay.name_of(number)
        return found

    def _see(self, status: int) -> None:
        """Raises what the reference raises."""
        if status == _NO_LOG:
            header = parse_header(self._replay.header())
            raise Trouble(said("no-log") if not header.is_log else said("header-short"))
        if status == _TOO_SHORT:
            raise Trouble(said("header-short"))
        if status == _MANY_STREAMS:
            raise Trouble(said("streams-many", most=MOST_STREAMS))

    def live(self) -> List[Live]:
        """Returns the blocks and ranges that are live at the end and count, by address."""
        return [Live(*fields) for fields in sorted(self._replay.live(), key=lambda fields: (fields[0], fields[-1]))]

    def past(self) -> List[Past]:
        """Returns the lives of the address that was followed, newest first."""
        return [Past(*(*fields[:-1], _owner(fields[-1]))) for fields in self._replay.past()]

    def tail(self) -> List[LogEvent]:
        """Returns the last events that pass the filter, oldest first."""
        return [LogEvent(*fields) for fields in self._replay.tail()]

    @property
    def memory(self) -> Tuple[int, int]:
        """The bytes that the engine has allocated, and the most there ever were."""
        used, most = self._replay.memory()
        return used, most


AnyReplay = Union[Replay, EngineReplay]


def replay_of(wish: Wish) -> AnyReplay:
    """Returns a replay of a log."""
    try:
        return EngineReplay(wish)
    except ImportError:
        return Replay(wish)


def _bounded(number: Optional[int]) -> int:
    return _MOST if number is None else max(0, min(number, _MOST))


def _moment(moment: Optional[Moment]) -> Tuple[int, int, bytes]:
    if moment is None:
        return 0, 0, b""
    kind, value = moment
    if isinstance(value, str):
        return _MOMENTS[kind], 0, value.encode("utf-8", "surrogateescape")
    return _MOMENTS[kind], _bounded(value), b""


def _with_owner(asked: Optional[Callable[[Owner, Stack], Any]]) -> Optional[Callable[[Tuple[int, ...], Stack], Any]]:
    """Returns a function that takes an owner's fields for one that takes an owner."""
    return None if asked is None else lambda fields, stack: asked(Owner(*fields), stack)


def _owner(fields: Sequence[int]) -> Optional[Owner]:
    return Owner(*fields) if fields else None


def _windows(found: Tuple[Any, Any]) -> Windows:
    ends, rows = found
    return Windows(tuple(Mark(*fields) for fields in ends), rows)


def _oddities(totals: Totals, found: Sequence[Tuple[Any, ...]]) -> Tuple[Oddity, ...]:
    kept = [fields for fields in found if not ((totals.lost or totals.unread) and fields[0] == "unknown")][
        :MOST_ODDITIES
    ]
    return tuple(
        Oddity(kind, seq, address, Owner(*owner), None if block < 0 else block)
        for kind, seq, address, owner, block in kept
    )


def _profile(found: Dict[str, Any]) -> Profile:
    totals = Totals(*found["totals"])
    return Profile(
        totals=totals,
        owners=tuple(Owner(*fields) for fields in found["owners"]),
        uses=tuple(Use(*fields) for fields in found["uses"]),
        nodes=tuple(Use(*fields) for fields in found["nodes"]),
        stacks=dict(found["stacks"]),
        names=dict(found["names"]),
        heaps=dict(found["heaps"]),
        modules=tuple((base, build_id.hex(), path) for base, build_id, path in found["modules"]),
        marks=tuple(Mark(*fields) for fields in found["marks"]),
        marks_left=found["marks_left"],
        by_mark=_windows(found["by_mark"]),
        by_time=_windows(found["by_time"]),
        timeline=tuple(Bucket(*fields) for fields in found["timeline"]),
        counts=found["counts"],
        failure=found["failure"],
        oddities=_oddities(totals, found["oddities"]),
        runs=found["runs"],
        process=None if found["process"] is None else Process(*found["process"]),
    )
