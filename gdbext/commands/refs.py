# SPDX-License-Identifier: Apache-2.0
"""`memtrace refs ADDR` and `memtrace leaks`: who points at a block; which blocks nobody points at, or nobody freed."""

from __future__ import annotations

from argparse import Namespace
from itertools import islice
from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.last import find_place
from gdbext.analyse.reach import Held, Pointer
from gdbext.commands.collect import Collected, collect
from gdbext.commands.filters import is_named, limit_of
from gdbext.commands.host import Host, UserError
from gdbext.commands.owners import Owners
from gdbext.commands.roots import Scan, collect_scan
from gdbext.model import Generation, Leak, LeaksReport, Reference, RefsReport, Skipped

_MOST_REFERENCES = 1000


def run_refs(host: Host, options: Namespace) -> RefsReport:
    """Collects, scans; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    address = host.address(options.address)
    found = collect(host, options.heap, options.ring, options.pool)
    scan = collect_scan(host, options, found)
    number = scan.reach.block_at(address)
    low, high = (address, address + 1) if number is None else scan.reach.blocks[number][:2]
    pointers = scan.reach.pointers_to(low, high, scan.roots, scan.registers)
    others = (pointer for pointer in pointers if number is None or pointer.block != number)
    owners = Owners(host, found)
    references = [_reference(host, owners, scan, pointer) for pointer in islice(others, _MOST_REFERENCES)]
    if len(references) == _MOST_REFERENCES:
        found.skipped.append(Skipped("scan", f"only the first {_MOST_REFERENCES:,} places that hold it are told"))
    shown = tuple(references[: limit_of(options, host.settings.limit)])
    place = find_place(found.heaps, found.history, address)
    complete, scanned = not (memory.interrupted or scan.unscanned), scan.scanned(memory)
    return RefsReport(
        address, place, shown, len(references), complete, scanned, tuple(scan.unscanned), *found.closing(memory, mark)
    )


def _reference(host: Host, owners: Owners, scan: Scan, pointer: Pointer) -> Reference:
    if pointer.block is not None:
        block = scan.reach.blocks[pointer.block]
        at = (pointer.address or 0) - block.payload
        owner = owners.of(block.heap, block.payload)
        return Reference("block", f"{block.payload:#x}+{at}", pointer.address, pointer.value, block.payload, owner)
    if pointer.root is None:
        return Reference("register", pointer.register or "", None, pointer.value, None, None)
    name = pointer.root.name if pointer.root.kind == "stack" else ""
    name = name or host.name_at(pointer.address or 0) or pointer.root.name
    return Reference(pointer.root.kind, name, pointer.address, pointer.value, None, None)


def run_leaks(host: Host, options: Namespace) -> LeaksReport:
    """What is unreachable, or was allocated since a mark, or in the trace's window, and not freed.

    What Ctrl-C has cut short lists nothing: a block may be held, or freed, by what was not read.
    """
    memory = host.memory()
    mark = memory.mark()
    found = collect(host, options.heap, options.ring, options.pool, needed=options.unreachable)
    scan = collect_scan(host, options, found) if options.unreachable else None
    since = None if options.since is None else _mark_named(found, options.since)
    leaks = sorted(
        _leaks(Owners(host, found), found, scan, since), key=lambda leak: (leak.held_by is not None, -leak.size)
    )
    shown = tuple(leaks[: limit_of(options, host.settings.limit)])
    total: Optional[int] = len(leaks)
    size: Optional[int] = sum(leak.size for leak in leaks)
    if memory.interrupted:
        shown, total, size = (), None, None
    unscanned = () if scan is None else tuple(scan.unscanned)
    complete = not (memory.interrupted or unscanned)
    kind = "not freed" if scan is None else "unreachable" if complete else "not reached"
    scanned = () if scan is None else scan.scanned(memory)
    return LeaksReport(
        kind, options.since, shown, total, size, complete, scanned, unscanned, *found.closing(memory, mark)
    )


def _leaks(owners: Owners, found: Collected, scan: Optional[Scan], since: Optional[int]) -> Iterator[Leak]:
    if scan is None:
        if found.trace_info is None:
            raise UserError("no trace tells what was allocated: link the recorder, or give --unreachable")
        for one in _live_since(found, since or 0):
            yield Leak(one.payload, one.size or 0, one.size, None, owners.of(0, one.payload))
        return
    lost = scan.reach.unreachable(scan.roots, scan.registers)
    holders = scan.reach.holders(lost)
    for number in lost:
        block = scan.reach.blocks[number]
        owner, life = owners.of(block.heap, block.payload), found.history.newest(block.payload)
        if since is None or (owner is not None and (owner.seq or 0) > since):
            requested = life.size if life is not None and not life.is_freed else None
            yield Leak(block.payload, _size(block), requested, _payload(scan, holders.get(number)), owner)


def _size(block: Held) -> int:
    return block.end - block.start


def _payload(scan: Scan, number: Optional[int]) -> Optional[int]:
    return None if number is None else scan.reach.blocks[number].payload


def _live_since(found: Collected, since: int) -> List[Generation]:
    """Allocations of the trace that it has no free of, and that the heaps, where blocks are proven, still hold."""
    used = {payload for heap in found.heaps for payload in heap.sizes()}
    spans = [(heap.start, heap.end) for heap in found.heaps]
    gaps = [(gap.start, gap.end) for heap in found.heaps for gap in heap.walk.gaps()]

    def is_there(payload: int) -> bool:
        doubtful = not _is_within(payload, spans) or _is_within(payload, gaps)
        return payload in used or doubtful

    return [life for life in found.history.live() if (life.seq or 0) > since and life.seq and is_there(life.payload)]


def _is_within(address: int, ranges: Sequence[Tuple[int, int]]) -> bool:
    return any(start <= address < end for start, end in ranges)


def _mark_named(found: Collected, name: str) -> int:
    marks: Tuple[Tuple[int, str], ...] = () if found.trace is None else found.trace.marks
    seqs = [seq for seq, text in marks if is_named(text, name)]
    if seqs:
        return seqs[-1]
    known = ", ".join(dict.fromkeys(text for _, text in marks)) or "none"
    raise UserError(f"no mark {name} in the trace; it has: {known}")
