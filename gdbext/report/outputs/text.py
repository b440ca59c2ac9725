# SPDX-License-Identifier: Apache-2.0
"""Writes a report as lines of UTF-8 text."""

from __future__ import annotations

from typing import BinaryIO, Callable, Iterable

from gdbext.model.reports.base import Report
from gdbext.report.outputs import Output
from gdbext.report.printable import text_of


def write_text(report: Report, lines: Callable[[Report], Iterable[str]], out: BinaryIO) -> None:
    """Writes the lines of the report. If Ctrl-C cut it short, a line at the top says so."""
    cut = "interrupted: this is of what had been read, and concludes nothing; the same command again reads on"
    text = text_of((*([cut] if report.cost.interrupted else []), *lines(report)))
    out.write(f"{text}\n".encode("utf-8", "backslashreplace"))


OUTPUT = Output((".txt",), write_text)
