# SPDX-License-Identifier: Apache-2.0
"""memtrace frees-only: Ask the recorder to record frees but no new allocations. Writes to the target."""

from __future__ import annotations

from functools import partial

from gdbext.collect.requests import answer, ask_recorder
from gdbext.commands.arguments import RSP, TRACE
from gdbext.commands.command import Command
from gdbext.model.reports.control import ControlReport
from gdbext.report.text.control import control_lines

COMMAND = Command(
    __name__,
    __doc__,
    (*TRACE, RSP),
    partial(ask_recorder, "frees-only"),
    answer,
    control_lines,
    ControlReport,
    writes=True,
)
