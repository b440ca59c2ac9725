# SPDX-License-Identifier: Apache-2.0
"""Follows the free lists of NuttX's default allocator, and checks its nodes against their neighbours.

Approach: all lists are one chain, through the heads and the free nodes behind each. Each list is followed from its own
head, so that a broken link cuts only one.
Cost: two words for each head, three for each free node.
"""

from __future__ import annotations

from typing import Optional, Set

from gdbext.heap.cover import Agrees
from gdbext.heap.geometry import FREE_BIT
from gdbext.heap.nuttx_mm.layout import PREVIOUS_FREE, MmLayout
from gdbext.heap.walk import LinkFault, Node, Walk
from gdbext.model.said import said
from gdbext.source.snapshot import WordReader


def neighbour_agrees(layout: MmLayout, read: WordReader) -> Agrees:
    """Returns a check of a block against the node behind it, which repeats its size, in `now` only if it is free."""
    form, stored = layout.form, layout.stored

    def agrees(payload: int, word: int, following: int) -> bool:
        if form.now:
            after = stored(read, layout.place_of_size(following))
            if after is not None and bool(after & PREVIOUS_FREE) != bool(word & FREE_BIT):
                return False
            if not word & FREE_BIT:
                return True
        preceding = layout.preceding(read, following)
        return preceding is None or preceding == following - payload

    return agrees


def read_lists(walk: Walk, layout: MmLayout, read: WordReader) -> None:
    """Follows every free list. Each node is visited only once."""
    seen: Set[int] = set()
    for slot, head in enumerate(layout.heads.places()):
        place = head + layout.heads.link_at
        value = read(place)
        walk.heads.append(value)
        behind = head + layout.heads.stride if slot < layout.heads.lists - 1 else 0
        _follow(walk, layout, read, slot, place, value, behind, seen)


def _follow(
    walk: Walk, layout: MmLayout, read: WordReader, slot: int, place: int, value: Optional[int], behind: int,
    seen: Set[int],
) -> None:  # fmt: skip
    """Follows one list to the next head, `behind`, or to 0 if it is the last one."""
    previous: Optional[int] = None
    while value is not None and value != behind:
        payload, rule, why = layout.payload_at(value), "list-link", None
        target: Optional[int] = payload
        if not layout.is_node(value):
            target = None
            why = said("mm-leads-nowhere")
        elif payload in seen:
            rule, why = "list-cycle", said("mm-leads-to-listed")
        else:
            seen.add(payload)
            flink = layout.place_of_flink(payload)
            node = Node(payload, slot, place, previous, read(flink), read(flink + layout.word))
            header = layout.header_reader(read)(payload - layout.header)
            back = layout.heads.places()[slot] if previous is None else layout.node_of(previous)
            # A block that is marked used stays on the list if it is linked back to the node before it.
            if header is not None and not header & FREE_BIT and node.prev_free != back:
                rule, why = "listed-not-free", said("mm-leads-to-used")
        if why is not None:
            walk.faults.append(LinkFault(rule, place, value, slot, previous, payload, target, why))
            break
        walk.nodes.append(node)
        place, value, previous = layout.place_of_flink(payload), node.next_free, payload
    if value != behind:
        walk.cut_slots.add(slot)
