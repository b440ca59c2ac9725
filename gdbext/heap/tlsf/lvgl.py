# SPDX-License-Identifier: Apache-2.0
"""Reads the pools of LVGL's built-in heap, which keeps a list of them beside the pointer to its control block.

    tlsf, cur_used, max_used, pool_ll {n_size, head, tail}      lv_tlsf_state_t, in lv_global
    pool, previous, next                                          a node of the list, a block of the heap itself

Approach: what stands behind a pointer to the control block is such a list if its nodes hold one pointer each, lead
to each other and lie in memory that is known.
Cost: a few words for each pool.
Assumptions: the list is hostile: it is followed for 16 nodes at most.
"""

from __future__ import annotations

from typing import List, Optional, Set

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.geometry import FLAG_BITS, is_marker
from gdbext.model.region import Span
from gdbext.source.memory import Memory

LVGL = "lv_global"
LVGL_BYTES = 4096  # of lv_global, at most
_LIST_AT = 3  # words from the pointer to the control block
_MOST_POOLS = 16
_MOST_BLOCKS = 1 << 16


def lvgl_pools(memory: Memory, handle: int) -> List[Span]:
    """Returns the pools that the list behind a pointer to a control block at `handle` names; [] without such a list."""
    width = memory.source.pointer_size
    size, node = _word(memory, handle + _LIST_AT * width), _word(memory, handle + (_LIST_AT + 1) * width)
    pools: List[Span] = []
    seen: Set[int] = set()
    before = 0
    while size is not None and size & 0xFFFF_FFFF == width and node and node not in seen and len(seen) < _MOST_POOLS:
        seen.add(node)
        start, previous, following = (_word(memory, node + place * width) for place in range(3))
        if not start or previous != before or following is None:
            return []
        end = _end_of(memory, start)
        pools += [] if end is None else [(start, end)]
        before, node = node, following
    return sorted(pools)


def _word(memory: Memory, place: int) -> Optional[int]:
    width = memory.source.pointer_size
    return memory.word(place) if place % width == 0 and memory.may_read(place, place + width) else None


def _end_of(memory: Memory, start: int) -> Optional[int]:
    """Returns the address behind the end marker that sizes lead to from a pool's first byte; None if to none."""
    width, place = memory.source.pointer_size, start
    for _ in range(_MOST_BLOCKS):
        word = _word(memory, place)
        if word is None or place - start > LARGEST_HEAP:
            return None
        if is_marker(word):
            return place + width if place > start else None
        place += (word & ~FLAG_BITS) + width
    return None
