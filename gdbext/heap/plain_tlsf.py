# SPDX-License-Identifier: Apache-2.0
"""A TLSF on its own (`tlsf@CONTROL`): mattconte's with any FL_INDEX_MAX, NuttX's, Espressif's without multi_heap.

Approach: the control block says nothing of its pools. The first follows it; its end is found by the walk (ends.py);
further ones are where free lists lead that no known pool holds. Where headers stop, an end marker and a damaged header
may look alike: each end that blocks or lists lead to is walked, and the one with the fewest contradictions is taken.
Assumptions: a pool that no free list leads to cannot be seen, and is missing nowhere. Behind an end marker within the
same memory another pool begins at once or behind a long run of one byte; else what follows is a block.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, List, Optional, Tuple

from gdbext.heap.cover import neighbour_agrees
from gdbext.heap.ends import follow, known_until, look_ahead, paged_reader, tlsf_ends
from gdbext.heap.layout import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, Geometry, Pool, TlsfLayout
from gdbext.heap.tlsf import first_payload, recognise_tlsf, tlsf_layout
from gdbext.heap.walk import LinkFault, Walk, read_lists, walk_tlsf
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_NAMES = ("mattconte-32", "mattconte-64")
_MOST_POOLS = 16
# How far behind a cleared header of a free block the next one is looked for.
_LONGEST = 64 << 10
# What unexplained memory speaks against an end at most: it may be one large block.
_WORST_GAP = 3.0
# So many equal bytes are a hole between two pools, not the inside of a block.
_LEAST_HOLE = 1024
_FEW_BLOCKS = 4


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
    end = _end_of_pool(memory, layout, layout.first, high)
    if end is None:
        return None
    return _with_more_pools(memory, replace(layout, pools=(Pool(layout.first, end),)))


def _end_of_pool(memory: Memory, layout: TlsfLayout, first: int, high: int) -> Optional[int]:
    """Where the pool ends whose first block is at `first`, whatever the layout says; None if no block begins there."""
    read = paged_reader(memory, first)
    stop, _, count = follow(layout, read, first, high)
    listed = _listed(_with_pool(layout, first, stop), read)
    behind = _pool_behind(memory, layout, read, stop) if count else None
    if behind is not None and not any(stop <= payload < behind for payload in listed):
        return stop
    look_ahead(memory, stop, high)
    ends = set(tlsf_ends(layout, read, neighbour_agrees(layout, read), stop, high))
    ends |= set(_ends_led_back(layout, read, stop, high)) if stop in listed else set()
    ends |= set(_ends_of_listed(layout, read, listed, stop, high))
    ends = {end for end in ends if end > first}
    if len(ends) < 2:
        return ends.pop() if ends else stop if count else None

    def spoiled(end: int) -> Tuple[float, int]:
        walk = walk_tlsf(_with_pool(layout, first, end), read)
        weight = 4 if end == high - high % layout.word and read(end - layout.word) in (0, PREV_FREE_BIT) else 1
        return _spoiled(walk, read, stop, weight * sum(1 for payload in walk.payloads if stop < payload < end)), end

    return min(ends, key=spoiled)


def _with_pool(layout: TlsfLayout, first: int, end: int) -> TlsfLayout:
    """The layout with a pool more, or another end of one."""
    others = [pool for pool in layout.pools if pool.first != first]
    return replace(layout, pools=tuple(sorted((*others, Pool(first, end)), key=lambda pool: pool.first)))


def _ends_led_back(layout: TlsfLayout, read: WordReader, stop: int, high: int) -> Iterator[int]:
    """The end of the chain behind a free block at `stop` whose header was cleared: the header behind it leads back."""
    header = stop - 2 * layout.word
    for payload in range(stop + layout.smallest + layout.word, min(high, stop + _LONGEST) + 1, layout.align):
        if read(payload - 2 * layout.word) == header and (read(payload - layout.word) or 0) & PREV_FREE_BIT:
            end, marker, _ = follow(layout, read, payload, high)
            if marker is not None and not marker & ~PREV_FREE_BIT:
                yield end
            return


def _listed(layout: TlsfLayout, read: WordReader) -> List[int]:
    """Where lists lead, in the pools and beyond."""
    walk = Walk(layout)
    read_lists(walk, layout, read)
    return [*(node.payload for node in walk.nodes), *(fault.value + 2 * layout.word for fault in walk.faults)]


def _ends_of_listed(layout: TlsfLayout, read: WordReader, listed: List[int], stop: int, high: int) -> Iterator[int]:
    """The ends to which blocks lead from those behind `stop` that are on lists."""
    for payload in listed:
        if stop < payload < high and payload % layout.align == 0:
            end, marker, count = follow(layout, read, payload, high)
            if count and marker is not None and not marker & ~PREV_FREE_BIT:
                yield end


def _spoiled(walk: Walk, read: WordReader, stop: int, read_on: int) -> float:
    """How much a walk contradicts itself; `read_on`, blocks proven behind the place where headers stop, speaks for it:
    more if they lead to the last word of the memory.
    """
    outside = [fault for fault in walk.faults if fault.rule == "list-link"]
    cut_off = sum(
        1 for fault in outside if fault.value + 2 * walk.layout.word >= stop and _leads_back(walk, read, fault)
    )
    missing = [node.payload for node in walk.nodes if node.payload not in walk.known]
    cut_off += sum(1 for payload in missing if _reaches(walk.layout, read, payload, stop))
    gaps = min(_WORST_GAP, sum(gap.end - gap.start for gap in walk.gaps()) / 4096)
    return 4 * (len(walk.breaks) + len(outside) + 2 * cut_off) + len(missing) + gaps - min(read_on, 8)


def _reaches(layout: Geometry, read: WordReader, payload: int, stop: int) -> bool:
    """Whether a free block that its neighbour confirms reaches over the place where headers stop."""
    word = read(payload - layout.word) or 0
    following = payload + (word & ~FLAG_BITS) + layout.word
    return bool(word & FREE_BIT) and following > stop and neighbour_agrees(layout, read)(payload, word, following)


def _leads_back(walk: Walk, read: WordReader, fault: LinkFault) -> bool:
    """Whether what a list's pointer leads to has that list as its own."""
    layout = walk.layout
    source = layout.control if fault.owner is None else fault.owner - 2 * layout.word
    return read(fault.value + 3 * layout.word) == source


