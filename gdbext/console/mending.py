# SPDX-License-Identifier: Apache-2.0
"""Puts lines together again that a terminal has broken in two, or that a line of another task has torn.

Approach: only lines whose shape is known, and that are not complete, wait for their other half; the next line is it if
both together make more whole values than they do apart, or if a line that says why is as wide as a terminal and the
next one begins nothing known.
Rejected: joining all lines that are as wide as the widest (a log has lines of any width).
Limits: a word that was broken where both halves make sense stays broken.
"""

from __future__ import annotations

import re
from typing import Iterator, Optional

from gdbext.model.console import Line

_VALUE = re.compile(r"(?<![0-9a-fA-F])(?:0x)?[0-9a-f]{8}(?![0-9a-fA-F])")
_DUMP = re.compile(
    r"^\s*(?:[A-Z][A-Z0-9]{1,7}(?:/FP)?\s*:\s*(?:0x|$)|PC +:|[AST]\d{1,2} +: +0x"
    r"|(?:0x)?[0-9a-f]{8}: +(?:0x)?[0-9a-f])"
    r"|[Bb]acktrace ?: ?0[xX]|(?:caller|freed by) 0x"
)
# How a line of a dump ends that goes on: in a part of a value, or in a name without one.
_BROKEN = re.compile(r"(?:[ :](?:0x?|0x[0-9a-f]{1,7}|[0-9a-f]{1,7})|\b[A-Z][A-Z0-9/]{0,8}\s*(?::\s*)?|[0-9a-f]:)$")
_MORE = re.compile(r"^[ 0-9a-fA-FxX:]*(?:\|?(?:<-?)?[A-Z]*)?\s*$")
_LIST = re.compile(r"[Bb]acktrace ?: ?0[xX]|(?:caller|freed by) 0x")
_REASON = re.compile(
    r"assert failed: |Guru Meditation|CORRUPT HEAP|\*\*\*ERROR|abort\(\) was|task_wdt: |ssertion|Failed to"
)
_KNOWN = re.compile(
    r"^\s*$|^[IWEDV] \(\d|^\[\d\d:|^--- |Core +\d|assert failed|Guru|Backtrace|^\s*[A-Z][A-Z0-9/]{1,8}\s*:"
    r"|abort\(\)|Rebooting|Stack memory|ELF file|rst:0x|^[0-9a-f]{8}: 0x|^\*\*\*"
)
_OTHERS = re.compile(r"(?<=.)[IWEDV] \(\d{1,10}\) [\w.:<>-]{1,32}:")
_WIDTHS = (80, 100, 120, 132)
_MOST_BETWEEN, _MOST_PARTS = 3, 64


class Mender:
    """Mends the lines of one console."""

    def __init__(self) -> None:
        self._half: Optional[Line] = None
        self._parts = self._between = 0

    def add(self, line: Line, width: int) -> Iterator[Line]:
        """Takes a line, as wide as it came, and yields what is whole."""
        half = self._half
        if half is not None:
            if self._parts < _MOST_PARTS and _belongs(half.text, line.text):
                self._parts += 1
                line, self._half = Line(half.number, half.text + line.text), None
            elif self._between < _MOST_BETWEEN and line.text[1:3] == " (":
                self._between += 1
                yield line
                return
            else:
                yield from self.finish()
        other = _OTHERS.search(line.text)
        if other is not None and _DUMP.search(line.text[: other.start()]):
            yield Line(line.number, line.text[other.start() :])
            line = Line(line.number, line.text[: other.start()])
        if _may_go_on(line.text, width):
            self._half = line
            return
        self._parts = self._between = 0
        yield line

    def finish(self) -> Iterator[Line]:
        """Yields a line whose other half did not come."""
        half, self._half = self._half, None
        self._parts = self._between = 0
        if half is not None:
            yield half


def _may_go_on(text: str, width: int) -> bool:
    if _DUMP.search(text):
        return width in _WIDTHS or (bool(_BROKEN.search(text)) and "CORRUPTED" not in text)
    return bool(_REASON.search(text)) and width in _WIDTHS


def _belongs(half: str, more: str) -> bool:
    if not more.strip() or more[1:3] == " (":
        return False
    if _DUMP.search(half):
        if _LIST.search(half):
            return bool(_MORE.match(more)) and not _DUMP.search(more)
        apart = len(_VALUE.findall(half)) + len(_VALUE.findall(more))
        return not _DUMP.search(more) and len(_VALUE.findall(half + more)) > apart
    return not _KNOWN.search(more)
