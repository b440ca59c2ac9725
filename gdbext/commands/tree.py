# SPDX-License-Identifier: Apache-2.0
"""heap-tree: Show directory > file > line with what each has used at most and still holds."""

from __future__ import annotations

from argparse import Namespace

from gdbext.analyse.profile.tree import tree_of
from gdbext.collect.profiled import profiled
from gdbext.collect.profiles import Profiled
from gdbext.commands.command import Command
from gdbext.commands.filters import limit_of
from gdbext.commands.profile_arguments import COMMON, SPAN
from gdbext.commands.report import why_nothing
from gdbext.model.reports.tree import TreeReport
from gdbext.report.text.tree import tree_lines
from gdbext.target.target import Target


def collect_profile(target: Target, options: Namespace) -> Profiled:
    """Replays the log or the trace."""
    options.limit = limit_of(options, target.settings.limit) or 0
    return profiled(target, options)


def analyse(found: Profiled, options: Namespace) -> TreeReport:
    """Makes the report."""
    tree = tree_of(found.profile, found.grouping, found.untold)
    return TreeReport(*found.closing, tree, options.limit, why_nothing(found, options))


COMMAND = Command(__name__, __doc__, (*COMMON, *SPAN), collect_profile, analyse, tree_lines, TreeReport)