def _pool_behind(memory: Memory, layout: Geometry, read: WordReader, stop: int) -> Optional[int]:
    """Payload of the first block of a pool behind an end marker: right behind it, or behind a long run of one byte."""
    marker = read(stop - layout.word)
    if marker is None or marker & ~PREV_FREE_BIT:
        return None
    data = memory.get(stop, min(memory.known_end(stop) - stop, _LONGEST)) or b""
    run = len(data) - len(data.lstrip(data[:1]))
    start = stop if run < _LEAST_HOLE else (stop + run) // layout.align * layout.align
    return start + layout.word if _pool_begins(memory, layout, read, start) else None


def _pool_begins(memory: Memory, layout: Geometry, read: WordReader, start: int) -> bool:
    """Whether blocks begin here, the first with nothing free in front of it, that lead to an end marker or far on."""
    first = start + layout.word
    _, marker, count = follow(layout, read, first, memory.known_end(start))
    word = read(start) or 0
    if not count or word & PREV_FREE_BIT:
        return False
    if not neighbour_agrees(layout, read)(first, word, first + (word & ~FLAG_BITS) + layout.word):
        return False
    return count > _FEW_BLOCKS or (marker is not None and not marker & ~PREV_FREE_BIT)


def _with_more_pools(memory: Memory, layout: TlsfLayout) -> TlsfLayout:
    for _ in range(_MOST_POOLS):
        walk = walk_tlsf(layout, paged_reader(memory, layout.control))
        more = [fault for fault in walk.faults if fault.rule == "list-link" and fault.value % layout.align == 0]
        pools = (pool for pool in (_pool_around(memory, walk, layout, fault) for fault in more) if pool is not None)
        pool = next(pools, None)
        if pool is None:
            return layout
        layout = _with_pool(layout, pool.first, pool.end)
    return layout


def _pool_around(memory: Memory, walk: Walk, layout: TlsfLayout, fault: LinkFault) -> Optional[Pool]:
    """The pool of a block that a list leads to, if it is one: linked back, or free and followed by blocks to an end."""
    payload = fault.value + 2 * layout.word
    read = paged_reader(memory, payload)
    size = (read(payload - layout.word) or 0) & ~FLAG_BITS
    if payload <= layout.control < payload + size or any(p.first <= payload <= p.end for p in layout.pools):
        return None
    if not _leads_back(walk, read, fault) and not _leads_to_end(layout, read, payload, memory):
        return None
    first = _pool_start(memory, layout, payload)
    above = [pool.first - layout.word for pool in layout.pools if pool.first > payload]
    high = min([known_until(memory, payload, 1 << 26), *above])
    end = _end_of_pool(memory, layout, first, high)
    return None if end is None or end < payload else Pool(first, end)


def _leads_to_end(layout: TlsfLayout, read: WordReader, payload: int, memory: Memory) -> bool:
    """Whether a free block stands here from which blocks lead to an end marker."""
    _, marker, count = follow(layout, read, payload, known_until(memory, payload, 1 << 26))
    free = (read(payload - layout.word) or 0) & FREE_BIT
    return bool(free and count) and marker is not None and not marker & ~PREV_FREE_BIT


def _pool_start(memory: Memory, layout: TlsfLayout, payload: int) -> int:
    """Payload of the first block of the pool that holds `payload`: at the begin of memory that has no other heap, or
    where blocks lead from to it: behind another pool.
    """
    read = paged_reader(memory, payload)
    starts = [start for start, end in memory.ranges() if start <= payload < end]
    if starts and not any(starts[-1] <= place < payload for place in (layout.control, *_ends(layout))):
        return (starts[-1] + layout.align - 1) // layout.align * layout.align + layout.word
    behind = (_pool_behind(memory, layout, read, end) for end in _ends(layout) if end <= payload)
    return max((first for first in behind if first is not None and first <= payload), default=payload)


def _ends(layout: TlsfLayout) -> List[int]:
    return [pool.end for pool in layout.pools]
