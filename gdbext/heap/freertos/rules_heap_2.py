# SPDX-License-Identifier: Apache-2.0
"""The invariants of FreeRTOS's heap_2: one list through the free blocks in order of their sizes, from xStart to xEnd.

Approach: each free block's pointer is checked by itself. It must lead to a free block that is not smaller, and must
not skip blocks of a size between. Blocks of one size may have any order, so rings and unreachable blocks are looked
for too. Two free neighbours are no fault: heap_2 never joins them.
Limits: without the allocated bit only listed blocks are known to be free; blocks that a broken list has lost count as
used. Without xStart the list's first block is not known, so one unreachable free block is no fault.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Dict, Iterator, List, Optional, Set

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.freertos.heap_2 import Heap2Layout
from gdbext.heap.freertos.rules_heap_4 import FREE_FLAG, LIST_LINK, flag_faults, next_of
from gdbext.heap.geometry import narrowed
from gdbext.heap.rules import SIZES, check_flaws, first_difference, touching
from gdbext.model.said import Said, said


def wrong_flags(facts: HeapFacts) -> Set[int]:
    """Returns the blocks whose allocated bit is contradicted by both their own pointer and the list."""
    layout = narrowed(facts.layout, Heap2Layout)
    found: Set[int] = set()
    if not layout.marked:
        return found
    pointers_to = _pointer_counts(facts, [payload for payload in facts.walk.payloads if facts.is_free(payload)])
    for payload in facts.walk.payloads:
        value = next_of(facts, payload)
        leads_on = layout.is_last_link(value) or facts.is_block(layout.target_of(value))
        free = facts.is_free(payload)
        if (free and value == 0 and payload not in pointers_to) or (not free and leads_on and payload in pointers_to):
            found.add(payload)
    return found


def _pointer_counts(facts: HeapFacts, free: List[int]) -> Dict[int, int]:
    """Returns how many pointers lead to each block. It counts the pointers of free blocks and xStart."""
    layout = narrowed(facts.layout, Heap2Layout)
    values = [next_of(facts, payload) for payload in free] + [layout.head[1] if layout.head is not None else None]
    return Counter(target for target in map(layout.target_of, values) if target is not None)


def check_used(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the used blocks with a wrong next pointer. It must be NULL; without the allocated bit it must lead to a
    block or to xEnd.
    """
    layout, wrong = narrowed(facts.layout, Heap2Layout), wrong_flags(facts)
    for payload, _ in facts.walk.used():
        value = next_of(facts, payload)
        if value is None or payload in wrong:
            continue
        place = layout.next_place(payload)
        if layout.marked and value:
            offset, length = first_difference(value, 0, layout.word, facts.snapshot.byte_order)
            text, touched = said("used-pointer", place=place, stored=value, expected=0), touching(payload)
            yield Fault("used-link", place + offset, length, payload, text, touched, True, "next-free", 0, value)
        elif not layout.marked and not _is_sound(facts, value):
            text, touched = said("old-pointer", place=place, stored=value), touching(payload)
            yield Fault("used-link", place, layout.word, payload, text, touched, True, "next-free", None, value)


def _is_sound(facts: HeapFacts, value: int) -> bool:
    """True if a pointer leads to a block, to xEnd, or into a gap where a block may be."""
    layout = narrowed(facts.layout, Heap2Layout)
    target = layout.target_of(value)
    leads_out = layout.is_last_link(value) or layout.leads_beyond(value)
    return leads_out or (target is not None and (facts.is_block(target) or facts.in_gap(target)))


def check_list(facts: HeapFacts) -> Iterator[Fault]:
    """Checks the list of free blocks: its head, pointers, order and end, and that no free block is missing."""
    wrong = wrong_flags(facts)
    free = [payload for payload in facts.walk.payloads if facts.is_free(payload) and payload not in wrong]
    found = [*_bad_head(facts), *_bad_links(facts, free), *_rings(facts, free)]
    yield from found
    if found or wrong or facts.walk.breaks or narrowed(facts.layout, Heap2Layout).leads_away:
        return
    pointers_to = _pointer_counts(facts, free)
    alone = sorted((payload for payload in free if payload not in pointers_to), key=facts.size_of)
    for payload in alone if narrowed(facts.layout, Heap2Layout).head is not None else alone[1:]:
        text = said("free-not-listed")
        yield Fault("free-not-listed", facts.header_of(payload), 1, payload, text, touching("list", payload))


def _bad_head(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, Heap2Layout)
    if layout.head is None:
        return
    place, value = layout.head
    target = layout.target_of(value)
    sound = _is_sound(facts, value) and (not facts.is_block(target) or facts.is_free(target or 0))
    if not sound:
        text, touched, inside = (
            said("list-start", place=place, stored=value),
            touching("list", target),
            target is not None,
        )
        yield Fault("list-link", place, layout.word, None, text, touched, inside, "list-head", None, value)


