# SPDX-License-Identifier: Apache-2.0
"""The filters of lists: one spelling and one meaning for blocks and events.

A range is MIN, MIN:MAX, MIN: or :MAX, both ends included; an address range leaves its end out.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Callable, Optional, Tuple

from gdbext.model.errors import UserError
from gdbext.model.events import Stack
from gdbext.report.printable import printable

Number = Callable[[str], int]


def parse_range(option: str, text: Optional[str], number: Number) -> Tuple[int, Optional[int]]:
    """The two ends of a range; without a text everything is inside."""
    if text is None:
        return 0, None
    low, colon, high = text.partition(":")
    if not low and not high:
        raise UserError(f"{option} {text}: give MIN, MIN:MAX, MIN: or :MAX")
    first = number(low) if low else 0
    return first, (number(high) if high else None if colon else first)


def decimal(text: str) -> int:
    """A number as the user writes it: 100, 0x40, 4k, 1M."""
    scale = {"k": 1 << 10, "K": 1 << 10, "M": 1 << 20}.get(text[-1:], 1)
    try:
        return int(text[:-1] if scale > 1 else text, 0) * scale
    except ValueError:
        raise UserError(f"{text} is not a number: write 100, 0x40, 4k or 1M") from None


def within(value: int, bounds: Tuple[int, Optional[int]]) -> bool:
    """Whether a value lies in a range."""
    return bounds[0] <= value and (bounds[1] is None or value <= bounds[1])


def is_named(name: Optional[str], text: Optional[str]) -> bool:
    """Whether a name is what the user asked for, as it is or as reports show it."""
    return text is None or name == text or (name is not None and printable(name) == text)


def called_by(stack: Stack, text: Optional[str]) -> bool:
    """Whether a frame's function or file contains the text."""
    return text is None or any(text in (frame.function or "") or text in (frame.file or "") for frame in stack)


def limit_of(options: Namespace, default: int) -> Optional[int]:
    """How many entries to list: --all, --limit N, or the setting; 0 means all."""
    if options.all:
        return None
    limit = decimal(options.limit) if options.limit is not None else default
    return limit or None
