# SPDX-License-Identifier: Apache-2.0
"""The forms in which a report can be written, one file each, loaded when they are first used.

Text and JSON are here, and every report has them. The forms of other tools are in report/export, whose list has their
names. To add one, see docs/how-to/add-an-export.md.
Approach: an output writes bytes to a stream. It does not know whether they go to the terminal or to a file.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Callable, Iterable, NamedTuple, Tuple, Type

from gdbext.loading import load
from gdbext.model.reports.base import Report
from gdbext.report.export import NAMES as EXPORTS

OWN = ("text", "json")  # forms of our own, which every report has
NAMES = (*OWN, *EXPORTS)


class Output(NamedTuple):
    """One form of a report."""

    suffixes: Tuple[str, ...]  # one of them ends the names of files in this form
    # Takes the report, the function that makes its lines, and the stream to write to.
    write: Callable[[Any, Callable[[Any], Iterable[str]], BinaryIO], None]
    reports: Tuple[Type[Report], ...] = (Report,)  # the reports that have this form
    packed: bool = False  # no text: never for a terminal


def output_named(name: str) -> Output:
    """Loads an output by its name."""
    output: Output = load(f"report.{'outputs' if name in OWN else 'export'}.{name}", "OUTPUT")
    return output
