# SPDX-License-Identifier: Apache-2.0
"""Completes a half-typed argument.

GDB breaks words at `-` and some other characters, and puts the part before the break back itself. So a completion is
only the part of the whole word behind its last break.
"""

from __future__ import annotations

import re
from typing import List, Sequence, Union

from gdbext.commands.command import Command
from gdbext.heap.registry import KINDS

EXPRESSION, FILE = "expression", "file"  # what GDB itself completes
_BREAK = re.compile(r"[-@:,]")
_BY_GDB = {"ADDRESS": EXPRESSION, "START": EXPRESSION, "FILE": FILE}  # words of metavars


def complete(
    command: Command, text: str, heaps: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Union[List[str], str]:
    """Returns the completions of the last word, or EXPRESSION or FILE if these stand there.

    `heaps` and `tasks` are the names that are known.
    """
    words = text.split(" ")
    typed, before = words[-1], words[-2] if len(words) > 1 else ""
    options = [argument for argument in command.arguments if argument.name.startswith("--")]
    valued = [argument for argument in options if argument.settings.get("action") != "store_true"]
    awaited = [argument for argument in valued if argument.name == before]
    if not awaited and not typed.startswith("-"):
        awaited = [argument for argument in command.arguments if argument not in options]
    if not awaited:
        return _after_break([argument.name for argument in options], typed)
    argument = awaited[0]
    parts = re.findall(r"[\w-]+", argument.settings.get("metavar", ""))
    # The lower-case words of a metavar are values themselves: last-damage and off in ADDRESS|last-damage|off.
    values = [*argument.settings.get("choices", ()), *filter(str.islower, parts)]
    named = {"--heap": list(heaps) or [f"{kind}@" for kind in KINDS], "--task": list(tasks)}
    if argument.name in named and "dest" not in argument.settings:  # that of a report is a heap's name in a log
        return _after_break(named[argument.name], typed)
    return _after_break(values, typed) or next((_BY_GDB[part] for part in parts if part in _BY_GDB), [])


def _after_break(candidates: List[str], typed: str) -> List[str]:
    breaks = [found.end() for found in _BREAK.finditer(typed)]
    start = breaks[-1] if breaks else 0
    return [candidate[start:] for candidate in candidates if candidate.startswith(typed)]
