# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS heap_4 and heap_5, of any alignment, with or without the heap protector.

Approach: blocks follow each other by their sizes up to an end marker of size 0; free blocks are chained in address
order. So each free block's next pointer must lead to the next free block in memory, and what stands there instead of
its address is the protector's canary: the value that most pairs agree on. Used blocks keep NULL, plain or masked.
Rejected: following the chain from xStart (no symbol in an image; one bad pointer hides the rest); a canary from the
end marker alone (it may be what was damaged).
Cost: two walks a region.
Assumptions: the address given is that of the first header. heap_5: another region is found as memory
of its own, or by the chain that leads there, then from its first free block on; its end marker's pointer says nothing
once it has left the chain.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import chains_behind, follow, known_until, look_ahead, paged_reader, with_last
from gdbext.heap.layout import FREE_BIT, FreeRtosLayout, Link, Pool
from gdbext.heap.walk import Node, Walk, walk_listed, walk_pools
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_ALIGNMENTS = {4: (8, 16, 4, 32), 8: (16, 8, 32)}
_LOOK_AHEAD = 64 << 10
_MOST_STARTS = 256  # a core may have thousands of ranges
_MOST_REGIONS = 32
_NO_CHANCE = 8  # blocks that do not all fit an alignment, or have twice the alignment, by chance
_CONVINCING = 4  # blocks behind an end marker to which the chain leads
_FEW_BLOCKS = 8  # of a region without an end marker at the end of its memory
_BY_STATICS = 8.0  # what a pointer to the end marker is worth
_STATICS = 4 << 20  # bytes in which it is looked for


class FreeRtos(NamedTuple):
    """A recognised heap and how many of its blocks speak for it."""

    layout: FreeRtosLayout
    blocks: int
    whole: bool = False  # every block agrees, and they are many


def recognise_freertos(
    memory: Memory, address: int, version: int, largest: int, link: Optional[Link] = None
) -> Optional[FreeRtos]:
    """The layout of the heap whose first header is at `address`, or None. Version 5 may have several regions."""
    memory.fetch(address, 2 * memory.source.pointer_size)
    found: List[FreeRtos] = []
    for alignment in _ALIGNMENTS[memory.source.pointer_size]:
        one = _with_alignment(memory, address, version, largest, alignment, link)
        if one is not None and one.whole:
            return _or_coarser(memory, address, version, largest, one)
        found += [one] if one is not None else []
    best = max(found, key=_worth, default=None)
    coarser = (one for one in found if best and one.layout.align > best.layout.align and _is_as_good(one, best))
    return next(coarser, best)


def _is_as_good(coarser: FreeRtos, best: FreeRtos) -> bool:
    """Whether so many blocks have the coarser alignment that it is no chance."""
    return coarser.blocks >= _NO_CHANCE and 10 * coarser.blocks >= 9 * best.blocks


def _or_coarser(memory: Memory, address: int, version: int, largest: int, found: FreeRtos) -> FreeRtos:
    """Twice the alignment if all of many blocks have it: with the finer one that would be chance."""
    layout, align = found.layout, 2 * found.layout.align
    read, places = paged_reader(memory, layout.first), [pool.end - layout.header for pool in layout.pools]
    sizes = [read(layout.place_of_size(layout.first)), *places]
    if found.blocks < _NO_CHANCE or align <= layout.header or any(size is None or size % align for size in sizes):
        return found
    coarser = _with_alignment(memory, address, version, largest, align, layout.link)
    return coarser if coarser is not None and coarser.whole and coarser.blocks >= found.blocks else found


def _worth(found: FreeRtos) -> int:
    """An alignment below a header's size is rare, and finds a few blocks more where another one has met damage."""
    return found.blocks if found.layout.align >= found.layout.header else found.blocks - found.blocks // 10 - 1


