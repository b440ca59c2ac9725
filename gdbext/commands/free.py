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
from gdbext.model.reports.free import FreeReport, HeapTotals, ModuleUse, TaskStackUse
from gdbext.model.said import Trouble, said
from gdbext.report.text.free import free_lines
from gdbext.target.target import Target
from gdbext.trace.usage import MODULES, read_usage

# The heaps, how much of its stack each task has used, and what the program itself counts for its modules.
Usage = Tuple[Collected, Tuple[TaskStackUse, ...], Tuple[ModuleUse, ...]]


def collect_usage(target: Target, options: Namespace) -> Usage:
    """Reads the heaps, the stacks of the kernel's tasks, and the counters of modules."""
    counts = target.program.address_of(MODULES) is not None
    found = collect(target, options, needed=not counts)
    try:
        modules = read_usage(found.memory, target.program)
    except Trouble as problem:
        modules = ()
        found.skipped.append(Skipped("modules", problem.why))
    found.skip_unreadable()
    cut = [facts.region.address for facts in found.heaps if facts.cut]
    found.skipped += [Skipped(f"heap {address:#x}", said("no-totals")) for address in cut]
    return found, stack_uses(found), modules


def analyse(usage: Usage, options: Namespace) -> FreeReport:
    """Makes the report: the totals of each heap. A heap that was not read whole has none."""
    found, stacks, modules = usage
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
    return FreeReport(*found.closing(), tuple(heaps), stacks, damaged, modules)


def lacking(report: FreeReport) -> str:
    """Returns what could not be read at all."""
    return "" if report.heaps or report.modules else "heap"


COMMAND = Command(__name__, __doc__, SOURCES, collect_usage, analyse, free_lines, FreeReport, lacking=lacking)
