# SPDX-License-Identifier: Apache-2.0
"""The one filter between the bytes that memtrace has read and a terminal.

Memory, files, debug information and the user's words come from outside. An escape sequence in them would control the
terminal, and a newline would forge lines of a report. So every line and every message goes through `printable`.
Approach: renderers yield lines without newlines or colours. So any unprintable character in a line came from outside,
and no renderer can forget to filter. Colour is added after the filter.
Rejected: filtering each value as it is put into a line (some hundred places, each of which can be forgotten); removing
the characters (two names could look alike); doubling backslashes (Windows paths would change).
Cost: one look at each line.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, Callable, Iterable, Optional, TextIO

from gdbext.model.errors import UserError

_END_OF_2_DIGITS, _END_OF_4_DIGITS = 0x100, 0x10000  # the first codes that need more hex digits


def printable(text: str) -> str:
    """Replaces each unprintable character by \\xNN or \\uNNNN: controls, text directions, lone surrogates."""
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    code = ord(one)
    if code < _END_OF_2_DIGITS:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _END_OF_4_DIGITS else f"\\U{code:08x}"


def text_of(lines: Iterable[str]) -> str:
    """Filters lines and joins them. The text has exactly as many lines."""
    return "\n".join(map(printable, lines))


def encodable(text: str, encoding: Optional[str]) -> str:
    """Replaces characters that an output's encoding lacks by escapes. An encoding of None takes any text."""
    return text if encoding is None else text.encode(encoding, "backslashreplace").decode(encoding)


def put(text: str, stream: Optional[TextIO], end: str = "\n") -> None:
    """Prints text, already filtered by `printable`, and flushes the stream. UserError if it cannot be written: the disk
    is full, or nobody opened the stream. BrokenPipeError if its reader has had enough.
    """
    if stream is None:
        raise UserError("the output is closed: nothing can be printed")
    try:
        print(encodable(text, stream.encoding), file=stream, flush=True, end=end)
    except OSError as problem:
        raise _closed(problem, stream.fileno()) from None


def put_by(write: Callable[[BinaryIO], object], stream: BinaryIO) -> None:
    """Has bytes written as they are to an output that is no terminal, and flushes it. Raises what put() raises."""
    try:
        write(stream)
        stream.flush()
    except OSError as problem:
        raise _closed(problem, stream.fileno()) from None


def _closed(problem: OSError, handle: int) -> Exception:
    """Returns what to raise. What is left in the output's buffer must not fail once more at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
    if isinstance(problem, BrokenPipeError):
        return problem
    return UserError(f"the output cannot be written: {problem.strerror or problem}")


def put_bytes(data: bytes, stream: TextIO) -> None:
    """Writes bytes as they are, to what is no terminal. Raises what put() raises."""
    put_by(lambda out: out.write(data), stream.buffer)


def say(text: str, stream: Optional[TextIO] = None) -> None:
    """Prints a line for the user that is not part of the report: an error, progress or a cost. If it cannot be printed,
    nobody can be told.
    """
    try:
        put(printable(f"memtrace: {text}"), stream or sys.stderr)
    except (UserError, BrokenPipeError):
        pass
