# SPDX-License-Identifier: Apache-2.0
"""Fits a report to a terminal: wraps its lines and colours them. Words carry the meaning; colour only repeats it."""

from __future__ import annotations

import re
import shutil
from typing import Optional, TextIO

from gdbext.report.wrap import wrapped

_RED, _YELLOW, _GREEN, _FAINT, _END = "\x1b[1;31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
_BOLD = "\x1b[1m"

# Of one line of a report, which may be wrapped.
_STYLES = (
    (re.compile(r"\bDAMAGED?\b:?\s+\d*|\bdamaged\Z|\Amemtrace:\s+(?:heap\s+assertion|fault).*", re.DOTALL), _RED),
    (re.compile(r"\Awho(?:\s+\(likely\))?:.*", re.DOTALL), _YELLOW),
    (re.compile(r"\bBEING\s+FREED\b|\bFREED\b"), _YELLOW),
    # Of lists and dumps: the state of a block, the kind of a row.
    (re.compile(r"\A +0x[0-9a-f]+ +[\d,]+ +[\d,-]+  used\b|\Ablock 0x[0-9a-f]+, .* used\b"), _BOLD),
    (re.compile(r"\A +0x[0-9a-f]+ +[\d,]+ +[\d,-]+  free\b.*|\Ablock 0x[0-9a-f]+, .* free\b", re.DOTALL), _GREEN),
    (re.compile(r"\A  0x[0-9a-f]+  .*  (?:header|guard|owner)\b.*", re.DOTALL), _YELLOW),
    (re.compile(r"\A  0x[0-9a-f]+  .*  (?:link|fill)\b.*", re.DOTALL), _FAINT),
    (re.compile(r"\bclean\Z|\bnext:\s.*", re.DOTALL), _GREEN),
    (re.compile(r"\Anot\s+checked:\s.*", re.DOTALL), _FAINT),
)


def for_terminal(text: str, width: Optional[int], colours: bool) -> str:
    """Returns a text for a terminal of so many columns. A width of None wraps nothing."""
    lines = text.split("\n") if width is None else (wrapped(line, width) for line in text.split("\n"))
    return "\n".join(_coloured(line) if colours else line for line in lines)


def fitted(text: str, stream: Optional[TextIO]) -> str:
    """Returns a text for a stream of the shell: wrapped if that is a terminal."""
    is_terminal = stream is not None and stream.isatty()
    return for_terminal(text, shutil.get_terminal_size().columns if is_terminal else None, colours=False)


def _coloured(line: str) -> str:
    for pattern, style in _STYLES:
        line = pattern.sub(lambda found, style=style: f"{style}{found[0]}{_END}", line)  # type: ignore[misc]
    return line
