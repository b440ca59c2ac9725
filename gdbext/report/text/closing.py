# SPDX-License-Identifier: Apache-2.0
"""The lines that end a text report: entries left out, checks skipped, the trace and the cost."""

from __future__ import annotations

from typing import Iterator, Tuple

from gdbext.model.reports.base import Report, Skipped
from gdbext.report.sentences import words
from gdbext.report.text.words import cost_words, trace_words


def more_line(shown: int, total: int) -> Iterator[str]:
    """Yields a line with the number of entries that a list leaves out. Yields nothing if the list is complete."""
    if total > shown:
        yield f"... {total - shown:,} more (--all)"


def skipped_lines(skipped: Tuple[Skipped, ...]) -> Iterator[str]:
    """Yields a line for each check that was skipped, with the reason."""
    for item in skipped:
        yield f"not checked: {item.check}: {words(item.why)}"


def closing_line(report: Report) -> str:
    """Returns the last line: what the trace holds, and what the report cost."""
    return f"{trace_words(report.trace)}; read {cost_words(report.cost)}"
