# SPDX-License-Identifier: Apache-2.0
"""Shows the text of a console as it comes, with nothing in it that commands the terminal.

Approach: colours are taken out, as they are part of every line of some frameworks; whatever else is not printable is
shown as an escape, by the filter that all output passes. A line is printed when it is whole, or when nothing comes.
Rejected: colours that are passed on (text can be hidden by them, and a sequence that is cut off changes what follows).
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import TextIO

from gdbext.report.printable import printable, put

_COLOUR = re.compile(r"\x1b\[[0-9;]{0,32}m")
_COLOUR_BEGUN = re.compile(r"\x1b(?:\[[0-9;]{0,32})?\Z")
_LINE_END = re.compile(r"\r*\n|\r+(?=[^\r\n])")  # a lone \r counts when it is known what comes behind it
_LONGEST = 4096  # characters that wait for the end of their line


class Console:
    """The text of a console, on its way to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder = getincrementaldecoder("utf-8")("backslashreplace")
        self._waiting = ""  # for the end of its line
        self._is_within = False  # has a part of the line been printed?

    def add(self, data: bytes) -> None:
        """Takes the next bytes. None: there is no more for the moment."""
        text = self._waiting + self._decoder.decode(data)
        *lines, self._waiting = _LINE_END.split(_COLOUR.sub("", text))
        for line in lines:
            self._print(line, "\n")
        if self._waiting.strip("\r") and (not data or len(self._waiting) > _LONGEST):
            begun = _COLOUR_BEGUN.search(self._waiting) if data else None
            part = self._waiting[: begun.start() if begun else None].rstrip("\r")
            self._waiting = self._waiting[len(part) :]
            self._print(part, "")

    def finish(self) -> None:
        """Ends the last line, if it is not whole."""
        self.add(b"")
        if self._is_within:
            self._print("", "\n")

    def _print(self, part: str, end: str) -> None:
        put(printable(part.expandtabs()), self._stream, end)
        self._is_within = not end
