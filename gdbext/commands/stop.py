# SPDX-License-Identifier: Apache-2.0
"""memtrace stop: Ask the recorder to pause. Writes to the target."""

from __future__ import annotations

from functools import partial

from gdbext.collect.requests import answer, ask, status_of
from gdbext.commands.arguments import PID, RSP, TRACE
from gdbext.commands.command import Command
from gdbext.model.reports.control import ControlReport
from gdbext.report.text.control import control_lines

COMMAND = Command(
    __name__,
    __doc__,
    (*TRACE, RSP, PID),
    partial(ask, "stop"),
    answer,
    control_lines,
    ControlReport,
    status_of,
    writes=True,
)
