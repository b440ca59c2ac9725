# SPDX-License-Identifier: Apache-2.0
"""heap-blocks: List the blocks of every heap with their owners."""

from __future__ import annotations

from argparse import Namespace
from typing import List

from gdbext.analyse.check import list_blocks
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.commands.arguments import ALL, CALLER, LIMIT, SIZE, SOURCES, TASK, WHERE
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import called_by, decimal, is_named, limit_of, parse_range, within
from gdbext.model.reports.blocks import BlockEntry, BlocksReport, BlocksTotal
from gdbext.report.text.blocks import blocks_lines
from gdbext.target.target import Target

_STATE = Argument("--state", "used or free blocks only", {"choices": ["used", "free"]})


def collect_blocks(target: Target, options: Namespace) -> Collected:
    """Reads the heaps and the trace."""
    found = collect(target, options)
    found.skip_unreadable()
    return found


def analyse(found: Collected, options: Namespace) -> BlocksReport:
    """Makes the report: all blocks that pass the filters."""
    target, owners = found.target, Owners(found)
    kept: List[BlockEntry] = []
    for facts in found.heaps:
        heap = facts.region.address
        for block in list_blocks(facts, found.trace.history):
            owner = owners.of(heap, block.payload) if block.state == "used" else None
            entry = BlockEntry(heap, block.payload, block.raw, block.size, block.requested, block.state, owner)
            kept += [entry] if _matches(target, options, entry) else []
    total = BlocksTotal(len(kept), sum(entry.size for entry in kept))
    shown = kept[: limit_of(options, target.settings.limit)]
    return BlocksReport(*found.closing(), tuple(shown), total)


def _matches(target: Target, options: Namespace, entry: BlockEntry) -> bool:
    owner = entry.owner
    addresses = parse_range("--address", options.address, target.bytes.address)
    return (
        within(entry.size, parse_range("--size", options.size, decimal))
        and options.state in (None, entry.state)
        and (
            options.address is None or (addresses[0] < entry.raw + entry.size and within(entry.raw, (0, addresses[1])))
        )
        and is_named(None if owner is None else owner.task, options.task)
        and (options.caller is None or (owner is not None and called_by(owner.allocated, options.caller)))
    )


COMMAND = Command(
    __name__, __doc__, (*SOURCES, SIZE, _STATE, TASK, WHERE, CALLER, LIMIT, ALL), collect_blocks, analyse, blocks_lines,
    BlocksReport,
)  # fmt: skip
