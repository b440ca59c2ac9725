# SPDX-License-Identifier: Apache-2.0
"""heap-refs: Show who points at a block: globals, stacks, registers and other blocks."""

from __future__ import annotations

from argparse import Namespace
from itertools import chain, islice
from typing import Tuple

from gdbext.analyse.last import find_place
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.roots import Scan, collect_scan
from gdbext.commands.arguments import ADDRESS, ALL, LIMIT, SCAN, SOURCES
from gdbext.commands.command import Command
from gdbext.commands.filters import limit_of
from gdbext.loading import load
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.refs import RefsReport
from gdbext.model.said import said
from gdbext.report.text.refs import refs_lines
from gdbext.target.target import Target

_MOST_REFERENCES = 1000


Pointed = Tuple[Collected, Scan, int]  # heaps and trace, the scan for pointers, and the address that was asked for


def collect_pointed(target: Target, options: Namespace) -> Pointed:
    """Reads the heaps, the trace, and all memory that may hold pointers."""
    address = target.bytes.address(options.address)
    found = collect(target, options)
    return found, collect_scan(found, chain(*options.scan)), address


def analyse(pointed: Pointed, options: Namespace) -> RefsReport:
    """Makes the report: the pointers to the block from outside it, with their variables or owners."""
    found, scan, address = pointed
    place = load("collect.roles", "Roles")(found).with_role(find_place(found.heaps, found.trace.history, address))
    number = scan.reach.block_at(address)
    low, high = (address, address + 1) if number is None else scan.reach.blocks[number][:2]
    own = None if number is None else scan.reach.blocks[number].payload
    every = load("collect.references", "references_to")(found, scan, low, high, own)
    references = list(islice(every, _MOST_REFERENCES))
    if len(references) == _MOST_REFERENCES:
        found.skipped.append(Skipped("scan", said("first-references", most=_MOST_REFERENCES)))
    shown = tuple(references[: limit_of(options, found.target.settings.limit)])
    spot = load("collect.places", "spot_outside")(found, address, place)
    complete, scanned = not (found.memory.interrupted or scan.unscanned), scan.scanned(found.memory)
    return RefsReport(
        *found.closing(), address, place, shown, len(references), complete, scanned, tuple(scan.unscanned), spot
    )


COMMAND = Command(
    __name__, __doc__, (ADDRESS, SCAN, *SOURCES, LIMIT, ALL), collect_pointed, analyse, refs_lines, RefsReport
)
