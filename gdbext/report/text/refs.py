# SPDX-License-Identifier: Apache-2.0
"""`heap-refs` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.refs import RefsReport
from gdbext.report.text.closing import closing_line
from gdbext.report.text.scanned import owner_end, reached_words, scanned_lines
from gdbext.report.text.words import place_words


def refs_lines(report: RefsReport) -> Iterator[str]:
    """Yields a line for each pointer to the block, then what was scanned."""
    yield f"{report.address:#x}: {place_words(report.block, report.cost, report.spot)}"
    for one in report.references:
        at = f" at {one.address:#x}" if one.address is not None else ""
        yield f"  {one.kind:<8} {one.name}{at} holds {one.value:#x}{owner_end(one.owner)}"
    if report.total > len(report.references):
        yield f"  ... {report.total - len(report.references):,} more (--all)"
    if not report.total:
        what = "that was scanned" if report.complete else f"in {reached_words(report)}"
        yield f"  nothing {what} points at it"
    yield from scanned_lines(report.scanned, report.skipped)
    yield closing_line(report)
