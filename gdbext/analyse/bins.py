# SPDX-License-Identifier: Apache-2.0
"""Sorts the free blocks of a heap by the lists that they are on.

Limits: of a list that is broken, what the walk has followed; of an allocator without lists, all blocks are unlisted.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT
from gdbext.model.reports.bins import Bin, BrokenLink, HeapBins


def bins_of(facts: HeapFacts, most: Optional[int]) -> HeapBins:
    """Returns the lists of a heap with at most so many blocks of each."""
    lists: Dict[int, List[Tuple[int, int]]] = {}
    for node in facts.walk.nodes:
        size = facts.size_of(node.payload) if facts.is_block(node.payload) else 0
        lists.setdefault(node.slot, []).append((node.payload, size))
    bins = [_bin(number, lists[number], number in facts.walk.cut_slots, most) for number in sorted(lists)]
    broken = [
        BrokenLink(one.slot, one.address, one.value, one.owner, one.why)
        for one in sorted(facts.walk.faults, key=lambda one: one.slot)
    ]
    pairs = zip(facts.walk.payloads, facts.walk.words)
    free = {payload: word & ~FLAG_BITS for payload, word in pairs if word & FREE_BIT}
    unlisted = [payload for payload in free if payload not in facts.listed]
    return HeapBins(
        facts.region.kind, facts.layout.name, facts.region.name, facts.region.address, len(free), sum(free.values()),
        tuple(bins), tuple(broken), tuple(unlisted[:most]), len(unlisted),
    )  # fmt: skip


def _bin(number: int, blocks: List[Tuple[int, int]], cut: bool, most: Optional[int]) -> Bin:
    sizes = [size for _, size in blocks]
    shown = tuple(payload for payload, _ in blocks[:most])
    return Bin(number, len(blocks), sum(sizes), min(sizes), max(sizes), shown, cut)
