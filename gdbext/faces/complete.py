# SPDX-License-Identifier: Apache-2.0
"""Completes a half-typed argument.

GDB breaks words at `-` and some other characters, and puts the part before the break back itself. So a completion is
only the part of the whole word behind its last break.
"""

from __future__ import annotations

import re
from typing import List, Optional, Sequence

from gdbext.commands.command import Command
from gdbext.heap.registry import KINDS

_BREAK = re.compile(r"[-@:,]")


def complete(command: Command, text: str, heaps: Sequence[str] = (), tasks: Sequence[str] = ()) -> Optional[List[str]]:
    """Returns the completions of the last word. Returns None where an expression may stand.

    `heaps` and `tasks` are the names that are known.
    """
    words = text.split(" ")
    typed, before = words[-1], words[-2] if len(words) > 1 else ""
    options = [argument for argument in command.arguments if argument.name.startswith("--")]
    value_of = next((argument for argument in options if argument.name == before), None)
    if value_of is not None and value_of.settings.get("action") != "store_true":
        named = {"--heap": list(heaps) or [f"{kind}@" for kind in KINDS], "--task": list(tasks)}
        return _after_break(named.get(value_of.name, list(value_of.settings.get("choices", ()))), typed)
    if typed.startswith("-"):
        return _after_break([argument.name for argument in options], typed)
    # The lower-case words of a metavar are values themselves: last-damage and off in ADDRESS|last-damage|off.
    spelled = [argument.settings.get("metavar", "") for argument in command.arguments if argument not in options]
    values = [word for text in spelled for word in text.split("|") if word.islower()]
    return _after_break(values, typed) or None if typed else None


def _after_break(candidates: List[str], typed: str) -> List[str]:
    breaks = [found.end() for found in _BREAK.finditer(typed)]
    start = breaks[-1] if breaks else 0
    return [candidate[start:] for candidate in candidates if candidate.startswith(typed)]
