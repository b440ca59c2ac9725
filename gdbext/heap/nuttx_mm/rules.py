# SPDX-License-Identifier: Apache-2.0
"""The invariants of NuttX's default allocator: its nodes, its lists, the guards of its regions, its struct.

Approach: as TLSF's rules: each check is a pure function from the facts of a heap to the places that break its rule.
Limits: pids, sequence numbers and backtraces in nodes are data, and any value is legal there. `preceding` of a node
behind a used one is a user's last word in the newest generation.
"""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, narrowed
from gdbext.heap.nuttx_mm.layout import PREVIOUS_FREE, USED, MmLayout
from gdbext.heap.roots import ROOTS
from gdbext.heap.rules import NEIGHBOURS, SIZES, check_flaws, low_byte, touching
from gdbext.model.said import Said, said


def _of(facts: HeapFacts) -> MmLayout:
    return narrowed(facts.layout, MmLayout)


def _guards(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the first and last nodes of regions that are not used nodes of a header's size."""
    layout, form = _of(facts), _of(facts).form
    for (low, high), pool in zip(layout.guards, layout.pools):
        for node, block, first in ((low, pool.first, True), (high, pool.end, False)):
            place = node + form.size_at
            stored = layout.stored(facts.read, place)
            want = form.header | (USED if form.now else 0)
            ignored = PREVIOUS_FREE if form.now and not first else 0  # the flag is checked with the block before it
            if stored is not None and stored & ~ignored != want:
                yield _guard(facts, place, block, said("mm-guard", place=place, stored=stored, expected=want), stored)
            place = node + form.preceding_at
            preceding = None if form.now else layout.stored(facts.read, place)
            wrong = preceding is not None and (preceding != form.used_flag if first else not preceding & form.used_flag)
            if preceding is not None and wrong:
                text = said("mm-guard-preceding", place=place, stored=preceding, flag=form.used_flag)
                yield _guard(facts, place, block, text, preceding)


def _guard(facts: HeapFacts, place: int, block: int, text: Said, stored: int) -> Fault:
    return Fault(
        "region-guard", place, _of(facts).size_bytes, block, text, touching(block), False, "size-word", None, stored
    )


def _flags(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the nodes whose flag for the node before does not fit that. Only the newest generation has this flag."""
    layout = _of(facts)
    if not layout.form.now:
        return
    for pool in layout.pools:
        position = facts.walk.index_of(pool.first)
        word = 0 if position is None else facts.walk.words[position]
        if word & PREV_FREE_BIT:  # the guard before it is used
            yield _flag_fault(facts, pool.first, said("mm-flag-of-first"), PREVIOUS_FREE, False)
    for payload, word, following, next_word in facts.edges:
        if (word & FREE_BIT) == (next_word >> 1 & 1):
            continue
        if (payload in facts.listed) == bool(word & FREE_BIT):
            state = "free" if next_word & PREV_FREE_BIT else "used"
            yield _flag_fault(facts, following, said("mm-flag-of-previous", state=state), PREVIOUS_FREE)
        else:
            text = said("mm-flag-of-own", state="free" if word & FREE_BIT else "used")
            yield _flag_fault(facts, payload, text, USED)


def _flag_fault(facts: HeapFacts, payload: int, text: Said, flag: int, transient: bool = True) -> Fault:
    layout = _of(facts)
    place = layout.place_of_size(payload)
    stored = layout.stored(facts.read, place) or 0
    at = low_byte(facts, place, layout.size_bytes)
    return Fault("free-flag", at, 1, payload, text, touching(payload), transient, "size-word", stored ^ flag, stored)


def _preceding(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the nodes whose `preceding` is not the size of the node before."""
    layout = _of(facts)
    pairs = [
        (payload, following) for payload, word, following, _ in facts.edges if word & FREE_BIT or not layout.form.now
    ]
    if not layout.form.now:
        pairs += [(pool.first - layout.form.header, pool.first) for pool in layout.pools if facts.is_block(pool.first)]
    for payload, following in pairs:
        place, want = layout.place_of_preceding(following), following - payload
        value = layout.preceding(facts.read, following)
        if value is not None and value != want:
            text = said("mm-preceding", place=place, stored=value, expected=want)
            block = payload if facts.is_block(payload) and layout.form.now else following
            yield Fault(
                "preceding-size", place, layout.size_bytes, block, text, touching(block), True,
                "prev-block", want, value,
            )  # fmt: skip


def _list_links(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the flinks that lead to no free node."""
    layout = _of(facts)
    for fault in facts.walk.faults:
        if facts.is_inside_other(fault.owner):
            continue  # these are a user's bytes; the link that leads here is reported
        role, place, value = "list-head" if fault.owner is None else "next-free", fault.address, fault.value
        text = said("mm-head", list=fault.slot, place=place, stored=value, why=fault.why)
        if fault.owner is not None:
            text = said("mm-flink", block=facts.user(fault.owner), place=place, stored=value, why=fault.why)
        target = fault.target
        broken = next((gap.payload for gap in facts.walk.breaks if target and gap.payload <= target < gap.next), None)
        touched = touching(fault.owner, target, ("list", fault.slot), broken)
        hit = fault.owner or target
        yield Fault(fault.rule, place, layout.word, hit, text, touched, target is not None, role, None, value)


def _back_links(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the blinks, of free nodes and of heads, that do not lead to the node before."""
    layout = _of(facts)
    last = {node.slot: node.payload for node in facts.walk.nodes}
    for node in facts.walk.nodes:
        head = layout.heads.places()[node.slot]
        want = head if node.previous is None else layout.node_of(node.previous)
        if not facts.is_inside_other(node.payload):
            yield from _back_link(facts, layout.place_of_flink(node.payload) + layout.word, node.payload, want)
    for slot, head in enumerate(layout.heads.places()):
        if slot and slot - 1 in facts.walk.cut_slots:
            continue
        want = layout.heads.places()[slot - 1] if slot else 0
        want = layout.node_of(last[slot - 1]) if slot - 1 in last else want
        yield from _back_link(facts, head + layout.heads.link_at + layout.word, None, want)


def _back_link(facts: HeapFacts, place: int, block: Optional[int], want: int) -> Iterator[Fault]:
    stored, layout = facts.read(place), _of(facts)
    if stored is None or stored == want:
        return
    touched = touching("control" if block is None else block)
    text = said("mm-blink", place=place, stored=stored, expected=want)
    transient = stored in layout.heads.places() or layout.is_node(stored)
    yield Fault("back-link", place, layout.word, block, text, touched, transient, "prev-free", want, stored)


def _heads(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the heads of lists whose size is not 0."""
    layout = _of(facts)
    for slot, head in enumerate(layout.heads.places()):
        place = head + layout.form.size_at
        stored = layout.stored(facts.read, place)
        if stored:
            text = said("mm-head-size", list=slot, place=place, stored=stored)
            touched = touching(("list", slot))
            yield Fault("list-head", place, layout.size_bytes, None, text, touched, False, "constant", 0, stored)


def _listed_blocks(facts: HeapFacts) -> Iterator[Fault]:
    """Yields what is on a list and is no free block, or not one for this list, or behind a larger one."""
    layout = _of(facts)
    larger: Dict[int, int] = {}  # the largest size so far, by list
    for node in facts.walk.nodes:
        payload, slot = node.payload, node.slot
        touched = touching(payload, ("list", slot), node.previous)
        place, width = layout.place_of_size(payload), layout.size_bytes
        if not facts.is_block(payload):
            if not facts.in_gap(payload):
                role = "list-head" if node.previous is None else "next-free"
                text, around = said("mm-listed-inside", place=node.pointer), touched | touching(facts.holder(payload))
                yield Fault(
                    "listed-not-free", node.pointer, layout.word, node.previous or payload, text, around, True,
                    role, None, facts.read(node.pointer),
                )  # fmt: skip
            continue
        size = facts.size_of(payload)
        if not facts.is_free(payload):
            yield Fault("listed-not-free", place, width, payload, said("mm-listed-used", list=slot), touched)
        elif layout.slot_of(size) != slot:
            text = said("mm-wrong-list", list=slot, right=layout.slot_of(size))
            yield Fault("wrong-list", place, width, payload, text, touched)
        elif size < larger.get(slot, 0):
            text = said("mm-order", list=slot, size=size, before=larger[slot])
            yield Fault("list-order", place, width, payload, text, touched)
        larger[slot] = max(size, larger.get(slot, 0))


def _unlisted_blocks(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the free blocks that are on no list, as far as lists could be followed."""
    layout = _of(facts)
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        slot = layout.slot_of(word & ~FLAG_BITS)
        if word & FREE_BIT and payload not in facts.listed and slot not in facts.walk.cut_slots:
            place = layout.place_of_size(payload) if layout.form.now else layout.place_of_preceding(payload)
            touched = touching(payload, ("list", slot))
            text = said("mm-unlisted", list=slot)
            yield Fault("free-not-listed", place, layout.size_bytes, payload, text, touched)


NUTTX_MM_RULES: Tuple[Rule, ...] = (
    SIZES,
    Rule("region-guard", "The first and the last node of each region are used and hold nothing.", _guards, "header"),
    Rule(
        "free-flag",
        "The flag that says whether the node before is free is right.",
        _flags,
        "header",
    ),
    Rule(
        "preceding-size",
        "A node's `preceding`, where it is valid, is the size of the node before.",
        _preceding,
        "header",
    ),
    Rule(
        "list-link", "Every flink leads to the free node that must follow, or to the next list.", _list_links, "inside"
    ),
    Rule("list-cycle", "No free list leads to a node twice.", struck="inside"),
    Rule("back-link", "Every blink leads to the node whose flink leads here.", _back_links, "inside"),
    NEIGHBOURS,
    Rule("listed-not-free", "Only free nodes are on free lists.", _listed_blocks, "inside"),
    Rule("wrong-list", "Every free node is on the list of its size.", struck="inside"),
    Rule("list-order", "The nodes of a list are in order of their sizes.", struck="inside"),
    Rule(
        "free-not-listed",
        "Every free node is on a free list.",
        _unlisted_blocks,
        "inside",
        lacks=lambda facts: said("mm-lists-cut", lists=len(facts.walk.cut_slots)) if facts.walk.cut_slots else None,
    ),
    Rule("list-head", "The head of a list has the size 0.", _heads),
    Rule("heap-struct", "mm_heapsize, mm_nregions and the regions' ends fit each other.", check_flaws),
    ROOTS,
)
