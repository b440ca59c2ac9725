# SPDX-License-Identifier: Apache-2.0
"""The invariants of FreeRTOS's heap_4 and heap_5: one chain through the free blocks, NULL in the used ones.

Approach: the chain runs in address order, so every free block's pointer must lead to the next free block in memory.
Each pointer is checked alone, without following the chain. If a block's allocated bit and pointer disagree, the pointer
of the free block before it decides.
Limits: the head of the chain (xStart) lies outside of the heap, so the first free block counts as chained.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Set

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.freertos.layout import FreeRtosLayout, LinkedBlocks
from gdbext.heap.geometry import FREE_BIT, narrowed
from gdbext.heap.roots import ROOTS
from gdbext.heap.rules import NEIGHBOURS, SIZES, check_flaws, first_difference, touching
from gdbext.model.record import replace
from gdbext.model.said import Said, said


def next_of(facts: HeapFacts, payload: int) -> Optional[int]:
    """Returns a block's next pointer as it is stored."""
    return facts.read(narrowed(facts.layout, LinkedBlocks).next_place(payload))


def wrong_flags(facts: HeapFacts) -> Set[int]:
    """Returns the blocks whose allocated bit is contradicted by both their own pointer and the chain."""
    layout, found = narrowed(facts.layout, FreeRtosLayout), set()
    chained = {node.payload for node in facts.walk.nodes}
    free = {payload for payload in facts.walk.payloads if facts.is_free(payload)}
    pointed = {layout.target_of(next_of(facts, payload)) for payload in free}
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        value = next_of(facts, payload)
        if word & FREE_BIT:
            wrong = value in (0, layout.canary, layout.used_next) and payload not in chained
        else:
            # Wrong if a used block is chained, and leads to a free block behind it or to an end marker.
            target = layout.target_of(value) if value != layout.used_next and payload in pointed else None
            wrong = target is not None and target > payload and (layout.is_end(target) or target in free)
        if wrong:
            found.add(payload)
    return found


def flag_faults(facts: HeapFacts, wrong: Set[int]) -> Iterator[Fault]:
    """Yields a fault for each block in `wrong`, whose allocated bit is wrong. heap_2 uses it too."""
    layout, allocated = facts.layout, 1 << (8 * facts.layout.word - 1)
    for payload in sorted(wrong):
        state, right = ("free", "used") if facts.is_free(payload) else ("used", "free")
        place = layout.place_of_size(payload)
        offset = 0 if facts.snapshot.byte_order == "big" else layout.word - 1
        stored = facts.read(place) or 0
        text, touched = said("allocated-bit", stored=stored, state=state, right=right), touching(payload)
        want = stored ^ allocated
        yield Fault("free-flag", place + offset, 1, payload, text, touched, True, "size-word", want, stored)


def check_used(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the used blocks whose next pointer is not NULL, plain or masked."""
    layout, wrong = narrowed(facts.layout, FreeRtosLayout), wrong_flags(facts)
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        value = next_of(facts, payload)
        if word & FREE_BIT or payload in wrong or value is None or value == layout.used_next:
            continue
        place = layout.next_place(payload)
        offset, length = first_difference(value, layout.used_next, layout.word, facts.snapshot.byte_order)
        text, want = said("used-pointer", place=place, stored=value, expected=layout.used_next), layout.used_next
        touched = touching(payload)
        yield Fault("used-link", place + offset, length, payload, text, touched, True, "next-free", want, value)


def check_chain(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the free blocks whose next pointer does not lead to the next free block in memory."""
    layout, wrong = narrowed(facts.layout, FreeRtosLayout), wrong_flags(facts)
    free = [payload for payload in facts.walk.payloads if facts.is_free(payload) != (payload in wrong)]
    if _mask_unknown(facts, free):
        return
    for one, other in zip(free, [*free[1:], None]):
        value = next_of(facts, one)
        if value is None or facts.is_free(one) is False:
            continue
        # The pointer may lead to the next free block, or to an end marker before that block.
        ends = [pool.end for pool in layout.pools if one < pool.end and (other is None or pool.end < other)]
        wanted = {*ends} if other is None else {other, *ends[:1]}
        target = layout.target_of(value)
        if target in wanted or layout.leads_beyond(value):
            continue
        if target is not None and target > one and facts.in_gap(target):
            continue
        place = layout.next_place(one)
        text = said("free-pointer", place=place, stored=value, why=_pointer_problem(facts, one, target))
        touched = touching(one, other, target if target is not None and not layout.is_end(target) else None)
        want = None if len(wanted) != 1 else (max(wanted) - layout.header) ^ layout.canary
        yield Fault("list-link", place, layout.word, one, text, touched, True, "next-free", want, value)


def _mask_unknown(facts: HeapFacts, free: List[int]) -> bool:
    """True if pointers may be masked by a word that nothing tells, because the blocks that they lead to are missing."""
    layout, unread = narrowed(facts.layout, FreeRtosLayout), any(broken.word is None for broken in facts.walk.breaks)
    return unread and not layout.canary and not any(layout.target_of(next_of(facts, payload)) for payload in free)


def _pointer_problem(facts: HeapFacts, payload: int, target: Optional[int]) -> Said:
    if target is None:
        return said("pointer-outside")
    if target <= payload:
        return said("pointer-back")
    if facts.is_block(target) and facts.is_free(target):
        return said("pointer-past-block")
    return said("pointer-to-no-block", target=target)


def check_marker(facts: HeapFacts) -> Iterator[Fault]:
    """Yields end markers whose size is not 0. In heap_4, which has one region, the next pointer must be NULL too. No
    marker is proven where an open pool ends, nor behind memory that was not read.
    """
    layout = narrowed(facts.layout, FreeRtosLayout)
    unread = {broken.next for broken in facts.walk.breaks if broken.word is None}
    for pool in (pool for pool in layout.pools if not pool.open and pool.end not in unread):
        size, value = facts.read(layout.place_of_size(pool.end)), facts.read(layout.next_place(pool.end))
        place = layout.next_place(pool.end)
        if size:
            text, touched = said("marker-size", place=place, stored=size), touching(pool.end)
            at = layout.place_of_size(pool.end)
            yield Fault("end-marker", at, layout.word, pool.end, text, touched, False, "size-word", 0, size)
        elif facts.region.kind == "freertos_heap_4" and value is not None and value != layout.canary:
            text, touched, want = said("marker-pointer", place=place, stored=value), touching(pool.end), layout.canary
            yield Fault("end-marker", place, layout.word, pool.end, text, touched, False, "next-free", want, value)


FREE_FLAG = "A block's allocated bit agrees with its next pointer and with the list of free blocks."
LIST_LINK = "Every free block's next pointer leads to the free block that must follow, or to the end."
HEAP_4_RULES = (
    SIZES,
    Rule(
        "end-marker", "A used block of size 0 lies at the end of each pool, and nowhere else.", check_marker, "header"
    ),
    Rule("used-link", "A used block's next pointer is NULL (or the masked NULL).", check_used, "header"),
    Rule("free-flag", FREE_FLAG, lambda facts: flag_faults(facts, wrong_flags(facts)), "header"),
    Rule("list-link", LIST_LINK, check_chain, "link"),
    NEIGHBOURS,
    replace(ROOTS, check=check_flaws),
)
