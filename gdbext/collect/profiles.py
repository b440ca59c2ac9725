# SPDX-License-Identifier: Apache-2.0
"""Replays what was recorded into a profile: a log, or the trace of a target.

Approach: a trace of a target becomes the events that a log of it would have, and is replayed event by event.
Rejected: sums of the trace's own (two ways to count would differ).
Cost: some 10 microseconds for each event of a trace.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Callable, Iterable, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from gdbext.analyse.profile.grouping import Grouping, Wanted
from gdbext.analyse.profile.sites import place_named
from gdbext.collect.collect import collect_trace
from gdbext.model.errors import UserError
from gdbext.model.events import Stack, TraceInfo
from gdbext.model.profile import Live, Profile
from gdbext.model.reports.base import Cost, Skipped
from gdbext.model.reports.report import LogSource
from gdbext.model.said import said
from gdbext.target.target import Target
from gdbext.trace.log_definitions import NAME_CONTEXT, NAME_MARK, NAME_TAG
from gdbext.trace.replay import Moment, Replay, Wish
from gdbext.trace.trace_events import NoHeader, events_of

_MOST_OF_LOG = 1 << 22  # events
_FIXED = {0: "(start-up)", 1: "(interrupt)", 2: "(unnamed task)"}


class Profiled(NamedTuple):
    """What was recorded, added up, with its names."""

    profile: Profile
    grouping: Grouping
    live: Optional[Sequence[Live]]  # None: too many to be looked at
    source: LogSource
    hz: Optional[int]  # units of time a second
    closing: Tuple[Optional[TraceInfo], Tuple[Skipped, ...], Cost, Optional[str]]  # the fields of every report


class _Defined(Protocol):
    """What a log or a trace defines."""

    @property
    def names(self) -> Mapping[int, Tuple[int, str]]:
        """The names of contexts, marks and tags, with their kinds."""

    @property
    def heaps(self) -> Mapping[int, Tuple[str, int, int]]:
        """The names of heaps."""


class LogNames:
    """What a log or a trace calls its numbers."""

    def __init__(self, defined: _Defined, library: Callable[[int], Optional[str]] = lambda pc: None) -> None:
        self._defined, self.library = defined, library

    def task(self, context: int) -> Optional[str]:
        """Returns a context's name. The fixed ones have theirs where the log knows contexts at all."""
        names = self._defined.names
        kind, name = names.get(context, (0, ""))
        if kind == NAME_CONTEXT:
            return name
        return _FIXED.get(context) if any(one == NAME_CONTEXT for one, _ in names.values()) else None

    def module(self, tag: int) -> Optional[str]:
        """Returns a tag's name."""
        kind, name = self._defined.names.get(tag, (0, ""))
        return name if tag and kind == NAME_TAG else None

    def heap(self, number: int) -> Optional[str]:
        """Returns a heap's name."""
        return self._defined.heaps.get(number, ("", 0, 0))[0] or None


def moment_named(text: str) -> Moment:
    """Returns the moment that --since or --until name: a mark, seq:N or time:N."""
    kind, colon, number = text.partition(":")
    if colon and kind in ("seq", "time"):
        try:
            return kind, int(number, 0)
        except ValueError:
            raise UserError(f"{text}: give a number, as in {kind}:1000, or the name of a mark") from None
    return "mark", text


def wish_of(options: Namespace, grouping: Grouping, until: Optional[str] = None) -> Wish:
    """Returns what the options ask of a replay. `until` is a mark that goes before theirs."""
    at = until or getattr(options, "at", None)
    if at is not None and getattr(options, "until", None) is not None:
        raise UserError("--at and --until both say where to end: give one of them")
    last = at if at is not None else getattr(options, "until", None)
    first = getattr(options, "since", None)
    least, most = getattr(options, "size", None) or (0, None)
    return Wish(
        group=grouping,
        since=None if first is None else moment_named(first),
        until=None if last is None else moment_named(last) if at is None else ("mark", last),
        least=least,
        most=most,
        run=getattr(options, "run", "last"),
    )


def grouping_of(options: Namespace, names: LogNames, frames: Callable[[Tuple[int, ...]], Stack]) -> Grouping:
    """Returns the grouping that the options ask for."""
    asked = vars(options)
    wanted = Wanted(*(asked.get(name) for name in ("func", "file", "task", "module", "in_heap")))
    return Grouping(names, frames, [place_named(text) for text in asked.get("skip") or ()], wanted)


def missing(profile: Profile) -> Iterable[Skipped]:
    """Yields what the profile cannot tell."""
    totals = profile.totals
    if totals.lost:
        yield Skipped("events", said("profile-lost", lost=totals.lost))
    if totals.older:
        yield Skipped("events", said("profile-older", older=totals.older))


def check_marks(wish: Wish, names: Mapping[int, Tuple[int, str]]) -> None:
    """Raises UserError if a moment is a mark that was not recorded."""
    known = [name for kind, name in names.values() if kind == NAME_MARK]
    for moment in (wish.since, wish.until):
        if moment is not None and moment[0] == "mark" and moment[1] not in known:
            raise UserError(f"no mark {moment[1]} was recorded; there are: {', '.join(known) or 'none'}")


def traced(target: Target, options: Namespace, until: Optional[str] = None) -> Profiled:
    """Returns the profile of a target's trace."""
    found = collect_trace(target, options, None if target.log is None else Wish(tail=_MOST_OF_LOG))
    if found.trace.info is None:
        raise UserError("no trace tells what was allocated: link the recorder, or give a log")
    events, told = events_of(found.trace)
    grouping = grouping_of(options, LogNames(told), target.program.frames)
    wish = wish_of(options, grouping, until)
    check_marks(wish, told.names)
    replay, header, info = Replay(wish, told), found.trace.header, found.trace.info
    imported = info.imported
    # What is lost came before the mark, if nothing else is lost than what was overwritten.
    whole_since = wish.since is not None and wish.since[0] == "mark" and info.lost == info.overwritten
    replay.begin(header or NoHeader())
    for event in events:
        replay.event(event)
    profile = replay.finish()
    source = LogSource(
        "ring" if imported is None else imported.source,
        None,
        None if header is None else header.build_id,
        found.trace.is_whole or whole_since or (imported is not None and not found.trace.problems),
        0 if info.log is None else info.log.unread,
    )
    found.skipped += [one for one in missing(profile) if not whole_since]
    hz = None if header is None else header.tick_hz or None
    return Profiled(profile, grouping, replay.live(), source, hz, found.closing())


def profiled(target: Target, options: Namespace, until: Optional[str] = None) -> Profiled:
    """Returns the profile of a target's log, else of its trace. `until` is the name of a mark at which it ends."""
    return traced(target, options, until)
