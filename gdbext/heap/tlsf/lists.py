# SPDX-License-Identifier: Apache-2.0
"""The blocks and the free lists of TLSF.

Approach: the lists are followed first, since what they lead to helps to walk past damage.
Cost: one word a list, three words a node.
"""

from __future__ import annotations

from typing import Optional, Set

from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.geometry import FREE_BIT
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.walk import LinkFault, Node, Walk, walk_pools
from gdbext.model.said import said
from gdbext.source.snapshot import WordReader


def walk_tlsf(layout: TlsfLayout, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Every block of a TLSF heap that can be proven, and its lists."""
    walk = Walk(layout)
    read_lists(walk, layout, read)
    walk_pools(walk, read, neighbour_agrees(layout, read), evidence)
    return walk


def neighbour_agrees(layout: TlsfLayout, read: WordReader) -> Agrees:
    """TLSF: the prev-free bit of the next header, and a free block's address behind it, repeat what its word says. What
    was not read contradicts nothing.
    """
    step = layout.word

    def agrees(payload: int, word: int, following: int) -> bool:
        after = read(following - step)
        if after is not None and (after >> 1 & 1) != (word & FREE_BIT):
            return False
        return not word & FREE_BIT or read(following - 2 * step) in (payload - 2 * step, None)

    return agrees


def read_lists(walk: Walk, layout: TlsfLayout, read: WordReader) -> None:
    """Follows every free list; each node is visited once in the whole heap."""
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
            walk.cut_slots.add(slot)
            return
        fault = _link_fault(layout, slot, address, value, previous, seen)
        if fault is not None:
            walk.faults.append(fault)
            walk.cut_slots.add(slot)
            return
        seen.add(payload)
        node = Node(payload, slot, address, previous, read(payload), read(payload + layout.word))
        if not _is_node(layout, read, node):
            why = said("leads-to-used")
            walk.faults.append(LinkFault("listed-not-free", address, value, slot, previous, payload, payload, why))
            walk.cut_slots.add(slot)
            return
        walk.nodes.append(node)
        following = node.next_free
        if following is None:
            walk.cut_slots.add(slot)
            return
        address, value, previous = payload, following, payload


def _is_node(layout: TlsfLayout, read: WordReader, node: Node) -> bool:
    """Whether a block on a list may be there: it is marked free, or at least linked back to where the list came."""
    word = read(node.payload - layout.word)
    back = layout.control if node.previous is None else node.previous - 2 * layout.word
    return word is None or bool(word & FREE_BIT) or node.prev_free == back


def _link_fault(
    layout: TlsfLayout, slot: int, address: int, value: int, previous: Optional[int], seen: Set[int]
) -> Optional[LinkFault]:
    payload = value + 2 * layout.word
    if layout.is_end(payload):
        return LinkFault("list-link", address, value, slot, previous, payload, payload, said("leads-to-end"))
    if payload % layout.align or layout.pool_of(payload) is None:
        why = said("leads-nowhere") if payload % layout.align else said("leads-outside")
        return LinkFault("list-link", address, value, slot, previous, payload, None, why)
    if payload in seen:
        return LinkFault("list-cycle", address, value, slot, previous, payload, payload, said("leads-to-listed"))
    return None
