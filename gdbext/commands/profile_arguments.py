# SPDX-License-Identifier: Apache-2.0
"""The arguments of the commands that add up what was recorded: report, tree and diff."""

from __future__ import annotations

from gdbext.commands.arguments import ALL, LIMIT, PREVIOUS, RSP, SIZE, TASK, TRACE
from gdbext.commands.command import Argument

FILTERS = (
    Argument("--func", "only where a frame's function contains TEXT", {"metavar": "TEXT"}),
    Argument("--file", "only where a frame's file contains TEXT", {"metavar": "TEXT"}),
    TASK,
    Argument("--module", "only with this tag: the part of the program that it names", {"metavar": "NAME"}),
    SIZE,
    Argument("--heap", "of this heap only, by its name or number in the log", {"metavar": "NAME", "dest": "in_heap"}),
)
SKIP = Argument(
    "--skip",
    "pass over this function, file or line where a site is looked for, as over allocators and wrappers that are known; "
    "repeatable",
    {"action": "append", "default": [], "metavar": "FUNC|FILE:LINE|FILE"},
)
SPAN = (
    Argument("--since", "only what was allocated after this mark, or seq:N or time:N", {"metavar": "MARK"}),
    Argument("--until", "nothing behind this mark, or seq:N or time:N", {"metavar": "MARK"}),
    Argument("--at", "what is live at this mark: short for --until", {"metavar": "MARK"}),
    PREVIOUS,
)
COMMON = (*FILTERS, SKIP, *TRACE, RSP, LIMIT, ALL)
