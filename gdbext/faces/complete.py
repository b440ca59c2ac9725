# SPDX-License-Identifier: Apache-2.0
"""What a half-typed argument may become.

GDB breaks words at `-` and other characters, and puts back what stood before the break: so a completion is the part of
the whole word behind the last break.
"""

from __future__ import annotations

import re
from typing import List, Optional, Sequence

from gdbext.commands.command import Command
from gdbext.heap.registry import KINDS

_BREAK = re.compile(r"[-@:,]")


def complete(command: Command, text: str, heaps: Sequence[str] = (), tasks: Sequence[str] = ()) -> Optional[List[str]]:
    """The completions of the last word, with the heaps and tasks that are known; None where an expression may stand."""
    words = text.split(" ")
    typed, before = words[-1], words[-2] if len(words) > 1 else ""
    options = [argument for argument in command.arguments if argument.name.startswith("--")]
    value_of = next((argument for argument in options if argument.name == before), None)
    if value_of is not None and value_of.settings.get("action") != "store_true":
        named = {"--heap": list(heaps) or [f"{kind}@" for kind in KINDS], "--task": list(tasks)}
        return _after_break(named.get(value_of.name, list(value_of.settings.get("choices", ()))), typed)
    if typed.startswith("-"):
        return _after_break([argument.name for argument in options], typed)
    # What may stand for a value, word by word: the small ones of a metavar such as ADDRESS|last-damage|off.
    spelled = [argument.settings.get("metavar", "") for argument in command.arguments if argument not in options]
    values = [word for text in spelled for word in text.split("|") if word.islower()]
    return _after_break(values, typed) or None if typed else None


def _after_break(candidates: List[str], typed: str) -> List[str]:
    breaks = [found.end() for found in _BREAK.finditer(typed)]
    start = breaks[-1] if breaks else 0
    return [candidate[start:] for candidate in candidates if candidate.startswith(typed)]
