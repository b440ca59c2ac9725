# SPDX-License-Identifier: Apache-2.0
"""Sends a report, in the form that the user chose, to the terminal or to a file. A file is written as a whole."""

from __future__ import annotations

import io
import os
from argparse import Namespace
from typing import Any, Callable, Iterable, Optional

from gdbext.model.errors import UserError
from gdbext.report.outputs import NAMES, output_named
from gdbext.source.replace import ANY_FILE, NEW_FILES, place_of, write_file

_TERMINAL = "-"


def told(report: Any, lines: Callable[[Any], Iterable[str]], options: Namespace) -> Optional[str]:
    """Returns the report for the terminal, without its last newline. Returns None if it was written to a file."""
    name = _form(options)
    output = output_named(name)
    if not isinstance(report, output.reports):
        raise UserError(f"this report has no form {name}")
    out = io.BytesIO()
    output.write(report, lines, out)
    if options.output in (None, _TERMINAL):
        return out.getvalue().decode("utf-8", "backslashreplace")[:-1]
    path, policy = os.path.expanduser(options.output), ANY_FILE if options.overwrite else NEW_FILES
    try:
        write_file(place_of(path, policy), out.getvalue(), policy)
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}") from None
    return None


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
    found = (name for name in NAMES if options.output.endswith(output_named(name).suffix))
    return next(found, "text")
