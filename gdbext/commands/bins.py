# SPDX-License-Identifier: Apache-2.0
"""heap-bins: Show the free lists of every heap: how many blocks and bytes, in which order, and where they break."""

from __future__ import annotations

from argparse import Namespace
from typing import Iterator

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.commands.arguments import ALL, LIMIT, SOURCES
from gdbext.commands.check import damaged_heaps
from gdbext.commands.command import Command
from gdbext.commands.filters import limit_of
from gdbext.loading import load
from gdbext.model.reports.bins import BinsReport
from gdbext.model.said import said
from gdbext.target.target import Target


def collect_lists(target: Target, options: Namespace) -> Collected:
    """Reads the heaps."""
    found = collect(target, options)
    found.skip_unreadable()
    return found


def analyse(found: Collected, options: Namespace) -> BinsReport:
    """Makes the report: the lists that have blocks."""
    most = limit_of(options, found.target.settings.limit)
    heaps = tuple(load("analyse.bins", "bins_of")(facts, most) for facts in found.heaps)
    broken = next((one.block or one.address for heap in heaps for one in heap.broken), None)
    first = next((payload for heap in heaps for one in heap.bins for payload in one.payloads), None)
    shown = broken or first
    following = None if shown is None else said("next-view", address=shown)
    return BinsReport(*found.closing(), heaps, damaged_heaps(found), following)


def bins_lines(report: BinsReport) -> Iterator[str]:
    """Yields the lists of each heap."""
    lines: Iterator[str] = load("report.text.bins", "bins_lines")(report)
    return lines


def lacking(report: BinsReport) -> str:
    """Returns what could not be read at all."""
    return "" if report.heaps else "heap"


COMMAND = Command(
    __name__, __doc__, (*SOURCES, LIMIT, ALL), collect_lists, analyse, bins_lines, BinsReport, lacking=lacking
)
