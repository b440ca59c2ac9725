# SPDX-License-Identifier: Apache-2.0
"""The invariants of newlib's dlmalloc: sizes, the words that repeat them, and the bins.

Limits: used chunks have nothing but their sizes and the bit of the one before. The end is known by the top chunk alone.
"""

from __future__ import annotations

from typing import Iterator

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FREE_BIT, narrowed
from gdbext.heap.libc.dlmalloc import LAST_REMAINDER, DlChunks
from gdbext.heap.libc.rules_lists import check_links
from gdbext.heap.rules import NEIGHBOURS, SIZES, touching
from gdbext.model.said import said


def check_repeated(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the free chunks whose size is not repeated behind them."""
    layout = narrowed(facts.layout, DlChunks)
    for payload, word, following, _ in facts.edges:
        if not word & FREE_BIT or payload == layout.top:
            continue
        place = following - 2 * layout.word
        want, have = following - payload, facts.read(place)
        if have is not None and have != want:
            text = said("chunk-repeated", place=place, stored=have, size=want)
            touched = touching(payload)
            yield Fault("previous-size", place, layout.word, payload, text, touched, True, "prev-block", want, have)


def check_back_links(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the chunks in bins whose second link does not lead back."""
    layout = narrowed(facts.layout, DlChunks)
    for node in facts.walk.nodes:
        want = layout.head_of(node.slot) if node.previous is None else node.previous - 2 * layout.word
        if node.prev_free in (None, want) or facts.is_inside_other(node.payload):
            continue
        place = node.payload + layout.word
        text = said("chunk-back-link", place=place, stored=node.prev_free, expected=want)
        touched = touching(node.payload, ("list", node.slot))
        yield Fault(
            "back-link", place, layout.word, node.payload, text, touched, True, "prev-free", want, node.prev_free
        )


def check_binned(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the chunks in a bin that are marked used or belong into another, and free ones in none."""
    layout, walk = narrowed(facts.layout, DlChunks), facts.walk
    for node in walk.nodes:
        if not facts.is_block(node.payload):
            continue
        place, touched = facts.header_of(node.payload), touching(node.payload, ("list", node.slot))
        right = layout.bin_of(facts.size_of(node.payload))
        if not facts.is_free(node.payload):
            flag = facts.end_of(node.payload)
            text = said("chunk-in-use", bin=node.slot, place=flag)
            if facts.read(flag) is not None:
                yield Fault("free-flag", flag, 1, node.payload, text, touched)
        elif node.slot not in (right, LAST_REMAINDER):
            text = said("chunk-bin", bin=node.slot, right=right)
            yield Fault("wrong-list", place, layout.word, node.payload, text, touched)
    if walk.faults or walk.breaks or walk.cut_slots:
        return
    for payload in walk.payloads:
        if facts.is_free(payload) and payload != layout.top and payload not in facts.listed:
            flag = facts.end_of(payload)
            yield Fault("free-not-listed", flag, 1, payload, said("free-not-listed"), touching("list", payload))


DL_RULES = (
    SIZES,
    Rule("list-link", "Each bin leads to chunks of the heap.", check_links, "inside"),
    Rule("list-cycle", "No free list leads to a block twice.", struck="inside"),
    Rule(
        "back-link",
        "Each chunk in a bin leads back to the one before it.",
        check_back_links,
        "inside",
    ),
    Rule("previous-size", "The word behind a free chunk repeats its size.", check_repeated, "inside"),
    Rule("free-flag", "The header behind a chunk in a bin says that it is free.", check_binned, "header"),
    Rule("wrong-list", "A free chunk is in the bin of its size.", struck="header"),
    Rule("free-not-listed", "Every free block is on a free list.", struck="inside"),
    NEIGHBOURS,
)
