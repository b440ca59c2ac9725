# SPDX-License-Identifier: Apache-2.0
"""`memtrace check`: walk every heap, check all invariants, name who did it."""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Callable, List

from gdbext.analyse.check import Known, Operation, check_heap
from gdbext.analyse.rules import run_rules
from gdbext.commands.collect import Collected, collect
from gdbext.commands.host import Host
from gdbext.commands.owners import Owners
from gdbext.heap.allocator import Unreadable
from gdbext.heap.around import fetch_around
from gdbext.heap.facts import HeapFacts
from gdbext.model import CheckReport, HeapReport, Skipped


def run_check(host: Host, options: Namespace) -> CheckReport:
    """Collects, then analyses; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    found = collect(host, options.heap, options.ring, options.pool)
    operation = _asked_once(host, found)
    heaps = _analyse(host, found, operation, options.blocks)
    damaged = any(heap.findings for heap in heaps)
    if damaged:
        _keep_plan(host, heaps, found)
    assertion = operation().assertion if damaged or host.at_assertion else found.assertion
    return CheckReport(assertion, tuple(heaps), *found.closing(memory, mark))


def _keep_plan(host: Host, heaps: List[HeapReport], found: Collected) -> None:
    """Keeps what `memtrace watch last-damage` will ask for: after a restart the trace is gone."""
    from gdbext.analyse.watch import plan_damage  # not needed by those who only load us

    plan = plan_damage(heaps, found.past, host.memory().source.pointer_size)
    if plan is not None:
        host.keep_plan(plan)


def _asked_once(host: Host, found: Collected) -> Callable[[], Operation]:
    """What the target was doing, from the trace if it has the assertion; else the debugger is asked, at most once."""

    @lru_cache(maxsize=1)
    def operation() -> Operation:
        if found.assertion is None:
            return host.operation()
        return Operation(True, "the allocator has asserted", True, found.assertion)

    return operation


def _analyse(host: Host, found: Collected, operation: Callable[[], Operation], with_blocks: bool) -> List[HeapReport]:
    task_of = Owners(host, found).task_of
    known = Known(
        found.history, host.frames, operation, found.trace_info, with_blocks, found.heaps, task_of, host.name_at
    )
    heaps: List[HeapReport] = []
    group = 1
    for facts in found.heaps:
        _read_evidence(host, facts)
        heap, skipped = check_heap(facts, known, group)
        heaps.append(heap)
        found.skipped += skipped
        group += len({finding.group for finding in heap.findings})
    for heap_without in found.unreadable:
        heaps.append(_unreadable_heap(heap_without))
        found.skipped.append(Skipped(f"heap {heap_without.region.address:#x}", heap_without.why))
    return heaps


def _read_evidence(host: Host, facts: HeapFacts) -> None:
    """The bytes around damage, where the heap was not read whole: what is concluded from them needs them there."""
    if host.memory().snapshot.missing(facts.start, facts.layout.behind):
        places = [(fault.address, fault.length) for fault in run_rules(facts)[0]]
        fetch_around(host.memory(), places, facts.start, facts.layout.behind)


def _unreadable_heap(heap: Unreadable) -> HeapReport:
    region = heap.region
    start = region.start if region.start is not None else region.address
    end = region.end if region.end is not None else region.address
    return HeapReport(
        kind=region.kind, layout="unknown", name=region.name, address=region.address, start=start, end=end,
        status=heap.status, poisoning="none", used_blocks=0, free_blocks=0, used_bytes=0, free_bytes=0, largest_free=0,
        minimum_free=None, findings=(), gaps=(), resumed=(), blocks=None,
    )  # fmt: skip
