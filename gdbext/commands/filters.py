# SPDX-License-Identifier: Apache-2.0
"""The filters of lists. They are spelled alike, and mean the same, for blocks and for events.

A range is MIN, MIN:MAX, MIN: or :MAX. It includes both ends.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Callable, Optional, Tuple

from gdbext.model.errors import UserError
from gdbext.model.events import Stack
from gdbext.report.printable import printable

Number = Callable[[str], int]


def parse_range(option: str, text: Optional[str], number: Number) -> Tuple[int, Optional[int]]:
    """Returns the two ends of a range. An end that is open is 0 or None; without a text both are."""
    if text is None:
        return 0, None
    low, colon, high = text.partition(":")
    if not low and not high:
        raise UserError(f"{option} {text}: give MIN, MIN:MAX, MIN: or :MAX")
    first = number(low) if low else 0
    return first, (number(high) if high else None if colon else first)


def decimal(text: str) -> int:
    """Parses a number as users write it: 100, 0x40, 4k, 1M."""
    scale = {"k": 1 << 10, "K": 1 << 10, "M": 1 << 20}.get(text[-1:], 1)
    try:
        return int(text[:-1] if scale > 1 else text, 0) * scale
    except ValueError:
        raise UserError(f"{text} is not a number: write 100, 0x40, 4k or 1M") from None


def within(value: int, bounds: Tuple[int, Optional[int]]) -> bool:
    """Tells whether a value lies in a range, both ends included."""
    return bounds[0] <= value and (bounds[1] is None or value <= bounds[1])


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
    limit = decimal(options.limit) if options.limit is not None else default
    return limit or None
