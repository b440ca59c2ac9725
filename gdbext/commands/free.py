# SPDX-License-Identifier: Apache-2.0
"""heap-free: Show each heap in numbers (used, free, largest free block), and why an allocation fails."""

from __future__ import annotations

from argparse import Namespace
from functools import reduce
from operator import or_
from typing import List, Tuple

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.collect.stacks import stack_uses
from gdbext.commands.arguments import SOURCES
from gdbext.commands.check import damaged_heaps
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import decimal
from gdbext.heap.capabilities import LISTED, capabilities_in, capabilities_named, names_of
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.free import FreeReport, HeapTotals, ModuleUse, TaskStackUse
from gdbext.model.said import Trouble, said
from gdbext.report.text.free import free_lines
from gdbext.target.target import Target
from gdbext.trace.usage import MODULES, read_usage


def _capabilities(text: str) -> int:
    try:
        return capabilities_named(text)
    except ValueError:
        raise UserError(f"--caps {text}: give names as {', '.join(LISTED)}, 8bit, or a number") from None


_FOR = Argument(
    "--for",
    "say why an allocation of so many bytes fails, and what would make room; without it: the last that failed",
    {"metavar": "SIZE", "type": decimal, "dest": "request"},
)
_CAPS = Argument(
    "--caps",
    "capabilities that the memory must have, such as 8bit,internal, or a number of MALLOC_CAP_... bits; "
    "without it: default",
    {"metavar": "CAPS", "type": _capabilities},
)
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
        words = capabilities_in(facts.region.hints)
        able = None if words is None else names_of(reduce(or_, words))
        numbers = {**facts.numbers(), "fragmentation": elsewhere, "capabilities": able}
        if not facts.layout.fills_pools:
            numbers.update(dict.fromkeys(("free_blocks", "free_bytes", "largest_free", "fragmentation")))
        heaps.append(HeapTotals(**numbers, **facts.extent_given()))
    damaged = damaged_heaps(found)
    owners, frames = Owners(found), found.target.frames
    answer = load("analyse.request", "Answer")(found.heaps, found.trace, owners.of, frames, options)
    return FreeReport(
        *found.closing(), tuple(heaps), stacks, damaged, modules, answer.text, answer.request, answer.candidates,
        answer.openings, answer.sites, answer.capabilities, answer.next,
    )  # fmt: skip


def lacking(report: FreeReport) -> str:
    """Returns what could not be read at all."""
    return "" if report.heaps or report.modules else "heap"


COMMAND = Command(
    __name__, __doc__, (*SOURCES, _FOR, _CAPS), collect_usage, analyse, free_lines, FreeReport, lacking=lacking
)
