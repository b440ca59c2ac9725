# SPDX-License-Identifier: Apache-2.0
"""heap-check: Walk every heap, check all invariants, and name who damaged it."""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.analyse.check import check_heap
from gdbext.analyse.rules import run_rules
from gdbext.analyse.shared import Shared, shared_memory
from gdbext.analyse.stacks import FullStack
from gdbext.analyse.suspects import Witness
from gdbext.analyse.watch import plan_damage
from gdbext.analyse.who import answer, next_step
from gdbext.collect.arenas import arenas_of
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.collect.stacks import full_stacks
from gdbext.commands.arguments import PREVIOUS, SOURCES
from gdbext.commands.command import Argument, Command
from gdbext.heap.allocator import Unreadable
from gdbext.heap.around import fetch_around
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.loading import load
from gdbext.model.diagnosis import Given, Operation
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.check import CheckReport, HeapReport
from gdbext.model.said import said
from gdbext.report.text.check import check_lines
from gdbext.target.target import Target

_BLOCKS = Argument("--blocks", "list every block in the JSON", {"action": "store_true"})

FaultsOf = List[Tuple[HeapFacts, List[Fault]]]


class Broken(NamedTuple):
    """Heaps and trace, the faults of each heap, what lies where, and what the stop shows of the cause."""

    found: Collected
    faults: FaultsOf
    places: Callable[[], Any]
    given: Optional[Given] = None  # what the calls at the stop gave to the allocator
    full: Tuple[FullStack, ...] = ()  # full stacks above damage
    shared: Sequence[Shared] = ()  # memory that has two owners


def collect_broken(target: Target, options: Namespace) -> Broken:
    """Reads the heaps and the trace, and finds the faults. Reads the bytes around each fault if they are missing."""
    found = collect(target, options)
    faults: List[Tuple[HeapFacts, List[Fault]]] = []
    for facts in found.heaps:
        broken, skipped = run_rules(facts)
        found.skipped += skipped
        faults.append((facts, broken))
        if found.memory.snapshot.missing(facts.start, facts.layout.behind):
            damage = [(fault.address, fault.length) for fault in broken]
            fetch_around(found.memory, damage, facts.start, facts.layout.behind)
    damaged = [fault.address for _, broken in faults for fault in broken]
    places = _places(found)
    given = None
    if target.debugger.looks_dead and not found.trace.is_past:  # the stop is of this run
        given = load("collect.given", "given_at_stop")(found, places())
    shared = shared_memory(found.heaps, arenas_of(found, bool(damaged)))
    return Broken(found, faults, places, given, full_stacks(found, damaged), shared)


def _places(found: Collected) -> Callable[[], Any]:
    """Returns what tells where an address lies. It is loaded at the first question: a sound heap asks none."""
    return lru_cache(maxsize=1)(lambda: load("collect.places", "Places")(found))


def analyse(broken: Broken, options: Namespace) -> CheckReport:
    """Makes the report: the faults with their explanations. Notes the first damage for `memtrace watch`."""
    found, target = broken.found, broken.found.target
    operation = lru_cache(maxsize=1)(lambda: _operation(found))  # asks the debugger at most once
    heaps, unproven = _checked(broken, operation, options.blocks)
    found.skipped += unproven
    for unread in found.unreadable:
        heaps.append(_unreadable_heap(unread))
        found.skipped.append(Skipped(f"heap {unread.region.address:#x}", unread.why))
    damaged = any(heap.findings for heap in heaps)
    plan = plan_damage(heaps, found.trace, found.memory.source.pointer_size)
    if plan is not None:
        target.debugger.last_damage = plan  # `memtrace watch` needs it after a restart, when the trace is gone
    dies = damaged or (target.debugger.at_death and not found.trace.is_past)
    asserted = operation().assertion if dies else found.trace.assertion
    who = answer(heaps)
    return CheckReport(*found.closing(), asserted, tuple(heaps), who, next_step(heaps, who))


def faults_of_heaps(found: Collected) -> FaultsOf:
    """Returns each heap with its faults."""
    return [(facts, run_rules(facts)[0]) for facts in found.heaps]


def damaged_heaps(found: Collected, faults_of: Optional[FaultsOf] = None) -> Tuple[int, ...]:
    """Returns the addresses of the heaps that this command calls damaged, for reports that only warn of them. The rules
    are run here, unless their faults are known already.
    """
    faults_of = faults_of_heaps(found) if faults_of is None else faults_of
    broken = Broken(found, faults_of, _places(found))
    heaps, _ = _checked(broken, lru_cache(maxsize=1)(lambda: _operation(found)), False)
    return tuple(heap.address for heap in heaps if heap.status == "damaged")


def _checked(
    broken: Broken, operation: Callable[[], Operation], with_blocks: bool
) -> Tuple[List[HeapReport], List[Skipped]]:
    """Returns the report of each heap that was read, and the trace rules that could not be checked."""
    found, given = broken.found, broken.given
    concerned = None if given is None else _concerned(found.heaps, given)
    target, owners = found.target, Owners(found)
    roles = lru_cache(maxsize=1)(lambda: load("collect.roles", "Roles")(found))
    heaps: List[HeapReport] = []
    skipped: List[Skipped] = []
    for facts, faults in broken.faults:
        witness = Witness(
            facts, found.trace.history, target.frames, found.trace.info, found.heaps,
            owners.task_of, lambda address: broken.places().at(address), operation,
            given if facts is concerned else None, broken.full, lambda facts, raw: roles().of(facts, raw),
            [one for one in broken.shared if one.heap == facts.region.address],
        )  # fmt: skip
        group = 1 + sum(len({finding.group for finding in heap.findings}) for heap in heaps)
        heap, unproven = check_heap(witness, faults, group, with_blocks)
        heaps.append(heap)
        skipped += unproven
    return heaps, skipped


def _concerned(heaps: Sequence[HeapFacts], given: Given) -> Optional[HeapFacts]:
    """Returns the heap that a pointer lies in, else the one that it was given to, else the first."""
    holding = [heap for heap in heaps if heap.start <= given.pointer < heap.end]
    called = [heap for heap in heaps if {heap.region.address, heap.layout.control} & {*given.heaps}]
    return next(iter([*holding, *called, *heaps]), None)


def _operation(found: Collected) -> Operation:
    """Returns the operation that the target stopped in: the trace's assertion, else what the debugger sees."""
    if found.trace.assertion is None:
        return found.target.debugger.operation()
    return Operation(True, said("allocator-asserted"), True, found.trace.assertion)


def _unreadable_heap(heap: Unreadable) -> HeapReport:
    region = heap.region
    start = region.start if region.start is not None else region.address
    end = region.end if region.end is not None else region.address
    return HeapReport(
        kind=region.kind, layout="unknown", name=region.name, address=region.address, start=start, end=end,
        status=heap.status, poisoning="none", used_blocks=0, free_blocks=0, used_bytes=0, free_bytes=0, largest_free=0,
        minimum_free=None, findings=(), gaps=(), resumed=(), blocks=None,
    )  # fmt: skip


def exit_status(report: CheckReport) -> int:
    """Returns 1 if a heap is damaged; else 2 if one is unreadable, none was found, or Ctrl-C cut it short; else 0."""
    states = [heap.status for heap in report.heaps]
    unknown = "unreadable" in states or not states or report.cost.interrupted
    return 1 if "damaged" in states else 2 if unknown else 0


COMMAND = Command(
    __name__, __doc__, (*SOURCES, PREVIOUS, _BLOCKS), collect_broken, analyse, check_lines, CheckReport, exit_status
)
