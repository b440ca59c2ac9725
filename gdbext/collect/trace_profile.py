# SPDX-License-Identifier: Apache-2.0
"""Adds up what is in the trace of a target's memory into a profile.

Approach: a trace becomes the events that a log of it would have, and is replayed event by event.
Rejected: sums of the trace's own (two ways to count would differ).
Cost: some 10 microseconds for each event.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Iterator, Optional

from gdbext.collect.collect import collect_trace
from gdbext.collect.profiles import LogNames, Profiled, check_marks, grouping_of, missing, wish_of
from gdbext.model.errors import UserError
from gdbext.model.reports.export import Move
from gdbext.model.reports.report import LogSource
from gdbext.target.target import Target
from gdbext.trace.moves import MoveReplay, moves_of
from gdbext.trace.replay import Replay
from gdbext.trace.trace_events import NoHeader, events_of


def traced(target: Target, options: Namespace, until: Optional[str] = None) -> Profiled:
    """Returns the profile of a target's trace."""
    found = collect_trace(target, options)
    if found.trace.info is None:
        raise UserError("no trace tells what was allocated: link the recorder, or give a log")
    events, told = events_of(found.trace)
    names = LogNames(told, {})
    grouping = grouping_of(options, names, target.program.frames)
    wish = wish_of(options, grouping, until)
    check_marks(wish, told.names)
    replay, header, info = Replay(wish, told), found.trace.header, found.trace.info
    imported = info.imported
    # What is lost came before the mark, if nothing else is lost than what was overwritten.
    whole_since = wish.since is not None and wish.since[0] == "mark" and info.lost == info.overwritten
    names.name_of = replay.name_of
    replay.begin(header or NoHeader())
    for event in events:
        replay.event(event)
    profile = replay.finish()
    source = LogSource(
        "ring" if imported is None else imported.source,
        None,
        None if header is None else header.build_id,
        found.trace.is_whole or whole_since or (imported is not None and not found.trace.problems),
        0,
    )
    found.skipped += [one for one in missing(profile) if not whole_since]
    hz = None if header is None else header.tick_hz or None

    def moves() -> Iterator[Move]:
        again = MoveReplay(wish, told)
        again.begin(header or NoHeader())
        return moves_of(again, events)

    return Profiled(profile, grouping, replay.live(), source, hz, found.closing(), moves=moves)
