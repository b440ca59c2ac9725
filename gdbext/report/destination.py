# SPDX-License-Identifier: Apache-2.0
"""Sends a report, in the form that the user chose, to the terminal or to a file. A file is written as a whole."""

from __future__ import annotations

import io
import os
from argparse import Namespace
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, Optional, Tuple, Type

from gdbext.model.errors import UserError
from gdbext.model.reports.base import Report
from gdbext.report.outputs import NAMES, output_named
from gdbext.source.replace import ANY_FILE, NEW_FILES, Policy, place_of, write_file

_TERMINAL = "-"


def check_destination(kind: Type[Report], options: Namespace) -> None:
    """Raises UserError if a report of this kind cannot go where the options say. Commands check before they read."""
    name = _form(options)
    if not issubclass(kind, output_named(name).reports):
        raise UserError(f"this report has no form {name}")
    if options.output not in (None, _TERMINAL):
        with _file(options) as (place, _):
            folder = os.path.dirname(place)
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"no file can be made in {folder}")


def told(report: Any, lines: Callable[[Any], Iterable[str]], options: Namespace) -> Optional[str]:
    """Returns the report for the terminal, without its last newline. Returns None if it was written to a file."""
    out = io.BytesIO()
    output_named(_form(options)).write(report, lines, out)
    if options.output in (None, _TERMINAL):
        return out.getvalue().decode("utf-8", "backslashreplace")[:-1]
    with _file(options) as (place, policy):
        write_file(place, out.getvalue(), policy)
    return None


@contextmanager
def _file(options: Namespace) -> Iterator[Tuple[str, Policy]]:
    """Yields the place of the file to be written and what it may replace. Any OSError inside becomes one line."""
    path, policy = os.path.expanduser(options.output), ANY_FILE if options.overwrite else NEW_FILES
    try:
        yield place_of(path, policy), policy
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}") from None


def writes_text(options: Namespace) -> bool:
    """Tells whether the report goes to the terminal, as text."""
    return options.output in (None, _TERMINAL) and _form(options) == "text"


def _form(options: Namespace) -> str:
    if options.format is not None:
        return str(options.format)
    if options.json:
        return "json"
    if options.output in (None, _TERMINAL):
        return "text"
    suffixes = {output_named(name).suffix: name for name in NAMES}
    suffix = os.path.splitext(options.output)[1]
    found = next((name for known, name in suffixes.items() if options.output.endswith(known)), None)
    if suffix and found is None:
        there = f"there are {', '.join(suffixes)}, and --format with {', '.join(NAMES)}"
        raise UserError(f"--output {options.output}: no form of a report has the suffix {suffix}: {there}")
    return found or "text"
