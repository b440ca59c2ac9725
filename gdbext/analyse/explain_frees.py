# SPDX-License-Identifier: Apache-2.0
"""Explains wrong frees: a second free, a free into another heap, a free of no block, a free that the trace lacks.

Approach: the trace has the events and the heaps show their results. A free is named only where both agree.
"""

from __future__ import annotations

from typing import Dict

from gdbext.analyse.case import LIKELY, LINKED, OPEN, PROVEN, RUN, Case
from gdbext.heap.facts import HeapFacts
from gdbext.model.record import replace
from gdbext.model.said import said


def tell_double_free(case: Case, block: int) -> bool:
    """Names both frees of a block, even if the allocator refused the second. Returns whether the trace has both."""
    user = case.facts.user(block)
    pairs = [pair for pair in case.witness.history.double_frees() if pair[0].address == user]
    if not pairs:
        return False
    second, first = pairs[-1]
    refused = any(life.refused for life in case.witness.history.generations(user))
    why = said("second-free-refused") if refused else said("second-free")
    case.accuse(PROVEN, block, first, said("first-free"))
    # The block's generation, as if the second free had ended it.
    again = replace(first, freed_seq=second.seq, freed_task=second.task, freed=second.stack, in_flight=True)
    case.accuse(RUN, block, again, why)
    order = said("freed-in-order", first=first.freed_seq, second=second.seq)
    heap = said("free-by-heap") if case.witness.heap_free(user) else None
    case.tell(PROVEN, "double-free", user, said("freed-twice", block=user), order, heap)
    return True


def tell_listed_twice(case: Case) -> None:
    """Names a block that a second free has put on its list again, which leaves links of a form of their own. Both links
    lead to the block itself, or its list leads back to it and it is the first. In a list with one link, which is in the
    order of sizes, a block of the same size leads back to it.
    """
    fault, facts = case.fault, case.facts
    if fault.rule != "list-cycle" or fault.block is None or not facts.is_block(fault.block):
        return
    touched = [thing for thing in fault.touches if isinstance(thing, int) and thing != fault.block]
    block = touched[0] if touched else fault.block  # that the pointer leads to
    node = facts.listed.get(block)
    back = [one.actual for one in case.faults if one.rule == "back-link" and one.block == block]
    if node is None or node.prev_free is None:
        signed = facts.is_block(block) and facts.size_of(block) == facts.size_of(fault.block)
    else:
        signed = back == [fault.actual] if block == fault.block else node.previous is None and not back
    if signed:
        user = facts.user(block)
        case.accuse(LINKED, block)
        case.tell(LINKED, "double-free", user, said("listed-twice", block=user), said("links-of-second-free"))


def tell_wrong_heap(case: Case) -> None:
    """Names each block that is on a free list of a heap it does not belong to. Either heap may show it."""
    others = [heap for heap in case.witness.heaps if heap is not case.facts]
    outward, astray = _outward(case.facts), []  # each block with its own heap and the heap that lists it
    for fault in case.faults:
        block = outward.get(fault.address) if fault.rule == "list-link" else None
        if block is not None:
            astray += [(block, home, case.facts) for home in others if home.is_block(block)]
        if fault.rule == "free-not-listed" and fault.block is not None:
            listing = [heap for heap in others if fault.block in _outward(heap).values()]
            astray += [(fault.block, case.facts, heap) for heap in listing]
    for block, home, other in astray:
        user, witness = home.user(block), case.witness.beside(home)
        life = case.witness.history.newest(user)
        case.accuse(PROVEN, block, life, said("freed-into-other"), witness)
        text = said("wrong-heap", block=user, home=home.start, other=other.start)
        unlisted = said("own-heap-lists-not") if block not in home.listed else None
        case.tell(PROVEN, "wrong-heap-free", user, text, said("other-heap-lists"), unlisted)


def _outward(facts: HeapFacts) -> Dict[int, int]:
    """Returns where the list pointers that leave a heap lead, as payloads, by the addresses of the pointers."""
    return {fault.address: fault.leads_to for fault in facts.walk.faults if fault.target is None}


def explain_refused_free(case: Case) -> None:
    """Explains a free that an assertion refused although the heap is sound."""
    holder = case.facts.holder(case.block)
    if holder is None or holder == case.block:
        case.accuse(LIKELY, case.block, why=said("given-to-free"))
        case.tell(LIKELY, "wrong-heap-free", case.user, said("given-to-other", block=case.user), said("own-heap-sound"))
        return
    owner = case.facts.user(holder)
    case.accuse(PROVEN, holder, why=said("pointer-inside", pointer=case.user))
    case.accuse(LIKELY, case.block, why=said("given-to-free"))
    text = said("interior-free", block=owner, offset=case.user - owner)
    case.tell(PROVEN, "invalid-free", case.user, text, said("no-block-there"))


def explain_disagreement(case: Case) -> None:
    """Explains a block that the trace has as live and the heap as free, or two live owners of the same bytes."""
    touched = sorted(block for block in case.fault.touches if isinstance(block, int))
    newest = [life for block in touched for life in case.witness.history.generations(case.facts.user(block))[-2:]]
    live = sorted((life for life in newest if not life.is_freed), key=lambda life: life.seq or 0)
    for life in live:
        case.accuse(LIKELY, case.facts.raw(life.payload), life, said("live-by-trace"))
    twice = [tell_double_free(case, block) for block in touched]
    if not any(twice):
        oldest = live[0].payload
        case.tell(OPEN, "unrecorded-free", oldest, said("unrecorded-free", block=oldest), said("heap-agrees"))
