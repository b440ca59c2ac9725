# SPDX-License-Identifier: Apache-2.0
"""heap-leaks: List blocks that were allocated in the trace and not freed, or that nothing points at."""

from __future__ import annotations

from argparse import Namespace
from itertools import chain
from typing import Iterator, List, Optional, Tuple

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.collect.roots import Scan, collect_scan
from gdbext.commands.arguments import ALL, LIMIT, PREVIOUS, SCAN, SOURCES
from gdbext.commands.check import damaged_heaps
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import is_named, limit_of
from gdbext.model.errors import UserError
from gdbext.model.events import Generation, buffer_number
from gdbext.model.reports.leaks import Leak, LeaksReport
from gdbext.model.said import said
from gdbext.report.text.leaks import leaks_lines
from gdbext.target.target import Target

_UNREACHABLE = Argument(
    "--unreachable",
    "blocks that nothing points at, from globals, stacks and registers on",
    {"action": "store_true"},
)
_NEWEST = Argument("--newest", "the newest first, in place of the largest", {"action": "store_true"})
_SINCE = Argument("--since", "only what was allocated after this mark", {"metavar": "MARK"})


Lost = Tuple[Collected, Optional[Scan]]  # heaps and trace, and the scan for pointers if --unreachable was given


def collect_lost(target: Target, options: Namespace) -> Lost:
    """Reads the heaps and the trace. With --unreachable, also reads all memory that may hold pointers."""
    if options.previous and options.unreachable:
        raise UserError("--unreachable looks at memory as it is now: of the run before only the trace is left")
    found = collect(target, options, needed=options.unreachable)
    return found, collect_scan(found, chain(*options.scan)) if options.unreachable else None


def analyse(lost: Lost, options: Namespace) -> LeaksReport:
    """Makes the report: the unreachable blocks, or else those that the trace has not seen freed.

    Lists nothing if Ctrl-C cut the reading short: the unread part may hold a pointer to a block, or its free event.
    """
    found, scan = lost
    since = None if options.since is None else _mark_named(found, options.since)
    leaks = sorted(_leaks(found, scan, since), key=_by_age if options.newest else _order)
    shown = tuple(leaks[: limit_of(options, found.target.settings.limit)])
    total: Optional[int] = len(leaks)
    size: Optional[int] = sum(leak.size for leak in leaks)
    if found.memory.interrupted:
        shown, total, size = (), None, None
    unscanned = () if scan is None else tuple(scan.unscanned)
    complete = not (found.memory.interrupted or unscanned)
    kind = "not freed" if scan is None else "unreachable" if complete else "not reached"
    scanned = () if scan is None else scan.scanned(found.memory)
    damaged = damaged_heaps(found)
    first = next((leak.payload for leak in shown if leak.payload is not None), None)
    return LeaksReport(
        *found.closing(), kind, options.since, shown, total, size, complete, scanned, unscanned, damaged,
        None if first is None else said("next-last", address=first),
    )  # fmt: skip


def _leaks(found: Collected, scan: Optional[Scan], since: Optional[int]) -> Iterator[Leak]:
    owners = Owners(found)
    if scan is None:
        if found.trace.info is None:
            raise UserError("no trace tells what was allocated: link the recorder, or give --unreachable")
        for live in _live_since(found, since):
            payload = live.payload if found.trace.info.addressed else None
            heap = found.trace.heap_names.get(live.heap)
            buffer = None if heap is None else buffer_number(live.payload, heap.memory)
            yield Leak(payload, live.size or 0, live.size, None, owners.of(0, live.payload), buffer)
        return
    lost = scan.reach.unreachable(scan.roots, scan.registers)
    holders = scan.reach.holders(lost)
    for number in lost:
        block = scan.reach.blocks[number]
        owner, life = owners.of(block.heap, block.payload), found.trace.history.newest(block.payload)
        if since is None or (owner is not None and (owner.seq or 0) > since):
            requested = life.size if life is not None and not life.is_freed else None
            holder = holders.get(number)
            held_by = None if holder is None else scan.reach.blocks[holder].payload
            yield Leak(block.payload, block.end - block.start, requested, held_by, owner)


def _order(leak: Leak) -> Tuple[bool, int, int]:
    """Sort key: first the blocks that no other leak points at, then the largest, then the oldest."""
    return leak.held_by is not None, -leak.size, (leak.owner.seq or 0) if leak.owner is not None else 0


def _by_age(leak: Leak) -> Tuple[bool, int]:
    """Sort key: the newest first, those that are older than the trace last."""
    seq = None if leak.owner is None else leak.owner.seq
    return seq is None, -(seq or 0)


def _live_since(found: Collected, since: Optional[int]) -> List[Generation]:
    """Returns the allocations after `since` that the trace has not seen freed; None: all, with a log's older blocks.

    Leaves out a block if its heap was read there and has no used block at its address.
    """
    heaps = [range(heap.start, heap.end) for heap in found.heaps]
    gaps = [range(gap.start, gap.end) for heap in found.heaps for gap in heap.walk.gaps()]

    def counts(seq: Optional[int]) -> bool:
        return (since is None and found.target.log is not None) if seq is None else since is None or seq > since

    live = [life for life in found.trace.history.live() if counts(life.seq)]
    return [
        life
        for life in live
        if any(heap.user_size(life.payload) is not None for heap in found.heaps)
        or not any(life.payload in heap for heap in heaps)
        or any(life.payload in gap for gap in gaps)
    ]


def _mark_named(found: Collected, name: str) -> int:
    seqs = [seq for seq, text in found.trace.marks if is_named(text, name)]
    if seqs:
        return seqs[-1]
    known = ", ".join(dict.fromkeys(text for _, text in found.trace.marks)) or "none"
    raise UserError(f"no mark {name} in the trace; it has: {known}")


def lacking(report: LeaksReport) -> str:
    """Returns what could not be read at all."""
    read = any(one.kind == "heap" and one.amount for one in report.scanned)
    return "" if read or report.kind == "not freed" else "used block"


COMMAND = Command(
    __name__, __doc__, (_UNREACHABLE, _SINCE, _NEWEST, SCAN, *SOURCES, PREVIOUS, LIMIT, ALL), collect_lost, analyse,
    leaks_lines, LeaksReport, lacking=lacking,
)  # fmt: skip
