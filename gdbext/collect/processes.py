# SPDX-License-Identifier: Apache-2.0
"""Adds up what each process of a run has used, of which the report of one is made.

Cost: each further log is replayed once, without names.
"""

from __future__ import annotations

import shlex
from typing import List, Optional, Tuple

from gdbext.model.profile import FORKED, Process, Profile
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.report import ProcessUse
from gdbext.model.said import Trouble, said
from gdbext.source.files import FileError
from gdbext.target.log import GivenLog
from gdbext.trace.engine import replay_of
from gdbext.trace.opened import OURS, OpenedLog
from gdbext.trace.wish import Wish

_STARTS = {0: "exec", FORKED: "fork"}


def process_uses(log: GivenLog, profile: Profile) -> Tuple[Tuple[ProcessUse, ...], Tuple[Skipped, ...]]:
    """Returns the processes of a run as a tree from top to bottom, the first one being that of the profile, and which
    logs could not be read. Nothing if the log is of no process.
    """
    header = log.opened.header if log.opened.format == OURS else None
    if header is None or not header.process:
        return (), ()
    uses = [_use_of(log.opened, profile, header.process, profile.process, 0)]
    skipped: List[Skipped] = []
    for one in log.processes[1:]:
        try:
            uses.append(_use_of(one.log, _profile_of(one.log), one.number, one.told, one.depth))
        except Trouble as problem:
            skipped.append(Skipped("processes", said("of-file", file=one.log.path, why=problem.why)))
        except FileError as problem:
            skipped.append(Skipped("processes", str(problem)))
    return tuple(uses), tuple(skipped)


def _profile_of(log: OpenedLog) -> Profile:
    replay = replay_of(Wish())
    for piece in log.chunks():
        replay.feed(piece)
    return replay.finish()


def _use_of(log: OpenedLog, profile: Profile, number: int, told: Optional[Process], depth: int) -> ProcessUse:
    totals = profile.totals
    return ProcessUse(
        process=number,
        parent=None if told is None else told.parent,
        started_by=None if told is None else _STARTS.get(told.how),
        command=None if told is None else shlex.join(told.command.split("\0")),
        own_bytes=None if told is None else told.own_bytes,
        file=log.path,
        depth=depth,
        events=totals.events,
        allocations=totals.allocations,
        peak_bytes=totals.peak_bytes,
        live_bytes=totals.live_bytes,
        live_blocks=totals.live_blocks,
        inherited_frees=totals.older if told is not None and told.how == FORKED else 0,
    )
