# SPDX-License-Identifier: Apache-2.0
"""A TLSF on its own (`tlsf@CONTROL`): mattconte's with any FL_INDEX_MAX, NuttX's, Espressif's without multi_heap.

Approach: the control block says nothing of its pools. The first follows it; its end is found by the walk (ends.py);
further ones are where free lists lead that no known pool holds.
Assumptions: a pool that no free list leads to cannot be seen, and is missing nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Tuple

from gdbext.heap.cover import neighbour_agrees
from gdbext.heap.ends import follow, known_until, look_ahead, paged_reader, tlsf_ends
from gdbext.heap.layout import FREE_BIT, PREV_FREE_BIT, Pool, TlsfLayout
from gdbext.heap.tlsf import first_payload, recognise_tlsf, tlsf_layout
from gdbext.heap.walk import Walk, walk_tlsf
from gdbext.source.memory import Memory

_NAMES = ("mattconte-32", "mattconte-64")
_MOST_POOLS = 16


def recognise_plain(memory: Memory, control: int, largest: int) -> Optional[TlsfLayout]:
    """The layout and the pools of the TLSF whose control block is at `control`, or None."""
    word = memory.source.pointer_size
    memory.fetch(control, word)
    high = known_until(memory, control, largest)
    low = min((start for start, _ in memory.ranges()), default=control)
    top = max((end for _, end in memory.ranges()), default=high)
    tables = recognise_tlsf(memory, control, min(low, control), max(top, high), _NAMES, None)
    if tables is None or tables.end + 4 * word > high:
        return None
    layout = tlsf_layout(tables, control, word, (Pool(first_payload(tables, word), high - high % word),))
    end = _first_end(memory, layout, high)
    if end is None:
        return None
    return _with_more_pools(memory, replace(layout, pools=(Pool(layout.first, end),)))


def _first_end(memory: Memory, layout: TlsfLayout, high: int) -> Optional[int]:
    read = paged_reader(memory, layout.first)
    stop, _, count = follow(layout, read, layout.first, high)
    look_ahead(memory, stop, high)
    ends = [end for end in tlsf_ends(layout, read, neighbour_agrees(layout, read), stop, high) if end > layout.first]
    if not ends:
        return stop if count else None
    if len(ends) == 1:
        return ends[0]

    def spoiled(end: int) -> Tuple[float, int]:
        walk = walk_tlsf(replace(layout, pools=(Pool(layout.first, end),)), read)
        return _spoiled(walk, stop), end

    return min(ends, key=spoiled)


def _spoiled(walk: Walk, stop: int) -> float:
    """How much a walk contradicts itself; blocks proven behind the place where headers stop speak for it."""
    read_on = sum(1 for payload in walk.payloads if payload > stop)
    outside = sum(1 for fault in walk.faults if fault.rule == "list-link")
    dangling = sum(1 for node in walk.nodes if node.payload not in walk.known)
    gaps = sum(gap.end - gap.start for gap in walk.gaps())
    return 4 * len(walk.breaks) + 4 * outside + dangling + gaps / 4096 - min(read_on, 8)


def _with_more_pools(memory: Memory, layout: TlsfLayout) -> TlsfLayout:
    for _ in range(_MOST_POOLS):
        walk = walk_tlsf(layout, paged_reader(memory, layout.control))
        more = [fault.value for fault in walk.faults if fault.rule == "list-link" and fault.value % layout.align == 0]
        pools = [pool for pool in (_pool_around(memory, layout, value) for value in more) if pool is not None]
        if not pools:
            return layout
        layout = replace(layout, pools=tuple(sorted((*layout.pools, pools[0]), key=lambda pool: pool.first)))
    return layout


def _pool_around(memory: Memory, layout: TlsfLayout, header: int) -> Optional[Pool]:
    """The pool of a free block that a list leads to, if it is one: linked back, followed by blocks to an end marker."""
    read = paged_reader(memory, header)
    payload = header + 2 * layout.word
    word = read(payload - layout.word)
    if word is None or not word & FREE_BIT or payload <= layout.control < payload + (word & ~3):
        return None
    high = known_until(memory, payload, 1 << 26)
    end, marker, count = follow(layout, read, payload, high)
    if not count or marker is None or marker & ~PREV_FREE_BIT or read(end - 2 * layout.word) is None:
        return None
    return Pool(_pool_start(memory, layout, payload), end)


def _pool_start(memory: Memory, layout: TlsfLayout, payload: int) -> int:
    """Payload of the first block of the pool that holds `payload`: at its memory's begin, or behind another pool."""
    read = paged_reader(memory, payload)
    starts: List[int] = [start for start, end in memory.ranges() if start <= payload < end]
    starts += [pool.end for pool in layout.pools if pool.end <= payload]
    for start in starts:
        first = (start + layout.align - 1) // layout.align * layout.align + layout.word
        while first < payload:
            stop = follow(layout, read, first, payload)[0]
            if stop == payload:
                return first
            break
    return payload
