# SPDX-License-Identifier: Apache-2.0
"""The lines that end a text report: what is left out, what was not checked, the trace and the cost."""

from __future__ import annotations

from typing import Iterator, Tuple

from gdbext.model.reports.base import Report, Skipped
from gdbext.report.sentences import words
from gdbext.report.text.words import cost_words, trace_words


def more_line(shown: int, total: int) -> Iterator[str]:
    """How many entries a list leaves out."""
    if total > shown:
        yield f"... {total - shown:,} more (--all)"


def skipped_lines(skipped: Tuple[Skipped, ...]) -> Iterator[str]:
    """What was not checked, and why."""
    for item in skipped:
        yield f"not checked: {item.check}: {words(item.why)}"


def closing_line(report: Report) -> str:
    """What the trace holds, and what the report has cost."""
    return f"{trace_words(report.trace)}; read {cost_words(report.cost)}"
