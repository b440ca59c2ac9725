# SPDX-License-Identifier: Apache-2.0
"""memtrace diff: Say what grew between two logs or cores, or between two marks of one, path by path."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import NamedTuple, Optional

from gdbext.analyse.profile.differences import changes
from gdbext.analyse.profile.usage import totals_of
from gdbext.collect.profiled import profiled
from gdbext.collect.profiles import Profiled
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import limit_of
from gdbext.commands.profile_arguments import COMMON
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.record import replace
from gdbext.model.reports.base import Cost
from gdbext.model.reports.diff import DiffPoint, DiffReport
from gdbext.model.said import said
from gdbext.report.text.diff import diff_lines
from gdbext.target.target import Target

_OLDER = Argument(
    "older",
    "the log or core to compare with, which comes first; without it: two marks of one",
    {"metavar": "OLDER", "nargs": "?"},
)
_FROM = Argument("--from", "compare with this mark", {"metavar": "MARK", "dest": "from_mark"})
_TO = Argument("--to", "what was live at this mark. Without it: at the end", {"metavar": "MARK", "dest": "to_mark"})
_OLDER_ELF = Argument("--older-elf", "the program of OLDER, if it is another release", {"metavar": "FILE"})


class Compared(NamedTuple):
    """Two profiles, the older one first."""

    before: Profiled
    after: Profiled


def collect_both(target: Target, options: Namespace) -> Compared:
    """Replays both."""
    options.limit = limit_of(options, target.settings.limit) or 0
    if options.older is None and options.from_mark is None:
        raise UserError("compare with what? give two logs, OLDER first, or --from MARK")
    older = target
    if options.older is not None:
        if not os.path.exists(options.older):
            raise UserError(f"{options.older}: No such file or directory")
        elf = options.older_elf or getattr(options, "elf", None)
        wanted = load("target.files", "wanted_by")(options)._replace(build=None)
        older = load("target.files", "file_target")(options.older, [], elf, [], wanted=wanted)
    return Compared(profiled(older, options, options.from_mark), profiled(target, options, options.to_mark))


def analyse(compared: Compared, options: Namespace) -> DiffReport:
    """Makes the report."""
    before, after = compared
    sites, vanished = changes(before.profile, before.grouping, after.profile, after.grouping)
    if "live_blocks" in before.untold | after.untold:
        sites, vanished = (tuple(replace(one, blocks_change=None) for one in some) for some in (sites, vanished))
    info, skipped, cost, build_id = after.closing
    spent = before.closing[2]
    whole = Cost(cost.bytes + spent.bytes, cost.reads + spent.reads, cost.seconds + spent.seconds, cost.interrupted)
    told = tuple(dict.fromkeys((*before.closing[1], *skipped)))
    return DiffReport(
        info, told, whole, build_id, _point(before, options.from_mark), _point(after, options.to_mark), sites, vanished,
        options.limit, () if sites or vanished else (said("diff-same"),),
    )  # fmt: skip


def _point(found: Profiled, mark: Optional[str]) -> DiffPoint:
    totals, source = totals_of(found.profile, found.untold), found.source
    return DiffPoint(source.file, mark, source.build_id, totals.live_bytes, totals.live_blocks, totals.peak_bytes)


COMMAND = Command(
    __name__, __doc__, (_OLDER, _FROM, _TO, _OLDER_ELF, *COMMON), collect_both, analyse, diff_lines, DiffReport
)
