# SPDX-License-Identifier: Apache-2.0
"""Wraps the lines of a report at the width of a terminal. The indent, which carries the structure, is kept.

Approach: a line goes on below its own text: behind its label or its columns if they are narrow, else 4 columns deeper.
Parts between which there are 3 spaces or more (a stack and its task, a theory and its evidence) are kept whole if they
fit in a line. What is wider than a line is cut.
Rejected: textwrap (it knows neither parts nor characters that are two columns wide); leaving it to the terminal (what
goes on at column 0 looks like a new heap).
"""

from __future__ import annotations

import re
from typing import Iterator
from unicodedata import combining, east_asian_width

_NARROWEST = 20
_DEEPEST = 40  # the deepest column at which a line goes on
_STEP = 4
_COLUMN = re.compile(r"(?<=\S) {2,}(?=\S)")
_PART = re.compile(r"( *)(\S+(?: {1,2}\S+)*)")
_WORD = re.compile(r"( *)(\S+)")
_NUMBER = re.compile(r"\d+\. ")


def wrapped(line: str, width: int) -> str:
    """Returns a line as several lines of at most `width` columns, none of them below 20."""
    width = max(width, _NARROWEST)
    return line if _cells(line) <= width else "\n".join(_pieces(line, width))


def _pieces(line: str, width: int) -> Iterator[str]:
    hang = " " * _hang(line, width)
    now = ""
    for gap, part in _PART.findall(line):
        whole = _cells(now + gap + part) <= width or (len(now) > len(hang) and _cells(hang + part) <= width)
        for before, word in [(gap, part)] if whole else _WORD.findall(gap + part):
            if now.strip() and _cells(now + before + word) > width:
                yield now
                now, before = hang, ""
            now += before + word
            while _cells(now) > width:
                cut = next(end for end in range(width, 0, -1) if _cells(now[:end]) <= width)
                yield now[:cut]
                now = hang + now[cut:]
    yield now


def _hang(line: str, width: int) -> int:
    """Returns the column at which the next pieces of a line begin."""
    indent = len(line) - len(line.lstrip(" "))
    deepest = min(_DEEPEST, width // 2)
    columns = [found.end() for found in _COLUMN.finditer(line) if found.end() <= deepest - 2]
    text = columns[-1] if columns else indent
    number = _NUMBER.match(line, text)
    if number is not None:
        return min(number.end(), deepest)
    return min(text + 2 if columns else indent + _STEP, deepest)


def _cells(text: str) -> int:
    """Returns how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)