def _bad_links(facts: HeapFacts, free: List[int]) -> Iterator[Fault]:
    layout, sizes = narrowed(facts.layout, Heap2Layout), sorted(facts.size_of(payload) for payload in free)
    for payload in free:
        value = next_of(facts, payload)
        if value is None:
            continue
        target = layout.target_of(value)
        where = _pointer_problem(facts, payload, value, sizes)
        if where is not None:
            place = layout.next_place(payload)
            text, touched = (
                said("free-pointer", place=place, stored=value, why=where),
                touching("list", payload, target),
            )
            yield Fault("list-link", place, layout.word, payload, text, touched, True, "next-free", None, value)


def _pointer_problem(facts: HeapFacts, payload: int, value: int, sizes: List[int]) -> Optional[Said]:
    """Says why a free block's pointer cannot be right; returns None if it can. `sizes`: all free sizes, sorted."""
    layout, size = narrowed(facts.layout, Heap2Layout), facts.size_of(payload)
    target = layout.target_of(value)
    if layout.leads_beyond(value) or (target is not None and facts.in_gap(target)):
        return None
    larger = sizes[bisect_right(sizes, size) :]
    if layout.is_last_link(value):
        return said("leads-to-early-end") if larger else None
    if target is None:
        return said("leads-to-no-block")
    if not facts.is_block(target):
        return said("leads-inside", target=target)
    if not facts.is_free(target):
        return said("leads-to-used-block", target=target)
    if facts.size_of(target) < size:
        return said("leads-to-smaller", target=target)
    return said("leads-past-blocks") if larger and facts.size_of(target) > larger[0] else None


def _rings(facts: HeapFacts, free: List[int]) -> Iterator[Fault]:
    """Yields the pointers that lead back to an earlier block of the list."""
    layout = narrowed(facts.layout, Heap2Layout)
    seen: Set[int] = set()
    head = layout.target_of(layout.head[1]) if layout.head is not None else None
    for first in sorted(free, key=lambda payload: (payload != head, facts.size_of(payload))):
        path: Dict[int, None] = {}
        place: Optional[int] = first
        while place is not None and facts.is_block(place) and place not in seen:
            seen.add(place)
            path[place] = None
            target = layout.target_of(next_of(facts, place)) if facts.is_free(place) else None
            if target in path:
                at, touched = layout.next_place(place), touching("list", place, target)
                text, value = said("list-cycle", place=at, target=target), next_of(facts, place)
                yield Fault("list-cycle", at, layout.word, place, text, touched, True, "next-free", None, value)
            place = target


def check_counter(facts: HeapFacts) -> Iterator[Fault]:
    """Checks that xFreeBytesRemaining is the sum of the free blocks with their headers."""
    layout = narrowed(facts.layout, Heap2Layout)
    if layout.counter is None or facts.walk.breaks or layout.leads_away or wrong_flags(facts):
        return
    if not layout.marked and layout.head is None:
        return
    place, value = layout.counter
    free = [payload for payload in facts.walk.payloads if facts.is_free(payload)]
    last = layout.odd if free and free[-1] == facts.walk.payloads[-1] else 0
    total = sum(facts.size_of(payload) + layout.header for payload in free) + last
    if value != total:
        text, touched = said("free-bytes-remaining", place=place, counted=value, held=total), touching("counters")
        yield Fault("free-bytes", place, layout.word, None, text, touched, True, "counter", total, value)


def _inferred(facts: HeapFacts) -> Optional[Said]:
    """Says why it is not sure which blocks are free; returns None if it is sure."""
    layout = narrowed(facts.layout, Heap2Layout)
    return said("free-inferred") if not layout.marked and layout.head is None else None


HEAP_2_RULES = (
    SIZES,
    Rule(
        "used-link",
        "A used block's next pointer is NULL (or the masked NULL); in an old heap_2 it led to a block.",
        check_used,
        "header",
    ),
    Rule("free-flag", FREE_FLAG, lambda facts: flag_faults(facts, wrong_flags(facts)), "header", lacks=_inferred),
    Rule("list-link", LIST_LINK, check_list, "link"),
    Rule("list-cycle", "No free list leads to a block twice.", struck="inside"),
    Rule("free-not-listed", "Every free block is on a free list.", struck="inside"),
    Rule("list-end", "xEnd, where heap_2's list ends, has the heap's size and no pointer.", check_flaws),
    Rule("free-bytes", "The counter of free bytes is what the blocks say.", check_counter, "counters"),
)
