# SPDX-License-Identifier: Apache-2.0
"""The lines that end a text report: entries left out, checks skipped, the trace and the cost."""

from __future__ import annotations

from collections import Counter
from typing import Counter as Counts
from typing import Iterator, Optional, Tuple, Union

from gdbext.model.reports.base import Report, Skipped
from gdbext.model.reports.check import HeapReport
from gdbext.model.reports.free import HeapTotals
from gdbext.model.said import Said
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.words import cost_words, trace_words

_MOST_REASONS = 5  # for one check


def more_line(shown: int, total: Optional[int]) -> Iterator[str]:
    """Yields a line with the number of entries that a list leaves out, None: nobody has counted them. Yields nothing if
    the list is complete.
    """
    if total is None:
        yield "... more (--all)"
    elif total > shown:
        yield f"... {total - shown:,} more (--all)"


def missing_line(heap: Union[HeapReport, HeapTotals]) -> Iterator[str]:
    """Yields a line with the number of bytes of a heap that nobody gave. Yields nothing if all are there."""
    if heap.missing:
        least = "" if heap.end_known else " at least"
        yield f"  not given: {counted(heap.missing, 'byte')} of this heap{least}; what they hold is not judged"


def damaged_lines(damaged: Tuple[int, ...]) -> Iterator[str]:
    """Yields a line that warns of damaged heaps, of which a list may be wrong. Yields nothing if none is damaged."""
    if damaged:
        places = f"heap {damaged[0]:#x}" if len(damaged) == 1 else f"heaps {', '.join(map(hex, damaged))}"
        yield f"damaged: {places}: what stands here of it may be wrong; see heap-check"


def skipped_lines(skipped: Tuple[Skipped, ...]) -> Iterator[str]:
    """Yields a line for each check that was skipped, with the reason; of many reasons for one check, the first."""
    told: Counts[str] = Counter()
    for item in skipped:
        told[item.check] += 1
        if told[item.check] <= _MOST_REASONS:
            yield f"not checked: {item.check}: {words(item.why)}"
    for check, number in told.items():
        if number > _MOST_REASONS:
            yield f"not checked: {check}: ... {number - _MOST_REASONS:,} more (--json lists them)"


def closing_line(report: Report, following: Optional[Said] = None) -> str:
    """Returns the last line: what the trace holds, what the report cost, and the command to type next."""
    return f"{trace_words(report.trace)}; read {cost_words(report.cost)}{next_words(following)}"


def next_words(following: Optional[Said]) -> str:
    """Returns the end of a last line: the command to type next. Returns nothing if there is none."""
    return "" if following is None else f".   next: {words(following)}"
