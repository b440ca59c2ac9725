# SPDX-License-Identifier: Apache-2.0
"""The one filter between what memtrace has read and a terminal.

Memory, files, debug information and the user's words are not ours: an escape sequence among them would command the
terminal, and a newline would forge lines of a report. So every line and every message goes through `printable`.
Approach: a renderer yields lines, and a line holds no newline of ours: so whatever is not printable in one came from
elsewhere, and a renderer cannot forget to filter. Colour is added behind the filter.
Rejected: filtering each value as it is put into a line (some hundred places, each of which can be forgotten); taking
the characters out (two names would look alike); doubling backslashes (paths of Windows).
Cost: one look at each line.
"""

from __future__ import annotations

import sys
from typing import Iterable, Optional, TextIO

_NARROW, _SHORT = 0x100, 0x10000


def printable(text: str) -> str:
    """The text with \\xNN, \\uNNNN in place of whatever is not printable: controls, directions, halves of pairs."""
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < _NARROW else f"\\u{code:04x}" if code < _SHORT else f"\\U{code:08x}"


def text_of(lines: Iterable[str]) -> str:
    """Lines as one text of as many lines."""
    return "\n".join(map(printable, lines))


def encodable(text: str, encoding: Optional[str]) -> str:
    """The text with escapes in place of what an output's encoding has no character for. None: it takes text."""
    return text if encoding is None else text.encode(encoding, "backslashreplace").decode(encoding)


def put(text: str, stream: TextIO) -> None:
    """Puts filtered text out, at once."""
    print(encodable(text, stream.encoding), file=stream, flush=True)


def say(text: str, stream: Optional[TextIO] = None) -> None:
    """A line for the person who waits, beside the report: errors, progress, costs."""
    put(printable(f"memtrace: {text}"), stream or sys.stderr)