def _with_alignment(
    memory: Memory, address: int, version: int, largest: int, align: int, link: Optional[Link]
) -> Optional[FreeRtos]:
    word = memory.source.pointer_size
    header = ((2 * word if link is None else link.size) + align - 1) // align * align
    if address % align:
        return None
    high = known_until(memory, address, largest)
    last = (high - header) // align * align + header
    layout = FreeRtosLayout(
        name="", word=word, align=align, header=header, smallest=align, control=address,
        pools=(Pool(address + header, last),), flaws=(), canary=0, used_next=0, link=link,
    )  # fmt: skip
    settled = _settled(memory, layout, last)
    if settled is None:
        return None
    if version == 5:
        settled = _with_more_regions(memory, settled)
    return _judged(memory, settled, version)


def _settled(memory: Memory, layout: FreeRtosLayout, last: int) -> Optional[FreeRtosLayout]:
    """The layout with the end of its only pool and its canary found."""
    read, first = paged_reader(memory, layout.first), layout.first
    stop = follow(layout, layout.header_reader(read), first, last)[0]
    look_ahead(memory, stop, last)
    ends = (end for end in _ends(layout, read, stop, last, _is_confirmed(layout, read, stop)) if end > first)
    candidates = [replace(layout, pools=(Pool(first, end),)) for end in ends]
    masked = [_with_canary(candidate, read) for candidate in candidates]
    led_to = _end_by_statics(memory, layout, [one.end for one in masked if one.end > stop], last)

    def weight(one: FreeRtosLayout) -> float:
        return _spoiled(one, read, stop, last) - (_BY_STATICS if one.end == led_to else 0)

    return min(masked, key=weight, default=None)


def _end_by_statics(memory: Memory, layout: FreeRtosLayout, ends: List[int], last: int) -> Optional[int]:
    """Which of some ends behind the place where the walk stops is a variable's value: pxEnd is. What the walk stops at
    may be xStart's: the first free block, cleared.
    """
    width = memory.source.pointer_size
    able = [(end - layout.header, end) for end in ends if not (end - layout.header) >> 8 * width]
    if not able:
        return None
    places = {place.to_bytes(width, memory.source.byte_order): end for place, end in able}
    words = re.compile(b"|".join(map(re.escape, places)))
    found = [
        places[match.group()]
        for start, data in memory.glance(_STATICS)
        for match in words.finditer(data)
        if (start + match.start()) % width == 0 and not layout.control <= start + match.start() < last
    ]
    return max(found, default=None)


