# SPDX-License-Identifier: Apache-2.0
"""The forms in which a report can be written, one file each, loaded when they are first used.

To add an output, write a file with an OUTPUT and add its name here (example: docs/how-to/add-an-export.md).
Approach: an output writes bytes to a stream. It does not know whether they go to the terminal or to a file.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Callable, Iterable, NamedTuple, Tuple, Type

from gdbext.loading import load
from gdbext.model.reports.base import Report

NAMES = (
    "text",
    "json",
)


class Output(NamedTuple):
    """One form of a report."""

    suffix: str  # ends the names of files in this form
    # Takes the report, the function that makes its lines, and the stream to write to.
    write: Callable[[Any, Callable[[Any], Iterable[str]], BinaryIO], None]
    reports: Tuple[Type[Report], ...] = (Report,)  # the reports that have this form


def output_named(name: str) -> Output:
    """Loads an output by its name."""
    output: Output = load(f"report.outputs.{name}", "OUTPUT")
    return output
