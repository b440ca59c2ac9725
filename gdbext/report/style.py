# SPDX-License-Identifier: Apache-2.0
"""Colour for terminals. Words carry the meaning; colour only repeats it."""

from __future__ import annotations

import re

_RED, _YELLOW, _GREEN, _FAINT, _END = "\x1b[1;31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[0m"

_STYLES = (
    (re.compile(r"\bDAMAGE \d+|\bdamaged$|^memtrace: (?:heap assertion|fault).*", re.MULTILINE), _RED),
    (re.compile(r"\bBEING FREED\b|\bFREED\b", re.MULTILINE), _YELLOW),
    (re.compile(r"\bclean$|next: .*", re.MULTILINE), _GREEN),
    (re.compile(r"^not checked: .*", re.MULTILINE), _FAINT),
)


def coloured(text: str) -> str:
    """Adds terminal colours to a text."""
    for pattern, style in _STYLES:
        text = pattern.sub(lambda found, style=style: f"{style}{found[0]}{_END}", text)  # type: ignore[misc]
    return text
