# SPDX-License-Identifier: Apache-2.0
"""What the profiles of logs and of traces share: what the options ask of a replay, and the names of its numbers."""

from __future__ import annotations

from argparse import Namespace
from typing import Callable, FrozenSet, Iterable, Iterator, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from gdbext.analyse.profile.grouping import Grouping, Names, Wanted
from gdbext.analyse.profile.sites import place_named
from gdbext.model.errors import UserError
from gdbext.model.events import Stack, TraceInfo
from gdbext.model.profile import FORKED, Live, Profile
from gdbext.model.reports.base import Cost, Skipped
from gdbext.model.reports.export import Mapping as Loaded
from gdbext.model.reports.export import Move
from gdbext.model.reports.report import LogSource, ProcessUse
from gdbext.model.said import said
from gdbext.trace.importers import WrongFree
from gdbext.trace.log_definitions import NAME_CONTEXT, NAME_MARK, NAME_TAG
from gdbext.trace.wish import Moment, Run, Wish


class Profiled(NamedTuple):
    """What was recorded, added up, with its names."""

    profile: Profile
    grouping: Grouping
    live: Optional[Sequence[Live]]  # None: too many to be looked at
    source: LogSource
    hz: Optional[int]  # units of time a second
    closing: Tuple[Optional[TraceInfo], Tuple[Skipped, ...], Cost, Optional[str]]  # the fields of every report
    untold: FrozenSet[str] = frozenset()  # totals that the log cannot tell
    wrong_frees: Sequence[WrongFree] = ()  # that the tool itself has found
    unit: str = ""  # of its times, where they are no parts of a second
    moves: Callable[[], Iterator[Move]] = lambda: iter(())  # births and ends of blocks, read once more
    mappings: Callable[[], Tuple[Loaded, ...]] = lambda: ()  # the code that was loaded
    processes: Tuple[ProcessUse, ...] = ()  # of a run, this log's first


class _HasHeaps(Protocol):
    """What a log or a trace defines."""

    @property
    def heaps(self) -> Mapping[int, Tuple[str, int, int]]:
        """The names of heaps."""


class LogNames:
    """What a log or a trace calls its numbers. `name_of` is the replay's, which is made later."""

    def __init__(
        self, defined: _HasHeaps, fixed: Mapping[int, str], library: Callable[[int], Optional[str]] = lambda pc: None
    ) -> None:
        self._defined, self._fixed, self.library = defined, fixed, library
        self.name_of: Callable[[int], Optional[Tuple[int, str]]] = lambda number: None

    def task(self, context: int) -> Optional[str]:
        """Returns a context's name, of which some are fixed."""
        kind, name = self.name_of(context) or (0, "")
        return name or None if kind == NAME_CONTEXT else self._fixed.get(context)

    def module(self, tag: int) -> Optional[str]:
        """Returns a tag's name."""
        kind, name = self.name_of(tag) or (0, "")
        return name or None if tag and kind == NAME_TAG else None

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


def wish_of(options: Namespace, grouping: Grouping, until: Optional[str] = None, run: Run = "last") -> Wish:
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
        run=run,
    )


def grouping_of(options: Namespace, names: Names, frames: Callable[[Tuple[int, ...]], Stack]) -> Grouping:
    """Returns the grouping that the options ask for."""
    asked = vars(options)
    wanted = Wanted(*(asked.get(name) for name in ("func", "file", "task", "module", "in_heap")))
    return Grouping(names, frames, [place_named(text) for text in asked.get("skip") or ()], wanted)


def missing(profile: Profile) -> Iterable[Skipped]:
    """Yields what the profile cannot tell."""
    totals = profile.totals
    if totals.lost:
        yield Skipped("events", said("profile-lost", lost=totals.lost))
    if totals.unread:
        yield Skipped("events", said("log-unread", records=totals.unread))
    is_forked = profile.process is not None and profile.process.how == FORKED
    restarts = totals.restarts - is_forked  # its log begins with one
    if restarts > 0:
        yield Skipped("live", said("profile-restarted", times=restarts))
    if totals.older:
        yield Skipped(
            "events",
            said("profile-inherited", older=totals.older) if is_forked else said("profile-older", older=totals.older),
        )


def check_marks(wish: Wish, names: Mapping[int, Tuple[int, str]]) -> None:
    """Raises UserError if a moment is a mark that was not recorded."""
    known = [name for kind, name in names.values() if kind == NAME_MARK]
    for moment in (wish.since, wish.until):
        if moment is not None and moment[0] == "mark" and moment[1] not in known:
            raise UserError(f"no mark {moment[1]} was recorded; there are: {', '.join(known) or 'none'}")
