# SPDX-License-Identifier: Apache-2.0
"""Sends a report, in the form that the user chose, to the terminal or to a file. A file is written as a whole.

Text and JSON are made in memory. The forms of other tools may be larger than it: they go to a file, or to the pipe or
file that the output is, while they are made. In GDB, whose output is text, they go to a file alone.
"""

from __future__ import annotations

import io
import os
from argparse import Namespace
from contextlib import contextmanager
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Optional, TextIO, Tuple, Type

from gdbext.model.errors import UserError
from gdbext.model.reports.base import Report
from gdbext.report.outputs import NAMES, OWN, output_named
from gdbext.report.printable import put_by
from gdbext.source.packing import is_packed, packer
from gdbext.source.replace import ANY_FILE, NEW_FILES, Policy, new_file, place_of

_TERMINAL = "-"
_PACKED = (".gz", ".zst")
_READ = ("core", "older", "older_elf", "more", "image", "elf", "maps")  # options that name files


def check_destination(kind: Type[Report], options: Namespace, stream: Optional[TextIO] = None) -> None:
    """Raises UserError if a report of this kind cannot go where the options say. Commands check before they read.
    `stream` is the output; None: it is for text alone.
    """
    name = _form(kind, options)
    output = output_named(name)
    if not issubclass(kind, output.reports):
        raise UserError(f"this report has no form {name}")
    if options.output not in (None, _TERMINAL):
        with _file(options) as (place, _):
            folder = os.path.dirname(place)
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"no file can be made in {folder}")
    elif output.packed and _pipe(name, stream) is None:
        raise UserError(f"{name} is no text: give --output FILE{output.suffixes[0]}, or send the output to a file")


def told(
    report: Any, lines: Callable[[Any], Iterable[str]], options: Namespace, stream: Optional[TextIO] = None
) -> Optional[str]:
    """Returns the report for the terminal, without its last newline. Returns None if it was written to a file, or as
    it is to `stream`.
    """
    name = _form(type(report), options)
    write = output_named(name).write
    if options.output not in (None, _TERMINAL):
        with _file(options) as (place, policy), new_file(place, policy) as file:
            _pack(file, options.output, name, lambda out: write(report, lines, out))
        return None
    pipe = _pipe(name, stream)
    if pipe is not None:
        put_by(lambda out: write(report, lines, out), pipe)
        return None
    made = io.BytesIO()
    write(report, lines, made)
    return made.getvalue().decode("utf-8", "backslashreplace")[:-1]


def _pipe(name: str, stream: Optional[TextIO]) -> Optional[BinaryIO]:
    """Returns where the bytes of another tool's form may go as they are: an output that is no terminal. None if there
    is no such place.
    """
    if name in OWN or stream is None or stream.isatty():
        return None
    pipe: Optional[BinaryIO] = getattr(stream, "buffer", None)
    return pipe


def _pack(file: BinaryIO, path: str, form: str, write: Callable[[BinaryIO], None]) -> None:
    """Writes to a file, packed if its name asks for it and the form itself is not."""
    if output_named(form).packed or not is_packed(path):
        write(file)
        return
    out = packer(file, path)
    write(out)
    out.close()


@contextmanager
def _file(options: Namespace) -> Iterator[Tuple[str, Policy]]:
    """Yields the place of the file to be written and what it may replace. Any OSError inside becomes one line."""
    path, policy = os.path.expanduser(options.output), ANY_FILE if options.overwrite else NEW_FILES
    try:
        yield place_of(path, policy, _read(options)), policy
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}") from None


def _read(options: Namespace) -> Iterator[str]:
    """Yields the names of the files that a report is made of."""
    for name in _READ:
        value = getattr(options, name, None) or ()
        yield from (value,) if isinstance(value, str) else (one.partition("=")[2] or one for one in value)


def writes_text(options: Namespace) -> bool:
    """Tells whether the report goes to the terminal, as text."""
    return options.output in (None, _TERMINAL) and _form(Report, options) == "text"


def _form(kind: Type[Report], options: Namespace) -> str:
    """Returns the name of the form. Those suffixes count whose forms a report of this kind has, the longest first."""
    if options.format is not None:
        return str(options.format)
    if options.json:
        return "json"
    if options.output in (None, _TERMINAL):
        return "text"
    forms = [name for name in NAMES if issubclass(kind, output_named(name).reports)]
    suffixes = {suffix: name for name in forms for suffix in output_named(name).suffixes}
    named = next((options.output[: -len(end)] for end in _PACKED if options.output.endswith(end)), options.output)
    found = [known for known in suffixes if options.output.endswith(known) or named.endswith(known)]
    suffix = os.path.splitext(named)[1]
    if suffix and not found:
        there = f"there are {', '.join(suffixes)}, and --format with {', '.join(forms)}"
        raise UserError(f"--output {options.output}: no form of a report has the suffix {suffix}: {there}")
    return suffixes[max(found, key=len)] if found else "text"
