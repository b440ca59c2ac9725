# SPDX-License-Identifier: Apache-2.0
"""Frees that should not have been: twice, into another heap, of no block, or unknown to the trace.

Approach: the trace has the events, the heaps have what became of them; a free is named only where both fit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator, Optional, Tuple

from gdbext.analyse.case import LIKELY, OPEN, PROVEN, RUN, Case
from gdbext.heap.facts import HeapFacts
from gdbext.model import Event, Generation


def explain_double_free(case: Case) -> None:
    """The allocator has refused a second free."""
    if not tell_double_free(case, case.block):
        case.accuse(PROVEN, case.block, case.witness.history.newest(case.user), "freed again")
        case.tell(RUN, "double-free", case.user, case.fault.text, "the trace does not hold its first free")


def tell_double_free(case: Case, block: int) -> bool:
    """Names both frees of a block, if the trace has them."""
    user = case.facts.user(block)
    second, first = _freed_twice(case, user)
    if second is None or first is None:
        return False
    refused = any(life.refused for life in case.witness.history.generations(user))
    why = "the second free, which the allocator refused" if refused else "the second free"
    case.accuse(PROVEN, block, first, "the first free")
    case.accuse(RUN, block, _second_life(first, second), why)
    order = f"first freed at seq {first.freed_seq}, again at seq {second.seq}"
    heap = "the heap has it as free" if case.witness.heap_free(user) else ""
    case.tell(PROVEN, "double-free", user, f"{user:#x} is freed twice", order, heap)
    return True


def _freed_twice(case: Case, user: int) -> Tuple[Optional[Event], Optional[Generation]]:
    pairs = [pair for pair in case.witness.history.double_frees() if pair[0].address == user]
    return pairs[-1] if pairs else (None, None)


def _second_life(first: Generation, second: Event) -> Generation:
    """The block as its second free saw it."""
    return replace(first, freed_seq=second.seq, freed_task=second.task, freed=second.stack, in_flight=True)


def tell_wrong_heap(case: Case) -> None:
    """A block on a free list of a heap that it does not belong to, seen from either heap."""
    for block, home, other in _astray(case):
        user, witness = home.user(block), case.witness.beside(home)
        life = case.witness.history.newest(user)
        case.accuse(PROVEN, block, life, "freed into another heap", witness)
        text = f"{user:#x}, a block of the heap at {home.start:#x}, was freed into the heap at {other.start:#x}"
        unlisted = "its own heap has it on no free list" if block not in home.listed else ""
        case.tell(PROVEN, "wrong-heap-free", user, text, "a free list of that heap leads to it", unlisted)


def _astray(case: Case) -> Iterator[Tuple[int, HeapFacts, HeapFacts]]:
    others = [heap for heap in case.witness.heaps if heap is not case.facts]
    outward = _outward(case.facts)
    for fault in case.faults:
        block = outward.get(fault.address) if fault.rule == "list-link" else None
        yield from ((block, home, case.facts) for home in others if block is not None and block in home.position)
        block = fault.block if fault.rule == "free-not-listed" else None
        yield from ((block, case.facts, heap) for heap in others if block is not None and block in _leads_to(heap))


def _outward(facts: HeapFacts) -> Dict[int, int]:
    """Where the list pointers that leave a heap lead, as payloads, by the pointers' addresses."""
    return {fault.address: fault.leads_to for fault in facts.walk.faults if fault.target is None}


def _leads_to(facts: HeapFacts) -> Tuple[int, ...]:
    return tuple(_outward(facts).values())


def explain_refused_free(case: Case) -> None:
    """An assertion at a free whose heap is sound."""
    holder = case.facts.holder(case.block)
    if holder is None or holder == case.block:
        case.accuse(LIKELY, case.block, why="what was given to free")
        text = f"{case.user:#x} was given to the free of another heap"
        case.tell(LIKELY, "wrong-heap-free", case.user, text, "its own heap is sound")
        return
    owner = case.facts.user(holder)
    case.accuse(PROVEN, holder, why=f"{case.user:#x} is inside it")
    case.accuse(LIKELY, case.block, why="what was given to free")
    text = f"a pointer into {owner:#x} was freed, {case.user - owner:,} bytes past its start"
    case.tell(PROVEN, "invalid-free", case.user, text, "no block begins there")


def explain_disagreement(case: Case) -> None:
    """The trace has an owner for what the heap has as free, or two owners for the same bytes."""
    touched = sorted(block for block in case.fault.touches if isinstance(block, int))
    newest = [life for block in touched for life in case.witness.history.generations(case.facts.user(block))[-2:]]
    live = sorted((life for life in newest if not life.is_freed), key=lambda life: life.seq or 0)
    for life in live:
        case.accuse(LIKELY, case.facts.raw(life.payload), life, "live by the trace: nothing in it frees this")
    twice = [tell_double_free(case, block) for block in touched]
    if not any(twice):
        oldest = live[0].payload
        text = f"{oldest:#x} was freed by code that does not tell the recorder, or the pool that it was in was"
        case.tell(OPEN, "unrecorded-free", oldest, text, "the heap's own words agree with each other")
