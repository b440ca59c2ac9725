# SPDX-License-Identifier: Apache-2.0
"""`malloc-log` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.log import LogReport
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, more_line, skipped_lines
from gdbext.report.text.words import block_name, module_words, stack_words


def log_lines(report: LogReport) -> Iterator[str]:
    """Yields the events, oldest first."""
    yield from more_line(len(report.events), report.matching)
    for entry in report.events:
        size = f"{entry.size:,}" if entry.size else ""
        where = stack_words(entry.stack) if entry.stack else ""
        heap = f"{entry.heap}: " if entry.heap else ""
        who = module_words(entry.task or "?", entry.module)
        place = "-" if entry.payload is None else block_name(entry.payload, entry.buffer)
        what = f"{entry.seq:>8} {entry.kind:<13} {place:>12} {size:>9}  {who:<14} {heap}{where}"
        yield what.rstrip()
    yield from map(words, report.empty)
    yield from skipped_lines(report.skipped)
    yield closing_line(report)
