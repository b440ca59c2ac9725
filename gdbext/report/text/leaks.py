# SPDX-License-Identifier: Apache-2.0
"""`heap-leaks` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.leaks import LeaksReport
from gdbext.report.numbers import counted
from gdbext.report.text.closing import closing_line, damaged_lines
from gdbext.report.text.scanned import owner_end, reached_words, scanned_lines
from gdbext.report.text.words import block_name


def leaks_lines(report: LeaksReport) -> Iterator[str]:
    """Yields the totals, then a line for each leak in the report's order."""
    yield _title(report)
    for leak in report.blocks:
        asked = f" ({leak.requested:,} requested)" if leak.requested not in (None, leak.size) else ""
        held = f"   only {leak.held_by:#x} points at it" if leak.held_by is not None else ""
        where = "" if leak.payload is None else f"{block_name(leak.payload, leak.buffer)} "
        yield f"  {where}{leak.size:>9,} bytes{asked}{held}{owner_end(leak.owner)}"
    if report.total is not None and report.total > len(report.blocks):
        yield f"... {report.total - len(report.blocks):,} more (--all)"
    yield from damaged_lines(report.damaged)
    yield from scanned_lines(report.scanned, report.skipped)
    yield closing_line(report, report.next)


def _title(report: LeaksReport) -> str:
    reached = f"not reached from {reached_words(report)}" if report.kind == "not reached" else report.kind
    if report.total == 0:
        since = f" that was allocated since the mark {report.since}" if report.since is not None else ""
        if report.kind == "not freed":
            return f"no leak: the trace has no live block{since}"
        if not any(one.kind == "heap" and one.amount for one in report.scanned):
            return "nothing is listed: no used block could be read"
        return f"no leak: no used block{since} is {reached}"
    total = "nothing is listed: memory that Ctrl-C left unread decides what is "
    if report.total is not None and report.bytes is not None:
        total = f"{counted(report.total, 'block')}, {counted(report.bytes, 'byte')}: "
    since = f" and allocated since the mark {report.since}" if report.since is not None else ""
    return f"{total}{reached}{since}"
