# SPDX-License-Identifier: Apache-2.0
"""`memtrace explain` as text: for each crash what happened, why that is said, and what to do next."""

from __future__ import annotations

from itertools import dropwhile
from typing import Iterator

from gdbext.heap.names import is_wrapper
from gdbext.model.reports.explain import Explained, ExplainReport, LeakGroup
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.closing import skipped_lines
from gdbext.report.text.words import frame_name

_RULE = "----------------------------------------------------------------"
_MOST_FRAMES, _MOST_LEAKS = 12, 10


def explain_lines(report: ExplainReport) -> Iterator[str]:
    """Yields the summary."""
    yield _RULE
    own = [one for one in report.crashes if one.same_as is None]
    if not own:
        yield f"no crash in this log ({counted(report.lines, 'line')})"
    elif len(own) > 1:
        yield f"{len(own):,} crashes in this log, one after the other"
    for number, one in enumerate(own, 1):
        yield from _crash(one, f"crash {number}" if len(own) > 1 else "crash")
    yield from map(words, report.remarks)
    yield from _leaks(report)
    yield from skipped_lines(report.skipped)


def _crash(one: Explained, title: str) -> Iterator[str]:
    of = ", ".join(part for part in (one.chip, one.framework) if part)
    yield f"{title}, line {one.line:,}{f' ({of})' if of else ''}: {one.situation}, {one.certainty}"
    answer, *why = map(words, one.text)
    yield f"  {answer}"
    yield from (f"  - {reason}" for reason in why)
    named = [frame for frame in one.backtrace if frame.function]
    for frame in named[:_MOST_FRAMES]:
        place = f"  {frame.file}:{frame.line}" if frame.file and frame.line else ""
        yield f"    {frame.pc:#010x} {frame_name(frame)}{place}"
    yield from (f"  next: {words(line)}" for line in one.next)


def _leaks(report: ExplainReport) -> Iterator[str]:
    """What a listing in the text shows: not freed when it was printed, which is not the same as a leak."""
    for source in dict.fromkeys(group.source for group in report.leaks):
        groups = [group for group in report.leaks if group.source == source]
        blocks = counted(sum(group.blocks for group in groups), "block")
        total = sum(group.bytes or 0 for group in groups)
        yield f"{source} is in this log: {blocks}, {counted(total, 'byte')} were not freed when it was printed"
        yield "  not each of them is a leak: what is kept on purpose is there, too"
        yield from map(_leak, groups[:_MOST_LEAKS])
        if len(groups) > _MOST_LEAKS:
            yield f"  ... {len(groups) - _MOST_LEAKS:,} more (--json)"


def _leak(group: LeakGroup) -> str:
    size = "" if group.bytes is None else f", {counted(group.bytes, 'byte')}"
    users = tuple(dropwhile(is_wrapper, group.frames)) or group.frames
    path = " < ".join(map(frame_name, users)) or "its callers are not in the text"
    return f"  {counted(group.blocks, 'block')}{size}  {path}"
