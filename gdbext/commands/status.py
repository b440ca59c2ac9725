# SPDX-License-Identifier: Apache-2.0
"""memtrace status: Show what was found (heaps, layouts, ring, symbols), what is missing and how to get it."""

from __future__ import annotations

from argparse import Namespace
from typing import List, Optional, Tuple

from gdbext.analyse.recognised import evidence_of
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.requests import REQUESTED
from gdbext.commands.arguments import PREVIOUS, SOURCES
from gdbext.commands.command import Command
from gdbext.kernel.kernels import read_tasks
from gdbext.kernel.tasks import Tasks
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.status import HeapStatus, RingStatus, StatusReport
from gdbext.model.said import Said, Text, Trouble, said
from gdbext.report.text.status import status_lines
from gdbext.source.memory import Memory
from gdbext.target.target import Code, Target
from gdbext.trace.format import ENTRIES, FROZEN, STATES, Header
from gdbext.trace.ring import header_before, message_of
from gdbext.trace.trace import Trace

_MOST_TASKS = 16
# Of memtrace_tlsf_assert.h, and of FreeRTOS's port where configASSERT was there to be sent on.
_ASSERTION_HOOKS = ("memtrace_tlsf_assertion", "memtrace_freertos_assertion")


def collect_seen(target: Target, options: Namespace) -> Tuple[Collected, Tasks]:
    """Reads heaps, trace and the kernel's tasks. Each of them may be missing."""
    found = collect(target, options, needed=False)
    return found, read_tasks(target.bytes.memory(), target.program)


def analyse(seen: Tuple[Collected, Tasks], options: Namespace) -> StatusReport:
    """Makes the report: what was found and what is missing."""
    found, tasks = seen
    heaps: List[HeapStatus] = []
    for facts in found.heaps:
        where, start, end = facts.region, facts.start, facts.end
        why = "its reading was interrupted" if facts.cut else evidence_of(facts)
        layout = facts.layout.name
        heaps.append(HeapStatus(where.kind, layout, where.address, start, end, why, where.origin, where.name))
    for heap in found.unreadable:
        where = heap.region
        start, end = (where.address if edge is None else edge for edge in (where.start, where.end))
        heaps.append(HeapStatus(where.kind, heap.status, where.address, start, end, heap.why, where.origin, where.name))
    owners = found.trace.owners
    names = tuple(sorted(set(owners.values())))
    known = [said("owners-known", blocks=len(owners), tasks=names)] if owners else []
    target = found.target
    parts = (*target.bytes.facts(), *target.program.facts(), *target.debugger.facts())
    lines = (*parts, *known, *_kernel(tasks))
    found.skipped += [Skipped("tasks", problem) for problem in tasks.problems]
    ring = None if found.trace.header is None else _ring(found, found.trace.header)
    return StatusReport(*found.closing(), tuple(heaps), ring, lines)


def _kernel(tasks: Tasks) -> Tuple[Text, ...]:
    """Returns one line with the kernel's tasks, or none if there are no tasks."""
    shown, left = tuple(task.name for task in tasks.tasks[:_MOST_TASKS]), len(tasks.tasks) - _MOST_TASKS
    if not shown:
        return ()
    sure = said("lists-whole") if tasks.complete else said("lists-broken")
    more = said("more-tasks", left=left) if left > 0 else ""
    return (said("kernel-tasks", count=len(tasks.tasks), kernel=tasks.kernel, sure=sure, tasks=shown, more=more),)


def _ring(found: Collected, header: Header) -> RingStatus:
    used, size = header.stack_words_used, header.tables["stacks"].entries
    pending, obeyed = REQUESTED.get(header.request), header.request_done
    return RingStatus(
        header.address, header.capacity, min(used, size), size, header.build_id, pending, obeyed,
        header.run, header.previous or None, _before(found.memory, header) if header.previous else None,
        header.issued, _last_seconds(found.trace, header), *_entries(header), _asserts(found.target.program),
    )  # fmt: skip


def _last_seconds(trace: Trace, header: Header) -> Optional[float]:
    moment = trace.events[-1].time if trace.events else None
    return None if moment is None or not header.tick_hz else round(moment / header.tick_hz, 6)


def _entries(header: Header) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """Returns the allocator's entries that have been seen to fire, and those that never were."""
    fired = tuple(name for bit, name in ENTRIES.items() if header.entries & bit)
    return fired, tuple(name for name in ENTRIES.values() if name not in fired)


def _asserts(program: Code) -> Optional[bool]:
    """Tells whether the allocator's assertions lead to the recorder. None if the symbols do not tell."""
    known = program.address_of("memtrace_assert_stop") is not None
    return any(program.address_of(name) is not None for name in _ASSERTION_HOOKS) if known else None


def _before(memory: Memory, header: Header) -> Said:
    """Says what the run before left: its assertion, if it ended in one."""
    try:
        before = header_before(memory, header)
    except Trouble as problem:
        return said("no-run-kept", why=problem.why)
    if before.state == FROZEN:
        text, function = message_of(before.assert_text), before.assert_function
        return said("run-before-asserted", run=before.run, function=function, text=text)
    state = STATES.get(before.state, f"state {before.state}")
    return said("run-before", run=before.run, events=before.issued, state=state)


def lacking(report: StatusReport) -> str:
    """Returns what could not be read at all."""
    read = report.trace is not None or any(heap.layout != "unreadable" for heap in report.heaps)
    return "" if read else "heap and no trace"


COMMAND = Command(
    __name__, __doc__, (*SOURCES, PREVIOUS), collect_seen, analyse, status_lines, StatusReport, lacking=lacking
)
