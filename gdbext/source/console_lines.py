# SPDX-License-Identifier: Apache-2.0
"""Splits the bytes of a console into lines, and hands on unread what cannot be of interest.

Approach: a hundred megabytes of a console may hold one crash. Some short words stand in every line that tells of one;
large pieces are searched for them. From a line with such a word on, the next lines come one by one, and so do the few
above it; what stands before is handed on as it is, with the number of its lines.
Rejected: one regular expression for all words (60 MB/s); a rule for each line (1 MB/s).
Cost: a nanosecond a byte where no word is found; without the engine in C, one search a word. Memory: one piece, and a
line of up to 64 KiB.
"""

from __future__ import annotations

import re
from typing import Callable, Iterator, List, NamedTuple, Tuple, Union

from gdbext.loading import load
from gdbext.source.console_text import clean, visible

LONGEST_LINE = 1 << 16
_AWAKE_LINES, _LINES_ABOVE = 256, 24  # that come one by one behind a line with a word, and above it
_UNBROKEN_BYTES = 1 << 12  # without a newline, before carriage returns count as the ends of lines
_SEGMENT = re.compile(rb"[^\r]*(?:\r+\n|\r+(?!\n)|\n|\Z)", re.DOTALL)


class Passed(NamedTuple):
    """Bytes in which no word is."""

    raw: bytes
    lines: int  # that end in them
    number: int  # of the line behind them


class RawLine(NamedTuple):
    """A line. One that a lone carriage return ends has the number of those beside it."""

    number: int
    raw: bytes  # with its end

    @property
    def text(self) -> str:
        """The line as the device wrote it."""
        return clean(self.raw)

    @property
    def width(self) -> int:
        """The columns that it took in a terminal."""
        return visible(self.raw)

    @property
    def end(self) -> bytes:
        """The line's end: none, if it has not come."""
        return self.raw[len(self.raw.rstrip(b"\r\n")) :]


class ConsoleLines:
    """Splits one console's text. It must be UTF-8 or nearly so."""

    def __init__(self, words: Tuple[bytes, ...]) -> None:
        self._words, self._find = words, _finder()
        self.rest, self._number, self._awake = b"", 1, 0
        self._end = b""  # b"\n", or b"\r" for a text that has no other

    def add(self, data: bytes) -> Iterator[Union[Passed, RawLine]]:
        """Takes the next bytes and yields what is whole of them."""
        text = self.rest + data
        if not self._end and (b"\n" in text or len(text) > _UNBROKEN_BYTES):
            self._end = b"\n" if b"\n" in text else b"\r"
        end = text.rfind(self._end) + 1 if self._end else 0
        if not end and len(text) > LONGEST_LINE:
            end = len(text)
        self.rest = text[end:]
        yield from self._pieces(text[:end])

    def finish(self) -> Iterator[Union[Passed, RawLine]]:
        """Yields what is left when nothing comes any more."""
        rest, self.rest = self.rest, b""
        self._end = self._end or b"\r"
        yield from self._pieces(rest)

    def _pieces(self, block: bytes) -> Iterator[Union[Passed, RawLine]]:
        at = 0
        while at < len(block):
            if not self._awake:
                found = self._find(block, at, self._words)
                start = len(block) if found == len(block) else self._above(block, at, found)
                if start > at:
                    yield self._passed(block[at:start])
                    at = start
                    continue
                self._awake = _AWAKE_LINES + _LINES_ABOVE
            stop = block.find(self._end or b"\n", at) + 1 or len(block)
            line = block[at : min(stop, at + LONGEST_LINE)]
            has_word = self._find(line, 0, self._words) < len(line)
            self._awake = max(self._awake - 1, _AWAKE_LINES if has_word else 0)
            yield from self._segments(line)
            at += len(line)

    def _above(self, block: bytes, at: int, found: int) -> int:
        """Returns where the lines begin that stand above a word, and have not been handed on."""
        start = found
        for _ in range(_LINES_ABOVE + 1):
            start = block.rfind(self._end or b"\n", at, max(at, start - 1)) + 1
            if start <= at:
                return at
        return start

    def _passed(self, raw: bytes) -> Passed:
        count = raw.count(self._end or b"\n")
        self._number += count
        return Passed(raw, count, self._number)

    def _segments(self, line: bytes) -> Iterator[RawLine]:
        parts: List[bytes] = [line]
        if self._end == b"\n" and b"\r" in line[:-2].rstrip(b"\r"):
            parts = [part for part in _SEGMENT.findall(line) if part]
        for part in parts:
            yield RawLine(self._number, part)
        self._number += line.endswith(self._end or b"\n")


_Finder = Callable[[bytes, int, Tuple[bytes, ...]], int]


def _finder() -> _Finder:
    """Returns the engine's search for words, or the same in Python where the engine was not built."""
    try:
        finder: _Finder = load("_engine", "find_word")
    except ImportError:
        return find_word
    return finder


def find_word(text: bytes, start: int, words: Tuple[bytes, ...]) -> int:
    """Returns the place of the first of some words from `start` on; the text's length if none is there."""
    places = (text.find(word, start) for word in words)
    return min((place for place in places if place >= 0), default=len(text))