def _is_confirmed(layout: FreeRtosLayout, read: WordReader, stop: int) -> bool:
    """Whether an end marker stands where the walk stops, to which the chain of free blocks leads without a fault."""
    if stop <= layout.first or read(layout.place_of_size(stop)) != 0:
        return False
    nearest = _with_canary(replace(layout, pools=(Pool(layout.first, stop),)), read)
    walk = walk_freertos(nearest, read)
    agrees = chain_agrees(nearest, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    leads_to = target_of(nearest, read(nearest.next_place(free[-1]))) if free else None
    marked = read(nearest.next_place(stop)) == nearest.canary
    return leads_to == stop and marked and all(agrees(p, word, 0) for p, word in zip(walk.payloads, walk.words))


def _ends(layout: FreeRtosLayout, read: WordReader, stop: int, last: int, confirmed: bool = False) -> List[int]:
    """Payloads of what may be the end marker; `confirmed`: more must speak for one that is not where the walk stops."""

    def is_end(payload: int) -> bool:
        return read(layout.place_of_size(payload)) == 0

    found = [stop] if is_end(stop) else []
    behind = chains_behind(
        layout,
        layout.header_reader(read),
        lambda *_: True,
        is_end,
        stop + layout.align,
        min(last, stop + _LOOK_AHEAD),
        convincing=_CONVINCING if confirmed else 1,
    )
    found += [behind] if behind is not None and behind not in found else []
    return with_last(found, stop, last)


def _spoiled(layout: FreeRtosLayout, read: WordReader, stop: int, last: int) -> float:
    """How much speaks against an end: breaks, pointers that lead out of the heap, blocks that disagree. For it speak
    blocks behind the place where the walk stops, more so if they lead to a marker that ends the memory too.
    """
    walk = walk_freertos(layout, read)
    agrees = chain_agrees(layout, read)
    wrong = sum(1 for payload, word in zip(walk.payloads, walk.words) if not agrees(payload, word, 0))
    behind = sum(1 for payload in walk.payloads if payload > stop)
    unmasked = layout.canary and not read(layout.next_place(layout.end))
    marker = 2 if read(layout.place_of_size(layout.end)) or unmasked else 0
    pointers = (
        read(layout.next_place(payload)) or 0 for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT
    )
    cut_off = sum(1 for value in pointers if layout.end < (value ^ layout.canary) + layout.header <= last)
    fills = 2 if behind and not marker and layout.end == last else 0
    gaps = sum(gap.end - gap.start for gap in walk.gaps())
    return 4 * len(walk.breaks) + 4 * wrong + 2 * cut_off + marker + gaps / 4096 - min(behind, 8) - fills


def _with_canary(layout: FreeRtosLayout, read: WordReader) -> FreeRtosLayout:
    walk = Walk(layout)
    walk_pools(walk, read, lambda *_: True)
    votes = Counter(_canary_votes(layout, walk, read))
    used = Counter(
        read(layout.next_place(payload)) for payload, word in zip(walk.payloads, walk.words) if not word & FREE_BIT
    )
    canary = max(votes, key=lambda value: (votes[value], value == 0), default=0)
    return replace(layout, canary=canary, used_next=canary if used[canary] > used[0] else 0)


def _canary_votes(layout: FreeRtosLayout, walk: Walk, read: WordReader) -> Iterator[int]:
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    for one, other in zip(free, [*free[1:], layout.end]):
        value = read(layout.next_place(one))
        if value is not None:
            yield value ^ (other - layout.header)
    marker = read(layout.next_place(layout.end))
    if marker is not None and read(layout.place_of_size(layout.end)) == 0:
        yield marker


def target_of(layout: FreeRtosLayout, value: Optional[int]) -> Optional[int]:
    """Payload of the block or end marker that a stored pointer leads to; None if it leads nowhere in this heap."""
    if value is None:
        return None
    payload = (value ^ layout.canary) + layout.header
    if payload % layout.align != layout.first % layout.align:
        return None
    return payload if layout.pool_of(payload) is not None or layout.is_end(payload) else None


def chain_agrees(layout: FreeRtosLayout, read: WordReader) -> Agrees:
    """Whether a block's next pointer is what its allocated bit asks for."""

    def agrees(payload: int, word: int, _: int) -> bool:
        value = read(layout.next_place(payload))
        if not word & FREE_BIT:
            return value == layout.used_next
        target = target_of(layout, value)
        return target is not None and target > payload

    return agrees


def walk_freertos(layout: FreeRtosLayout, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Every block that can be proven, with the chain of the free ones as its only list."""
    agrees = chain_agrees(layout, read)
    return walk_listed(layout, read, lambda _: agrees, lambda walk: _nodes(layout, walk, read), evidence)


def _nodes(layout: FreeRtosLayout, walk: Walk, read: WordReader) -> Iterator[Node]:
    """The blocks that next pointers of free ones lead to."""
    header = layout.header_reader(read)
    seen: Set[int] = set()
    for payload, word in zip(walk.payloads, walk.words):
        place = layout.next_place(payload)
        target = target_of(layout, read(place)) if word & FREE_BIT else None
        if target is None or target <= payload or target in seen or layout.is_end(target):
            continue
        seen.add(target)
        after = header(target - layout.header)
        if after is not None and after & FREE_BIT:
            yield Node(target, 0, place, payload, read(layout.next_place(target)), None)


def _with_more_regions(memory: Memory, layout: FreeRtosLayout) -> FreeRtosLayout:
    """The layout with every region that follows, has memory of its own, or is led to by the chain."""
    before = 0
    while before < len(layout.pools):
        before = len(layout.pools)
        layout = _with_next_regions(memory, layout)
    values = _chain(layout, paged_reader(memory, layout.first))
    targets = {value ^ layout.canary for value in values if value is not None}
    unknown = {target for target in targets if target % layout.align == 0 and not memory.is_known(target)}
    return replace(layout, beyond=frozenset(unknown - {layout.canary}))


def _with_next_regions(memory: Memory, layout: FreeRtosLayout) -> FreeRtosLayout:
    for start in _region_starts(memory, layout):
        first = start + layout.header
        if len(layout.pools) < _MOST_REGIONS and layout.pool_of(first) is None and not layout.is_end(first):
            pool = _region_at(memory, layout, start)
            if pool is not None and not any(
                pool.first < other.end and other.first < pool.end for other in layout.pools
            ):
                pools = tuple(sorted((*layout.pools, pool), key=lambda pool: pool.first))
                layout = replace(layout, pools=pools, control=min(layout.control, pool.first - layout.header))
    return layout


def _region_starts(memory: Memory, layout: FreeRtosLayout) -> Iterator[int]:
    """Where another region may begin: behind the first, at the begin of every known range; else its first free block
    must do, to which the chain leads.
    """
    yield layout.end
    for start in memory.starts()[:_MOST_STARTS]:
        yield (start + layout.align - 1) // layout.align * layout.align
    values = _chain(layout, paged_reader(memory, layout.first))
    yield from (value ^ layout.canary for value in values if value is not None)


def _region_at(memory: Memory, layout: FreeRtosLayout, start: int) -> Optional[Pool]:
    high = known_until(memory, start, 1 << 26)
    last = (high - layout.header) // layout.align * layout.align + layout.header
    first = start + layout.header
    if last <= first or start % layout.align:
        return None
    alone = replace(layout, pools=(Pool(first, last),))
    read = paged_reader(memory, first)
    stop = follow(alone, alone.header_reader(read), first, last)[0]
    look_ahead(memory, stop, last)
    for end in _ends(alone, read, stop, last):
        if end <= first or (read(layout.place_of_size(end)) != 0 and end != last):
            continue
        one = replace(alone, pools=(Pool(first, end),))
        both = tuple(sorted((*layout.pools, *one.pools), key=lambda pool: pool.first))
        good, blocks = _agreeing(replace(one, pools=both), read, one)
        led_to = stop == end and start ^ layout.canary in _chain(layout, read)
        few = 2 if read(layout.place_of_size(end)) == 0 else _FEW_BLOCKS
        if 4 * good >= 3 * blocks if good >= few else led_to:
            return Pool(first, end)
    return None


def _chain(layout: FreeRtosLayout, read: WordReader) -> List[Optional[int]]:
    """The pointers of the known regions' free blocks and end markers, as they are stored."""
    walk = walk_freertos(layout, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    return [read(layout.next_place(payload)) for payload in (*free, *(pool.end for pool in layout.pools))]


def _agreeing(layout: FreeRtosLayout, read: WordReader, part: FreeRtosLayout) -> Tuple[int, int]:
    walk = walk_freertos(part, read)
    agrees = chain_agrees(layout, read)
    good = sum(1 for payload, word in zip(walk.payloads, walk.words) if agrees(payload, word, 0))
    return good, len(walk.payloads) + 4 * len(walk.breaks)


def _judged(memory: Memory, layout: FreeRtosLayout, version: int) -> Optional[FreeRtos]:
    good, blocks = _agreeing(layout, paged_reader(memory, layout.first), layout)
    if not good or 2 * good < blocks:
        return None
    guard = "-protector" if layout.canary else ""
    name = f"freertos-heap{version}-{8 * layout.word}{guard}"
    return FreeRtos(replace(layout, name=name), good, good == blocks >= _NO_CHANCE)
