# SPDX-License-Identifier: Apache-2.0
"""The invariants of newlib-nano's and picolibc's heaps: sizes, lists, free bits, and nano's offsets.

Approach: each list is followed from its head; the first pointer that cannot be right ends it. What lies behind such a
pointer is not judged by the list. Without symbols the lists may not be all there are, so a chunk on none is no fault.
Limits: newlib-nano and older picolibc have nothing in a used chunk but its size. A size that became the sum of two
chunks, and a chunk that a broken list has lost, look right.
"""

from __future__ import annotations

from typing import Dict, Iterator

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FREE_BIT, narrowed
from gdbext.heap.libc.layout import MAIN_LIST, Chunks, ListChunks, NanoChunks
from gdbext.heap.libc.lists import free_beyond, may_be_link
from gdbext.heap.rules import NEIGHBOURS, SIZES, check_neighbours, first_difference, low_byte, touching
from gdbext.heap.walk import Node
from gdbext.model.record import replace
from gdbext.model.said import said


def check_links(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the pointers of lists that lead to no chunk, back, or to a chunk that is on a list already."""
    layout = facts.layout
    for fault in facts.walk.faults:
        if facts.is_inside_other(fault.owner):
            continue  # these are a user's bytes; the pointer that leads here is reported
        text = said("chunk-link", place=fault.address, stored=fault.value, why=fault.why)
        touched, inside = touching(fault.owner, fault.target, ("list", fault.slot)), fault.target is not None
        role = "list-head" if fault.owner is None else "next-free"
        hit = fault.owner or fault.target
        yield Fault(fault.rule, fault.address, layout.word, hit, text, touched, inside, role, None, fault.value)
    for node in facts.walk.nodes:
        if facts.is_block(node.payload) or facts.in_gap(node.payload) or facts.is_inside_other(node.previous):
            continue
        why = said("chunk-inside", target=facts.user(node.payload))
        stored = node.payload - narrowed(layout, Chunks).to_payload
        text, role = said("chunk-link", place=node.pointer, stored=stored, why=why), "next-free"
        touched = touching(node.previous, facts.holder(node.payload), ("list", node.slot))
        role = role if node.previous is not None else "list-head"
        yield Fault("list-link", node.pointer, layout.word, node.previous, text, touched, True, role, None, stored)


def check_flags(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the chunks on a list whose free bit is clear."""
    if not narrowed(facts.layout, ListChunks).flagged:
        return
    for node in facts.walk.nodes:
        if facts.is_block(node.payload) and not facts.is_free(node.payload):
            place = facts.header_of(node.payload)
            stored = facts.read(place) or 0
            text, touched = said("chunk-flag", place=place, stored=stored), touching(node.payload)
            want, low = stored | 1, low_byte(facts, place, facts.layout.word)
            yield Fault("free-flag", low, 1, node.payload, text, touched, True, "size-word", want, stored)


def check_listed(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the chunks with a free bit that are on no list. All lists must be known and whole."""
    walk, layout = facts.walk, narrowed(facts.layout, ListChunks)
    if not layout.flagged or not layout.lists_known or walk.faults or walk.breaks or walk.cut_slots:
        return
    for payload in walk.payloads:
        if facts.is_free(payload) and payload not in facts.listed:
            text, touched = said("free-not-listed"), touching("list", payload)
            yield Fault("free-not-listed", facts.header_of(payload), 1, payload, text, touched)


def check_buckets(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the chunks in a bucket of another size."""
    layout = narrowed(facts.layout, ListChunks)
    for node in facts.walk.nodes:
        if node.slot == MAIN_LIST or not facts.is_block(node.payload):
            continue
        want, have = layout.bucket_size(node.slot), facts.size_of(node.payload)
        if have != want:
            text = said("chunk-bucket", held=have, bucket=node.slot - 1, size=want)
            touched = touching(node.payload, ("list", node.slot), node.previous)
            yield Fault("wrong-list", facts.header_of(node.payload), layout.word, node.payload, text, touched)


def check_joined(facts: HeapFacts) -> Iterator[Fault]:
    """Yields free chunks side by side. Only the main list joins its chunks."""
    nodes: Dict[int, Node] = facts.listed
    for fault in check_neighbours(facts):
        pair = [
            nodes.get(payload) for payload in (fault.block or 0, facts.end_of(fault.block or 0) + facts.layout.word)
        ]
        if all(node is not None and node.slot == MAIN_LIST for node in pair):
            yield fault


def check_offsets(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the used chunks of newlib-nano whose word in front of the user's pointer leads nowhere."""
    layout, cut = narrowed(facts.layout, NanoChunks), free_beyond(facts.walk)
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        if word & FREE_BIT or not layout.lead(payload) or layout.head is None or (cut is not None and payload > cut):
            continue
        value, want = facts.read(payload), layout.offset_word(payload)
        # A chunk that the list has lost, or that is on a list which nothing tells, has its link there.
        free = not layout.lists_known and may_be_link(layout, payload, value)
        if value is None or value == want or free:
            continue
        offset, length = first_difference(value, want, layout.word, facts.snapshot.byte_order)
        text = said("chunk-offset", place=payload, stored=value, expected=want, back=layout.lead(payload))
        yield Fault(
            "user-offset", payload + offset, length, payload, text, touching(payload), True, "offset", want, value
        )  # fmt: skip


_CYCLE = Rule("list-cycle", "No free list leads to a block twice.", struck="inside")
_LINKS = Rule(
    "list-link", "Each list of free chunks leads to chunks; the main list in address order.", check_links, "inside"
)
NANO_RULES = (
    SIZES,
    Rule(
        "user-offset",
        "Where newlib-nano has moved a user's pointer, the word in front of it leads back to the size word.",
        check_offsets,
        "before",
    ),
    _LINKS,
    _CYCLE,
    NEIGHBOURS,
)
PICO_RULES = (
    SIZES,
    _LINKS,
    _CYCLE,
    Rule("free-flag", "A chunk on a list has its free bit set.", check_flags, "header"),
    Rule("wrong-list", "A chunk in a bucket has the bucket's size.", check_buckets, "header"),
    Rule("free-not-listed", "Every free block is on a free list.", check_listed, "inside"),
    replace(NEIGHBOURS, check=check_joined),
)
