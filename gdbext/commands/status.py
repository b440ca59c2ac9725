# SPDX-License-Identifier: Apache-2.0
"""`memtrace status`: what was found, what is missing, and how to get it."""

from __future__ import annotations

from argparse import Namespace
from typing import Optional, Tuple

from gdbext.analyse.recognised import evidence_of
from gdbext.commands.collect import Collected, collect
from gdbext.commands.control import pending_request
from gdbext.commands.host import Host
from gdbext.heap.allocator import Unreadable
from gdbext.heap.facts import HeapFacts
from gdbext.model import HeapStatus, RingStatus, Skipped, StatusReport
from gdbext.trace.trace import Trace

_MOST_TASKS = 16


def run_status(host: Host, options: Namespace) -> StatusReport:
    """Collects; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    found = collect(host, options.heap, options.ring, options.pool, needed=False)
    heaps = tuple(_heap(facts) for facts in found.heaps) + tuple(_unknown(heap) for heap in found.unreadable)
    ring = _ring(found.trace)
    facts = (*host.facts(), *_tasks(found), *_kernel(host, found))
    trace, skipped, cost = found.closing(memory, mark)
    return StatusReport(heaps, ring, trace, facts, skipped, cost)


def _heap(facts: HeapFacts) -> HeapStatus:
    layout, region = facts.layout, facts.region
    why = "its reading was interrupted" if facts.cut else evidence_of(facts)
    return HeapStatus(region.kind, layout.name, region.address, facts.start, facts.end, why, region.origin, region.name)


def _unknown(heap: Unreadable) -> HeapStatus:
    region = heap.region
    start, end = _span(region.address, region.start, region.end)
    return HeapStatus(region.kind, heap.status, region.address, start, end, heap.why, region.origin, region.name)


def _span(address: int, start: Optional[int], end: Optional[int]) -> Tuple[int, int]:
    return (address if start is None else start), (address if end is None else end)


def _tasks(found: Collected) -> Tuple[str, ...]:
    if found.tasks is None:
        return ()
    blocks, names = len(found.tasks.tasks), sorted(set(found.tasks.tasks.values()))
    return (f"tasks  ESP-IDF's task_stats names the owners of {blocks:,} blocks: {', '.join(names)}",)


def _kernel(host: Host, found: Collected) -> Tuple[str, ...]:
    """The kernel's tasks on a line, if there is a kernel; what is wrong with its lists is among what was skipped."""
    known = host.tasks()
    found.skipped += [Skipped("tasks", problem) for problem in known.problems]
    shown = [task.name for task in known.tasks[:_MOST_TASKS]]
    more = f" ... {len(known.tasks) - len(shown):,} more" if len(known.tasks) > len(shown) else ""
    count = f"{len(known.tasks):,} of FreeRTOS, {'by lists that are whole' if known.complete else 'and perhaps more'}"
    return (f"tasks  {count}: {', '.join(shown)}{more}",) if shown else ()


def _ring(trace: Optional[Trace]) -> Optional[RingStatus]:
    header = None if trace is None else trace.header
    if header is None:
        return None
    used, size = header.control.stack_words_used, header.tables["stacks"].entries
    pending, obeyed = pending_request(header), header.control.request_done
    return RingStatus(header.address, header.capacity, min(used, size), size, header.build_id, pending, obeyed)
