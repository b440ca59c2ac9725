# SPDX-License-Identifier: Apache-2.0
"""`memtrace diff` as text."""

from __future__ import annotations

from typing import Iterator, Sequence

from gdbext.model.reports.diff import DiffPoint, DiffReport, SiteChange
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, skipped_lines
from gdbext.report.text.words import stack_words


def diff_lines(report: DiffReport) -> Iterator[str]:
    """Yields the two points, then what has changed, then what has vanished."""
    change = report.to.live_bytes - report.from_.live_bytes
    older, newer = report.from_.live_blocks, report.to.live_blocks
    counts = "" if older is None or newer is None else f", {newer - older:+,} blocks"
    yield f"{change:+,} bytes{counts} live"
    yield f"  from {_point(report.from_)}"
    yield f"  to   {_point(report.to)}"
    yield from _changes(report.sites, report.limit)
    if report.vanished:
        yield f"vanished: {counted(len(report.vanished), 'path')} of which the second has no event"
        yield from _changes(report.vanished, report.limit)
    yield from map(words, report.empty)
    yield from skipped_lines(report.skipped)
    yield closing_line(report)


def _point(point: DiffPoint) -> str:
    where = f"{point.file or 'the target'}{f' at mark {point.mark}' if point.mark else ''}"
    peak = "" if point.peak_bytes is None else f", peak {point.peak_bytes:,}"
    return f"{where}: {counted(point.live_bytes, 'byte')} live{peak}"


def _changes(changes: Sequence[SiteChange], limit: int) -> Iterator[str]:
    for one in changes[: limit or None]:
        held = f"({one.from_bytes:,} -> {one.to_bytes:,})"
        blocks = "" if one.blocks_change is None else f" {one.blocks_change:>+8,} blocks"
        yield f"{one.bytes_change:>+14,} bytes{blocks}  {held:<24} {stack_words(one.frames, 0)}"
    if limit and len(changes) > limit:
        yield f"  ... {len(changes) - limit:,} more (--all)"
