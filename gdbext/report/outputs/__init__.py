# SPDX-License-Identifier: Apache-2.0
"""What a report can be written as, one file each, loaded when it is asked for.

To add an output (docs/how-to/add-an-export.md has an example): write a file with an OUTPUT, and add its name here.
Approach: an output writes bytes to a stream; where they go is the same for all: the terminal, or a file as a whole.
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

    suffix: str  # of files in this form
    write: Callable[[Any, Callable[[Any], Iterable[str]], BinaryIO], None]  # the report, what makes its lines, a stream
    reports: Tuple[Type[Report], ...] = (Report,)  # that can be written so


def output_named(name: str) -> Output:
    """A form by its name."""
    output: Output = load(f"report.outputs.{name}", "OUTPUT")
    return output
