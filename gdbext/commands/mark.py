# SPDX-License-Identifier: Apache-2.0
"""memtrace mark: Ask the recorder to put a named mark into the ring. Writes to the target."""

from __future__ import annotations

from functools import partial

from gdbext.collect.requests import answer, ask, status_of
from gdbext.commands.arguments import PID, RSP, TRACE
from gdbext.commands.command import Argument, Command
from gdbext.model.reports.control import ControlReport
from gdbext.report.text.control import control_lines

_NAME = Argument("name", "the mark's name, at most 20 bytes", {"metavar": "NAME"})

COMMAND = Command(
    __name__,
    __doc__,
    (_NAME, *TRACE, RSP, PID),
    partial(ask, "mark"),
    answer,
    control_lines,
    ControlReport,
    status_of,
    writes=True,
)
