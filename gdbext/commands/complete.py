# SPDX-License-Identifier: Apache-2.0
"""What a half-typed argument may become.

GDB breaks words at `-` and other characters, and puts back what stood before the break: so a completion is the part of
the whole word behind the last break.
"""

from __future__ import annotations

import re
from typing import List, Optional, Sequence

from gdbext.commands.table import Argument, Command
from gdbext.heap.registry import KINDS

_BREAK = re.compile(r"[-@:,]")


def complete(command: Command, text: str, heaps: Sequence[str] = (), tasks: Sequence[str] = ()) -> Optional[List[str]]:
    """The completions of the last word, with the heaps and tasks that are known; None where an expression may stand."""
    words = text.split(" ")
    typed, before = words[-1], words[-2] if len(words) > 1 else ""
    options = [argument for argument in command.arguments if argument.name.startswith("--")]
    value_of = next((argument for argument in options if argument.name == before), None)
    if value_of is not None and value_of.settings.get("action") != "store_true":
        return _after_break(_values(value_of, heaps, tasks), typed)
    if typed.startswith("-"):
        visible = [argument.name for argument in options if argument.name != "--request"]
        return _after_break(visible, typed)
    return _after_break(_words(command), typed) or None if typed else None


def _words(command: Command) -> List[str]:
    """What may stand for a value, word by word: the small ones of a metavar such as ADDRESS|last-damage|off."""
    spelled = (argument.settings.get("metavar", "") for argument in command.arguments if argument.name[:2] != "--")
    return [word for text in spelled for word in text.split("|") if word.islower()]


def _values(argument: Argument, heaps: Sequence[str], tasks: Sequence[str]) -> List[str]:
    if argument.name == "--heap":
        return list(heaps) or [f"{kind}@" for kind in KINDS]
    if argument.name == "--task":
        return list(tasks)
    return list(argument.settings.get("choices", ()))


def _after_break(candidates: List[str], typed: str) -> List[str]:
    breaks = [found.end() for found in _BREAK.finditer(typed)]
    start = breaks[-1] if breaks else 0
    return [candidate[start:] for candidate in candidates if candidate.startswith(typed)]
