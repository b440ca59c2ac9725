# SPDX-License-Identifier: Apache-2.0
"""The filters of lists. They are spelled alike, and mean the same, for blocks and for events.

A range is MIN, MIN:MAX, MIN: or :MAX. It includes both ends.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Callable, Optional, Sequence, Tuple

from gdbext.model.errors import UserError
from gdbext.model.events import Stack
from gdbext.model.said import Said, said
from gdbext.report.printable import printable
from gdbext.target.target import Target

_FILTERS = ("kind", "size", "state", "address", "task", "role", "caller", "seq")
_MOST_TASKS = 16
Number = Callable[[str], int]
Bounds = Tuple[int, Optional[int]]  # the ends of a range; an open one is 0 or None


def parse_range(option: str, text: str, number: Number) -> Bounds:
    """Returns the two ends of a range. UserError if nothing can lie in it."""
    low, colon, high = text.partition(":")
    if not low and not high:
        raise UserError(f"{option} {text}: give MIN, MIN:MAX, MIN: or :MAX")
    first = number(low) if low else 0
    last = number(high) if high else None if colon else first
    if last is not None and last < first:
        raise UserError(f"{option} {text}: nothing lies in it: give the smaller end first")
    return first, last


def decimal(text: str) -> int:
    """Parses a number as users write it: 100, 0x40, 4k, 1M."""
    scale = {"k": 1 << 10, "K": 1 << 10, "M": 1 << 20}.get(text[-1:], 1)
    try:
        number = int(text[:-1] if scale > 1 else text, 0) * scale
    except ValueError:
        raise UserError(f"{text} is not a number: write 100, 0x40, 4k or 1M") from None
    if number < 0:
        raise UserError(f"{text} is below 0, which no size, count or sequence number is")
    return number


def within(value: int, bounds: Optional[Bounds]) -> bool:
    """Tells whether a value lies in a range, both ends included. True without a range."""
    return bounds is None or (bounds[0] <= value and (bounds[1] is None or value <= bounds[1]))


def where_asked(target: Target, options: Namespace) -> Optional[Bounds]:
    """Returns the range of --address, or None. Commands call it before they read heaps or trace."""
    text = options.address
    if text is not None and target.log is not None and not target.log.addressed:
        raise UserError(f"--address {text}: the log has no addresses of blocks")
    return None if text is None else parse_range("--address", text, target.bytes.address)


def why_empty(options: Namespace, entries: Said, tasks: Sequence[Optional[str]]) -> Tuple[Said, ...]:
    """Returns why filters leave nothing of the entries: the filters, and the tasks that are known if --task is none."""
    given = [(name, vars(options)[name]) for name in _FILTERS if vars(options).get(name) is not None]
    filters = tuple(f"--{name} {value if isinstance(value, str) else _range_words(value)}" for name, value in given)
    why = said("nothing-passes", entries=entries, filters=filters)
    if options.task is None or any(is_named(task, options.task) for task in tasks if task):
        return (why,)
    names = sorted({task for task in tasks if task})
    more = said("more-tasks", left=len(names) - _MOST_TASKS) if len(names) > _MOST_TASKS else ""
    unknown = said("no-such-task", task=options.task, known=tuple(names[:_MOST_TASKS]), more=more)
    return why, unknown if names else said("no-task-named")


def _range_words(bounds: Bounds) -> str:
    low, high = bounds
    return f"{low}" if low == high else f"{low}:{'' if high is None else high}"


def is_named(name: Optional[str], text: Optional[str]) -> bool:
    """Tells whether `text` is this name, either the real one or as reports print it. True without a text."""
    return text is None or name == text or (name is not None and printable(name) == text)


def called_by(stack: Stack, text: Optional[str]) -> bool:
    """Tells whether the function or the file of any frame contains the text. True without a text."""
    return text is None or any(text in (frame.function or "") or text in (frame.file or "") for frame in stack)


def limit_of(options: Namespace, default: int) -> Optional[int]:
    """Returns how many entries to list: from --all, --limit N, or the default. None means all; so does a limit of 0."""
    if options.all:
        return None
    return (default if options.limit is None else int(options.limit)) or None
