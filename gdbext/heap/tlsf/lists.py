# SPDX-License-Identifier: Apache-2.0
"""Follows the free lists of TLSF, and checks its blocks against their neighbours.

Approach: the lists are followed first, because the blocks on them help to walk past damage.
Cost: one word for each list, three words for each node.
"""

from __future__ import annotations

from typing import Optional, Set

from gdbext.heap.cover import Agrees
from gdbext.heap.geometry import FREE_BIT, Geometry
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.walk import LinkFault, Node, Walk
from gdbext.model.said import said
from gdbext.source.snapshot import WordReader


def neighbour_agrees(layout: Geometry, read: WordReader) -> Agrees:
    """Returns a check of a block against the next header. That header's prev-free bit must repeat the block's free bit,
    and the word before it must be a free block's address. Words that were not read agree.
    """
    step = layout.word

    def agrees(payload: int, word: int, following: int) -> bool:
        after = read(following - step)
        if after is not None and (after >> 1 & 1) != (word & FREE_BIT):
            return False
        return not word & FREE_BIT or read(following - 2 * step) in (payload - 2 * step, None)

    return agrees


def read_lists(walk: Walk, layout: TlsfLayout, read: WordReader) -> None:
    """Follows every free list. Each node of the heap is visited only once."""
    seen: Set[int] = set()
    for slot in range(layout.slots):
        address = layout.lists + slot * layout.word
        head = read(address)
        walk.heads.append(head)
        if head is None:
            walk.cut_slots.add(slot)
        elif head != layout.control:
            _follow(walk, layout, read, slot, address, head, seen)


def _follow(
    walk: Walk, layout: TlsfLayout, read: WordReader, slot: int, address: int, value: int, seen: Set[int]
) -> None:
    previous: Optional[int] = None
    while value != layout.control:
        payload = value + 2 * layout.word
        if payload in layout.beyond:
            break
        rule, why = "list-link", None
        target: Optional[int] = payload
        if layout.is_end(payload):
            why = said("leads-to-end")
        elif payload % layout.align or layout.pool_of(payload) is None:
            target = None
            why = said("leads-nowhere") if payload % layout.align else said("leads-outside")
        elif payload in seen:
            rule, why = "list-cycle", said("leads-to-listed")
        else:
            seen.add(payload)
            node = Node(payload, slot, address, previous, read(payload), read(payload + layout.word))
            header = read(payload - layout.word)
            back = layout.control if previous is None else previous - 2 * layout.word
            # A block that is marked used stays on the list if it is linked back to the node before it.
            if header is not None and not header & FREE_BIT and node.prev_free != back:
                rule, why = "listed-not-free", said("leads-to-used")
        if why is not None:
            walk.faults.append(LinkFault(rule, address, value, slot, previous, payload, target, why))
            break
        walk.nodes.append(node)
        if node.next_free is None:
            break
        address, value, previous = payload, node.next_free, payload
    if value != layout.control:
        walk.cut_slots.add(slot)
