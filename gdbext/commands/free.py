# SPDX-License-Identifier: Apache-2.0
"""heap-free: Show each heap in numbers: used, free, largest free block, tightest moment, fragmentation."""

from __future__ import annotations

from argparse import Namespace
from typing import List, Tuple

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.stacks import stack_uses
from gdbext.commands.arguments import SOURCES
from gdbext.commands.check import damaged_heaps
from gdbext.commands.command import Command
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.free import FreeReport, HeapTotals, TaskStackUse
from gdbext.model.said import said
from gdbext.report.text.free import free_lines
from gdbext.target.target import Target

Usage = Tuple[Collected, Tuple[TaskStackUse, ...]]  # the heaps, and how much of its stack each task has used


def collect_usage(target: Target, options: Namespace) -> Usage:
    """Reads the heaps, and the stacks of the kernel's tasks."""
    found = collect(target, options)
    found.skip_unreadable()
    cut = [facts.region.address for facts in found.heaps if facts.cut]
    found.skipped += [Skipped(f"heap {address:#x}", said("no-totals")) for address in cut]
    return found, stack_uses(found)


def analyse(usage: Usage, options: Namespace) -> FreeReport:
    """Makes the report: the totals of each heap. A heap that was not read whole has none."""
    found, stacks = usage
    heaps: List[HeapTotals] = []
    for facts in found.heaps:
        if facts.cut:
            continue
        free = facts.free_sizes()
        elsewhere = round(1 - max(free) / sum(free), 3) if sum(free) else 0.0
        numbers = {**facts.numbers(), "fragmentation": elsewhere}
        if not facts.layout.fills_pools:
            numbers.update(dict.fromkeys(("free_blocks", "free_bytes", "largest_free", "fragmentation")))
        heaps.append(HeapTotals(**numbers, **facts.extent_given()))
    damaged = damaged_heaps(found)
    return FreeReport(*found.closing(), tuple(heaps), stacks, damaged)


def lacking(report: FreeReport) -> str:
    """Returns what could not be read at all."""
    return "" if report.heaps else "heap"


COMMAND = Command(__name__, __doc__, SOURCES, collect_usage, analyse, free_lines, FreeReport, lacking=lacking)
