# SPDX-License-Identifier: Apache-2.0
"""Splits the bytes of a console into lines, and hands on unread what cannot be of interest.

Approach: a hundred megabytes of a console may hold one crash. Some short words stand in every line that tells of one;
each is searched for in large pieces, which is forty times faster than to look at lines. From a line with such a word
on, the next lines come one by one, and so do the few above it; what stands before is handed on as it is, with the
number of its lines. Further words are searched where that costs little: at the start, and in what comes slowly.
Rejected: one regular expression for all words (half as fast); a rule for each line (1 MB/s).
Cost: one search a word and piece; 100 MB/s where no word is found. Memory: one piece, and a line of up to 64 KiB.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Sequence, Union

from gdbext.source.console_text import clean, visible

LONGEST_LINE = 1 << 16
_AWAKE_LINES, _LINES_ABOVE = 256, 24  # that come one by one behind a line with a word, and above it
_START_BYTES, _SMALL_BYTES = 1 << 21, 1 << 16  # of a text, and of a piece, that are searched for all words
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

    def __init__(self, words: Sequence[bytes], more: Sequence[bytes]) -> None:
        """`more` are further words, which stand a few lines above one of the others, or are the last of a text."""
        self._few, self._all = words, (*words, *more)
        self.rest, self._number, self._awake, self._read = b"", 1, 0, 0
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
        self._read += len(block)
        words = self._all if len(block) <= _SMALL_BYTES or self._read <= _START_BYTES else self._few
        places = [block.find(word) for word in words]
        while at < len(block):
            if not self._awake:
                places = [block.find(word, at) if 0 <= was < at else was for word, was in zip(words, places)]
                found = min((place for place in places if place >= 0), default=len(block))
                start = len(block) if found == len(block) else self._above(block, at, found)
                if start > at:
                    yield self._passed(block[at:start])
                    at = start
                    continue
                self._awake = _AWAKE_LINES + _LINES_ABOVE
            stop = block.find(self._end or b"\n", at) + 1 or len(block)
            line = block[at : min(stop, at + LONGEST_LINE)]
            self._awake = max(self._awake - 1, _AWAKE_LINES if self._has_word(line) else 0)
            yield from self._segments(line)
            at += len(line)

    def _has_word(self, line: bytes) -> bool:
        return any(word in line for word in self._all)

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
