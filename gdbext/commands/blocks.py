# SPDX-License-Identifier: Apache-2.0
"""heap-blocks: List the blocks of every heap with their owners."""

from __future__ import annotations

from argparse import Namespace
from typing import Iterator, List, Optional, Tuple

from gdbext.analyse.check import list_blocks
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.commands.arguments import ALL, CALLER, LIMIT, PREVIOUS, SIZE, SOURCES, TASK, WHERE
from gdbext.commands.check import damaged_heaps
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import Bounds, called_by, is_named, limit_of, where_asked, why_empty, within
from gdbext.loading import load
from gdbext.model.events import Owner
from gdbext.model.reports.blocks import BlockEntry, BlocksReport, BlocksTotal
from gdbext.model.said import said
from gdbext.report.sentences import words
from gdbext.report.text.blocks import blocks_lines
from gdbext.target.target import Target

_STATE = Argument("--state", "used or free blocks only", {"choices": ["used", "free"]})
_ROLE = Argument(
    "--role", "only blocks whose proven role contains TEXT, such as stack, queue or mutex", {"metavar": "TEXT"}
)


Wanted = Tuple[Collected, Optional[Bounds]]  # heaps and trace, and the addresses that were asked for


def collect_blocks(target: Target, options: Namespace) -> Wanted:
    """Reads the heaps and the trace."""
    where = where_asked(target, options)
    found = collect(target, options)
    found.skip_unreadable()
    return found, where


def analyse(wanted: Wanted, options: Namespace) -> BlocksReport:
    """Makes the report: all blocks that pass the filters."""
    found, where = wanted
    kept: List[BlockEntry] = []
    tasks: List[Optional[str]] = []  # of every block
    has_memory = found.target.log is None and not found.trace.is_past
    for entry in _in_heaps(found) if has_memory else _in_trace(found):
        tasks.append(None if entry.owner is None else entry.owner.task)
        kept += [entry] if _matches(options, where, entry) else []
    total = BlocksTotal(len(kept), sum(entry.size for entry in kept))
    shown = kept[: limit_of(options, found.target.settings.limit)]
    empty = why_empty(options, said("blocks-found", blocks=len(tasks)), tasks) if tasks else (said("no-blocks"),)
    damaged = damaged_heaps(found)
    read = tuple(facts.region.address for facts in found.heaps)
    return BlocksReport(*found.closing(), tuple(shown), total, read, () if kept else empty, damaged)


def _in_heaps(found: Collected) -> Iterator[BlockEntry]:
    """Yields the blocks of every heap."""
    owners, roles = Owners(found), load("collect.roles", "Roles")(found)
    for facts in found.heaps:
        heap = facts.region.address
        for block in list_blocks(facts, found.trace.history):
            owner = owners.of(heap, block.payload) if block.state == "used" else None
            role = roles.of(facts, block.raw)
            yield BlockEntry(heap, block.payload, block.raw, block.size, block.requested, block.state, owner, role)


def _in_trace(found: Collected) -> Iterator[BlockEntry]:
    """Yields the blocks that a log, or the trace of the run before, has not seen freed, each in the size that was asked
    for. They have no heap.
    """
    is_told = found.trace.info is None or found.trace.info.addressed
    for life in sorted(found.trace.history.live(), key=lambda life: life.payload):
        payload = life.payload if is_told else None
        size = life.size or 0
        owner = Owner(life.seq, life.task, found.target.frames(life.allocated), life.module)
        yield BlockEntry(None, payload, payload, size, life.size, "used", owner)


def lacking(report: BlocksReport) -> str:
    """Returns what could not be read at all."""
    trace = report.trace
    return "" if report.heaps or (trace is not None and (trace.past or trace.log is not None)) else "heap"


def _matches(options: Namespace, where: Optional[Bounds], entry: BlockEntry) -> bool:
    owner = entry.owner
    return (
        within(entry.size, options.size)
        and options.state in (None, entry.state)
        and (
            where is None
            or entry.raw is None
            or (where[0] < entry.raw + entry.size and within(entry.raw, (0, where[1])))
        )
        and is_named(None if owner is None else owner.task, options.task)
        and (options.role is None or (entry.role is not None and options.role in words(entry.role)))
        and (options.caller is None or (owner is not None and called_by(owner.allocated, options.caller)))
    )


COMMAND = Command(
    __name__, __doc__, (*SOURCES, PREVIOUS, SIZE, _STATE, TASK, _ROLE, WHERE, CALLER, LIMIT, ALL), collect_blocks,
    analyse, blocks_lines, BlocksReport, lacking=lacking,
)  # fmt: skip
