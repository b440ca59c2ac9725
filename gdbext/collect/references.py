# SPDX-License-Identifier: Apache-2.0
"""Finds the places that hold a pointer, with the variable or the owner of the block that each lies in."""

from __future__ import annotations

import re
from itertools import islice
from typing import Iterator, Optional, Tuple

from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.collect.roots import Scan, collect_scan
from gdbext.model.memory import Reference
from gdbext.model.record import replace

_MOST_HOLDERS = 3
_MOST_BYTES = 1 << 20  # of variables that are read for a detail of a report
# Stacks and registers hold it because the calls at the stop have it. Some stacks are variables.
_KEPT = ("global", "memory", "block")
_STACK = re.compile(r"(?i)stack")


def references_to(found: Collected, scan: Scan, low: int, high: int, own: Optional[int]) -> Iterator[Reference]:
    """Yields every pointer into low..high from outside of the block `own`."""
    owners, heaps = Owners(found), {block.payload: block.heap for block in scan.reach.blocks}
    for pointer in scan.reach.pointers_to(low, high, scan.roots, scan.registers):
        if own is not None and pointer.block == own:
            continue
        if pointer.block is not None:
            yield replace(pointer, owner=owners.of(heaps[pointer.block], pointer.block))
        elif pointer.kind in ("global", "memory"):
            yield replace(pointer, name=found.target.program.name_at(pointer.address or 0) or pointer.name)
        else:
            yield pointer


def holders_of(found: Collected, pointer: int) -> Tuple[Reference, ...]:
    """Returns the first variables and blocks that hold just this pointer. A slow source is not scanned for them:
    `memtrace refs` does it if it is asked.
    """
    size = sum(end - start for _, start, end in found.target.program.writable())
    if found.memory.fragile or size > _MOST_BYTES or found.memory.link.is_slow(size):
        return ()
    skipped = list(found.skipped)
    scan = collect_scan(found, ())
    found.skipped = skipped  # that a scan for a detail of the report is not whole concerns nobody
    references = references_to(found, scan, pointer, pointer + 1, None)
    holding = (one for one in references if one.kind in _KEPT and not _STACK.search(one.name))
    return tuple(islice(holding, _MOST_HOLDERS))
