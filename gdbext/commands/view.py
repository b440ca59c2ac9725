# SPDX-License-Identifier: Apache-2.0
"""heap-view: Show the bytes of the blocks around an address, decoded: headers, links, canaries, payload, damage."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Iterator, List, Sequence, Tuple

from gdbext.analyse.last import find_place
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.commands.arguments import ADDRESS, SOURCES
from gdbext.commands.check import damaged_heaps, faults_of_heaps
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import decimal
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.loading import load
from gdbext.model.reports.view import Viewed, ViewReport
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.target.target import Target

_MOST_BLOCKS = 1000
_MOST_BYTES = 1 << 24  # of one block with --all
_END_BYTES = 1024  # of a long block without it: read from each end, more than is shown of it
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
    faults_of = faults_of_heaps(found)
    for facts, faults in faults_of:
        if facts.start <= address < facts.end:
            blocks += _blocks(found, facts, faults, address, options)
            break
    following = None if not blocks else said("next-last", address=address)
    return ViewReport(*found.closing(), address, place, tuple(blocks), damaged_heaps(found, faults_of), following)


def _fetch(memory: Memory, low: int, high: int, whole: bool) -> None:
    """Reads what is shown of a block and was not read with the heap."""
    if whole or high - low <= 2 * _END_BYTES:
        memory.fetch(low, min(high - low, _MOST_BYTES))
        return
    memory.fetch(low, _END_BYTES)
    memory.fetch(high - _END_BYTES, _END_BYTES)


def _blocks(
    found: Collected, facts: HeapFacts, faults: Sequence[Fault], address: int, options: Namespace
) -> Iterator[Viewed]:
    spans = load("analyse.view", "around")(facts, address, min(options.blocks, _MOST_BLOCKS))
    lines = partial(load("analyse.view", "rows_of"), facts, faults=faults, whole=options.all)
    owners = Owners(found)
    for low, high, is_block in spans:
        _fetch(found.memory, low, high, options.all)
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
