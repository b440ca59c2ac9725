# SPDX-License-Identifier: Apache-2.0
"""`memtrace blocks` and `memtrace free`: what is in the heaps, block by block and in numbers."""

from __future__ import annotations

from argparse import Namespace
from typing import Iterator

from gdbext.analyse.check import list_blocks
from gdbext.commands.collect import Collected, collect
from gdbext.commands.filters import called_by, decimal, is_named, limit_of, parse_range, within
from gdbext.commands.host import Host
from gdbext.commands.owners import Owners
from gdbext.commands.tasks import stack_uses
from gdbext.heap.facts import HeapFacts
from gdbext.model import BlockEntry, BlocksReport, BlocksTotal, FreeReport, HeapTotals, Skipped


def run_blocks(host: Host, options: Namespace) -> BlocksReport:
    """Collects, filters; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    found = collect(host, options.heap, options.ring, options.pool)
    say_unreadable(found)
    owners = Owners(host, found)
    entries = [entry for facts in found.heaps for entry in _entries(owners, found, facts)]
    kept = [entry for entry in entries if _matches(host, options, entry)]
    total = BlocksTotal(len(kept), sum(entry.size for entry in kept))
    shown = kept[: limit_of(options, host.settings.limit)]
    return BlocksReport(tuple(shown), total, *found.closing(memory, mark))


def say_unreadable(found: Collected) -> None:
    """Heaps that could not be read, and gaps, belong to what a list does not show."""
    for heap in found.unreadable:
        found.skipped.append(Skipped(f"heap {heap.region.address:#x}", heap.why))
    for facts in found.heaps:
        for gap in facts.walk.gaps():
            found.skipped.append(Skipped("blocks", f"no block could be proven in {gap.start:#x}..{gap.end:#x}"))


def _entries(owners: Owners, found: Collected, facts: HeapFacts) -> Iterator[BlockEntry]:
    heap = facts.region.address
    for block in list_blocks(facts, found.history):
        owner = owners.of(heap, block.payload) if block.state == "used" else None
        yield BlockEntry(heap, block.payload, block.raw, block.size, block.requested, block.state, owner)


def _matches(host: Host, options: Namespace, entry: BlockEntry) -> bool:
    owner = entry.owner
    addresses = parse_range("--address", options.address, host.address)
    return (
        within(entry.size, parse_range("--size", options.size, decimal))
        and options.state in (None, entry.state)
        and (
            options.address is None or (addresses[0] < entry.raw + entry.size and within(entry.raw, (0, addresses[1])))
        )
        and is_named(None if owner is None else owner.task, options.task)
        and (options.caller is None or (owner is not None and called_by(owner.allocated, options.caller)))
    )


def run_free(host: Host, options: Namespace) -> FreeReport:
    """Collects, sums up; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    found = collect(host, options.heap, options.ring, options.pool)
    say_unreadable(found)
    cut = [facts.region.address for facts in found.heaps if facts.cut]
    found.skipped += [Skipped(f"heap {address:#x}", "its reading was interrupted: no totals") for address in cut]
    heaps = tuple(_totals(facts) for facts in found.heaps if not facts.cut)
    return FreeReport(heaps, stack_uses(host, found), *found.closing(memory, mark))


def _totals(facts: HeapFacts) -> HeapTotals:
    used, free, counters = facts.used_sizes(), facts.free_sizes(), facts.counters
    return HeapTotals(
        kind=facts.region.kind,
        layout=facts.layout.name,
        name=facts.region.name,
        address=facts.region.address,
        start=facts.start,
        end=facts.end,
        used_blocks=len(used),
        free_blocks=len(free),
        used_bytes=facts.used_bytes,
        free_bytes=counters.free_bytes if counters is not None else sum(free),
        largest_free=max(free, default=0),
        minimum_free=counters.minimum_free if counters is not None else None,
        fragmentation=round(1 - max(free) / sum(free), 3) if sum(free) else 0.0,
    )
