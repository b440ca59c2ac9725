# SPDX-License-Identifier: Apache-2.0
"""heap-view: Show the bytes of the blocks around an address, decoded: headers, links, canaries, payload, damage."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Iterator, List, Tuple

from gdbext.analyse.last import find_place
from gdbext.analyse.rules import run_rules
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.commands.arguments import ADDRESS, SOURCES
from gdbext.commands.check import damaged_heaps
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import decimal
from gdbext.heap.facts import HeapFacts
from gdbext.loading import load
from gdbext.model.reports.view import Viewed, ViewReport
from gdbext.model.said import said
from gdbext.target.target import Target

_MOST_BLOCKS = 1000
_MOST_BYTES = 1 << 16  # of one block, beyond what was read with the heap
_BLOCKS = Argument(
    "--blocks", "so many blocks on each side of it (default: 1)", {"metavar": "N", "type": decimal, "default": 1}
)
_WHOLE = Argument("--all", "every byte of each block, not only both ends of long ones", {"action": "store_true"})


def collect_viewed(target: Target, options: Namespace) -> Tuple[Collected, int]:
    """Reads the heaps and the trace, and the address that was asked for."""
    address = target.bytes.address(options.address)
    found = collect(target, options)
    found.skip_unreadable()
    return found, address


def analyse(viewed: Tuple[Collected, int], options: Namespace) -> ViewReport:
    """Makes the report: the blocks around the address in the heap that holds it."""
    found, address = viewed
    place = find_place(found.heaps, found.trace.history, address)
    blocks: List[Viewed] = []
    for facts in found.heaps:
        if facts.start <= address < facts.end:
            blocks += _blocks(found, facts, address, options)
            break
    following = None if not blocks else said("next-last", address=address)
    return ViewReport(*found.closing(), address, place, tuple(blocks), damaged_heaps(found), following)


def _blocks(found: Collected, facts: HeapFacts, address: int, options: Namespace) -> Iterator[Viewed]:
    spans = load("analyse.view", "around")(facts, address, min(options.blocks, _MOST_BLOCKS))
    lines = partial(load("analyse.view", "rows_of"), facts, faults=run_rules(facts)[0], whole=options.all)
    owners = Owners(found)
    for low, high, is_block in spans:
        found.memory.fetch(low, min(high - low, _MOST_BYTES))
        rows, left_out = lines((low, high, is_block))
        raw = low + facts.layout.header
        if not is_block:
            yield Viewed(raw, high - raw, "unproven", None, (), tuple(rows), left_out)
            continue
        is_free = facts.is_free(raw)
        user = raw if is_free else facts.user(raw)
        owner = None if is_free else owners.of(facts.region.address, user)
        task, stack = (None, ()) if owner is None else (owner.task, owner.allocated)
        state = "free" if is_free else "used"
        yield Viewed(user, facts.size_of(raw), state, task, stack, tuple(rows), left_out)


def view_lines(report: ViewReport) -> Iterator[str]:
    """Yields the rows of each block."""
    lines: Iterator[str] = load("report.text.view", "view_lines")(report)
    return lines


def lacking(report: ViewReport) -> str:
    """Returns what could not be read at all."""
    return "" if report.blocks else "heap"


COMMAND = Command(
    __name__, __doc__, (ADDRESS, _BLOCKS, _WHOLE, *SOURCES), collect_viewed, analyse, view_lines, ViewReport,
    lacking=lacking,
)  # fmt: skip
