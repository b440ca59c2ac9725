# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS heap_4 and heap_5, of any alignment, with or without the heap protector.

Approach: blocks follow each other by their sizes up to an end marker of size 0. Free blocks are chained in address
order, so each free block's next pointer must lead to the next free block in memory. The heap protector masks pointers:
stored pointer XOR true address is its canary, and the value that most pairs of free blocks give is taken. A used block
stores NULL, plain or masked.
Rejected: following the chain from xStart (an image has no symbol for it, and one bad pointer hides the rest); taking
the canary from the end marker alone (the marker itself may be damaged).
Cost: two walks for each region.
Assumptions: the address given is that of the first header. heap_5: another region is found as a memory range of its
own, or because the chain of free blocks leads there; in the second case its blocks before that free block may be
missed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import (
    CONVINCING_BLOCKS,
    FAR_BYTES,
    WINDOW_BYTES,
    PagedReader,
    chains,
    chains_behind,
    follow,
    known_until,
    look_ahead,
)
from gdbext.heap.freertos.layout import BLOCKS_BEYOND_CHANCE, REACH_BYTES, FreeRtosLayout, link_in
from gdbext.heap.geometry import FREE_BIT, Pool
from gdbext.heap.walk import Node, Walk, walk_listed, walk_pools
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_ALIGNMENTS = {4: (8, 16, 4, 32), 8: (16, 8, 32)}
_MOST_STARTS = 256  # a core may have thousands of ranges
_MOST_REGIONS = 32
_MOST_HOLES = 16  # holes in the memory at hand that a heap may go across
_FEWEST_BEFORE_MARKER = 2  # blocks before an end marker that is the last word of its memory
_FEWEST_UNENDED = 8  # blocks that a region without an end marker must have
_STATICS_SCORE = 8.0  # points for an end that a variable points to
_STATICS_BYTES = 4 << 20  # bytes of memory in which that variable is looked for
_ROUND = 512  # a heap whose length is a multiple of it may end where an image does
_REGION = "region"  # name of a further region's layout while it is built; its canary is known
_MOST_SEARCHED = 8 << 20  # bytes behind damage; after so many in one report no further parts of a heap are looked for


class FreeRtos(NamedTuple):
    """A recognised heap, and the number of its blocks that agree with their next pointers."""

    layout: FreeRtosLayout
    blocks: int
    breaks: int  # headers at which the walk could not go on
    whole: bool = False  # True if all blocks agree, and they are too many for chance


def recognise_heap_4(memory: Memory, region: Region, version: int) -> Optional[FreeRtos]:
    """Returns the heap whose first header is at the region's address; None if there is none. heap_5 (version 5) may
    have several regions.
    """
    memory.fetch(region.address, 2 * memory.source.pointer_size)
    told = _with_alignment(memory, region, version, region.hints["align"]) if "align" in region.hints else None
    if told is not None:
        return told
    found: List[FreeRtos] = []
    for alignment in _ALIGNMENTS[memory.source.pointer_size]:
        one = _with_alignment(memory, region, version, alignment)
        if one is not None and one.whole:
            return _or_coarser(memory, region, version, one)
        found += [one] if one is not None else []
        if found and is_searched_out(memory):
            break
    # An alignment below a header's size is rare. In a damaged heap it finds a few blocks more than the true one.
    best = max(
        found,
        key=lambda one: one.blocks - one.breaks - (one.blocks // 10 + 1 if one.layout.align < one.layout.header else 0),
        default=None,
    )
    for one in found:
        # It is no chance if so many blocks have a coarser alignment.
        many = one.blocks >= BLOCKS_BEYOND_CHANCE and best is not None and 10 * one.blocks >= 9 * best.blocks
        if best is not None and many and one.layout.align > best.layout.align:
            return one
    return best


def _or_coarser(memory: Memory, region: Region, version: int, found: FreeRtos) -> FreeRtos:
    """Returns the heap with twice the alignment if it has many blocks and all of them fit; else `found`."""
    layout, align = found.layout, 2 * found.layout.align
    read, places = PagedReader(memory, layout.first), [pool.end - layout.header for pool in layout.pools]
    sizes = [read(layout.place_of_size(layout.first)), *places]
    if (
        found.blocks < BLOCKS_BEYOND_CHANCE
        or align <= layout.header
        or any(size is None or size % align for size in sizes)
    ):
        return found
    coarser = _with_alignment(memory, region, version, align)
    return coarser if coarser is not None and coarser.whole and coarser.blocks >= found.blocks else found


def _with_alignment(memory: Memory, region: Region, version: int, align: int) -> Optional[FreeRtos]:
    address, link, word = region.address, link_in(region.hints), memory.source.pointer_size
    if address % align:
        return None
    whole, next_at, size_at = link or (2 * word, 0, word)
    header = (whole + align - 1) // align * align
    high = known_until(memory, address, LARGEST_HEAP)
    last = (high - header) // align * align + header
    layout = FreeRtosLayout(
        name="", word=word, align=align, header=header, smallest=align, control=address,
        pools=(Pool(address + header, last),), flaws=(), next_at=next_at, size_at=size_at, canary=0, used_next=0,
        told=link is not None,
    )  # fmt: skip
    given = [Pool(-(-low // align) * align + header, _last_in(layout, high)) for low, high in region.pools]
    read, own = PagedReader(memory, layout.first), next((one for one in given if one.first == layout.first), None)
    settled: Optional[FreeRtosLayout]
    marker = region.hints.get("marker", 0)  # by pxEnd
    if marker > address and (marker - address) % align == 0:
        settled = _masked(layout, read, Pool(layout.first, marker + header))
    elif own is not None and own.end > own.first and not read(layout.place_of_size(own.end)):
        settled = _masked(layout, read, own)  # the end was given, and a marker is there or the word is unknown
    else:
        settled = _settled(memory, layout, last if own is None else min(last, own.end), version)
    if settled is None:
        return None
    if version == 5:
        settled = _with_more_regions(memory, settled, [pool for pool in given if pool.first != layout.first])
    settled = _with_beyond(memory, settled, version)
    good, blocks, breaks = _agreeing(settled, PagedReader(memory, settled.first), settled)
    if not good or (2 * good < blocks and not marker):
        return None
    name = f"freertos-heap{version}-{8 * word}{'-protector' if settled.canary else ''}"
    return FreeRtos(replace(settled, name=name), good, breaks, good == blocks >= BLOCKS_BEYOND_CHANCE)


def _settled(memory: Memory, layout: FreeRtosLayout, last: int, version: int) -> Optional[FreeRtosLayout]:
    """Returns the layout with one pool, its end and its canary; None if there is no pool."""
    read, first = PagedReader(memory, layout.first), layout.first
    if version == 5 and _ends_region(layout, read, first, _stop(layout, read, last)):
        return _masked(layout, read, Pool(first, _stop(layout, read, last)))
    last = _reach(memory, layout, read, last, version)
    stop = _stop(layout, read, last)
    if _is_chance(layout, read, stop):
        return None
    look_ahead(memory, stop, last)
    outside = _outside(memory, layout, read, last, stop)
    if outside and _is_confirmed_free(outside[0], layout, read, stop):
        return _masked(layout, read, outside[0])
    ends = _ends(layout, read, stop, last)
    near = [end for end in ends if version == 4 or end - stop <= WINDOW_BYTES] or ends
    pools = [Pool(first, end) for end in near if end > first]
    masked = [_masked(layout, read, pool) for pool in (*pools, *outside)]
    by_statics = _end_by_statics(memory, layout, [one.end for one in masked if one.end - layout.header > stop], last)
    bonus = {by_statics: _STATICS_SCORE}
    best = min(masked, key=lambda one: _spoiled(one, read, stop, last) - bonus.get(one.end, 0), default=None)
    return None if best is None else _opened(memory, best, read)


def _opened(memory: Memory, layout: FreeRtosLayout, read: WordReader) -> FreeRtosLayout:
    """Returns the layout with a pool that goes on through a hole in the memory at hand, if no marker ends it before, or
    its last block leads into the hole. It also goes on if the memory ends on the header of a further block.
    """
    pool, align = layout.pools[0], layout.align
    if pool.open or (pool.end - layout.control) % _ROUND == 0 or memory.may_read(pool.end, pool.end + align):
        return layout
    last = (broken for broken in walk_heap_4(layout, read).breaks if broken.next == pool.end)
    leads = [broken.payload + (broken.word & ~FREE_BIT) for broken in last if broken.word is not None]
    word = layout.header_reader(read)(pool.end - layout.header) or 0
    headed = [pool.end + (word & ~FREE_BIT)] if word else []
    places = range(pool.end, pool.end + REACH_BYTES)
    leads_on = any(end in places and end % align == 0 for end in leads)
    if read(layout.place_of_size(pool.end)) == 0 and not leads_on:
        return layout
    ends = [start // align * align for start in memory.starts() if start in places][:1]
    ends = [end + layout.header for end in ends or headed if end in places]
    return replace(layout, pools=(Pool(pool.first, ends[0], True),)) if ends else layout


def _is_chance(layout: FreeRtosLayout, read: WordReader, stop: int) -> bool:
    """True if many sizes lead on up to `stop`, but next pointers disagree with most: words that look like headers."""
    one = _masked(layout, read, Pool(layout.first, stop))
    walk, agrees = Walk(one), chain_agrees(one, read)
    walk_pools(walk, read, lambda *_: True)
    good = sum(1 for payload, word in zip(walk.payloads, walk.words) if agrees(payload, word, 0))
    return len(walk.payloads) >= BLOCKS_BEYOND_CHANCE and 4 * good < len(walk.payloads)


def _stop(layout: FreeRtosLayout, read: WordReader, last: int) -> int:
    """Returns the payload at which the chain from the first block stops."""
    return follow(layout, layout.header_reader(read), layout.first, last)[0]


def _last_in(layout: FreeRtosLayout, high: int) -> int:
    """Returns the highest payload whose header lies below `high`."""
    return (high - layout.header) // layout.align * layout.align + layout.header


def _reach(memory: Memory, layout: FreeRtosLayout, read: WordReader, last: int, version: int) -> int:
    """Returns the highest payload that the heap may have. If the memory at hand has holes, the heap goes on behind one
    where sizes, pointers or blocks prove it.
    """
    spans = [(low, high) for low, high in memory.ranges() if last < low <= last + REACH_BYTES][:_MOST_HOLES]
    beyond = _stop(layout, read, layout.first + REACH_BYTES) if spans else layout.first
    if beyond == layout.first or (read(layout.place_of_size(beyond)) == 0 and beyond <= last):
        return last
    before: Optional[int] = None
    for low, high in spans:
        if is_searched_out(memory):
            break
        if before != last:
            before, masked = last, _masked(layout, read, Pool(layout.first, _last_in(layout, high), True))
            leads = sorted({masked.target_of(value) or 0 for value in _chain(masked, read)})
            beyond = _stop(layout, read, layout.first + REACH_BYTES)
        if _goes_on(masked, read, beyond, leads, (low, high), version):
            last = _last_in(layout, high)
    return last


def _goes_on(
    masked: FreeRtosLayout, read: WordReader, beyond: int, leads: List[int], span: Tuple[int, int], version: int
) -> bool:
    """True if the heap goes on in the memory `span` behind a hole. `beyond`: the payload that sizes lead to; `leads`:
    the payloads that pointers lead to. If blocks of heap_5 follow each other from the start of that memory, it is a
    region of its own.
    """
    low, high = span
    last, header = _last_in(masked, high), masked.header_reader(read)
    start = -(-low // masked.align) * masked.align + masked.header
    if low <= beyond - masked.header < high:
        return True
    if version == 5 and follow(masked, header, start, last)[2] >= CONVINCING_BLOCKS:
        return False
    words = (header(target - masked.header) for target in leads if start <= target <= last)
    if any(word is not None and (word & FREE_BIT or not word) for word in words):
        return True  # the chain of free blocks leads there: to a free block or an end marker
    if read(masked.place_of_size(beyond)) is not None:
        return False
    agrees, reach = chain_agrees(masked, read), min(last, start + WINDOW_BYTES)
    blocks, end = chains_behind(
        masked, header, agrees, lambda payload: read(masked.place_of_size(payload)) == 0, start, reach
    )
    # Two blocks are enough if their end marker ends the memory.
    return blocks >= CONVINCING_BLOCKS or (blocks >= _FEWEST_BEFORE_MARKER and end == last)


def _outside(memory: Memory, layout: FreeRtosLayout, read: WordReader, last: int, stop: int) -> List[Pool]:
    """Returns pools that lead out of the memory at hand, open at their ends. Such a pool is proven by the chain from
    the first block, or by a chain behind the place where that one stops, if the end of the memory is less than 1 MiB
    away. Pointers may lead still further.
    """
    if not memory.ranges():
        return []
    beyond = _stop(layout, read, layout.first + REACH_BYTES)
    ends = [beyond] if beyond > last and read(layout.place_of_size(beyond)) is None else []
    if last - stop <= FAR_BYTES:
        whole = _masked(layout, read, Pool(layout.first, last, True))
        found = chains(
            whole,
            whole.header_reader(read),
            _leads_on(whole, read),
            max(stop + layout.align, last - WINDOW_BYTES),
            last,
            lambda payload: payload if last < payload < last + REACH_BYTES else None,
        )
        blocks, behind = max(found.values(), default=(0, 0))
        ends += [behind] if blocks >= CONVINCING_BLOCKS else []
    pools = [Pool(layout.first, end, True) for end in ends]
    for number, pool in enumerate(pools):
        # Each pool goes on up to the highest target of its pointers.
        one = _masked(layout, read, pool)
        values = [value ^ one.canary for value in _chain(one, read) if value is not None]
        targets = (value + layout.header for value in values if value % layout.align == 0)
        pools[number] = replace(pool, end=max([pool.end, *(end for end in targets if end < pool.end + REACH_BYTES)]))
    return pools


def _leads_on(layout: FreeRtosLayout, read: WordReader) -> Agrees:
    """Returns a check of a block's next pointer. A free block's pointer may lead on to memory that is not known yet."""
    agrees = chain_agrees(layout, read)

    def leads_on(payload: int, word: int, following: int) -> bool:
        leads_behind = word & FREE_BIT and (read(layout.next_place(payload)) or 0) ^ layout.canary > payload
        return bool(leads_behind) or agrees(payload, word, following)

    return leads_on


def _is_confirmed_free(outside: Pool, layout: FreeRtosLayout, read: WordReader, stop: int) -> bool:
    """True if a free block leads out of the memory at hand and its next pointer leads beyond its end, too. Also true if
    the header there was not read.
    """
    word = layout.header_reader(read)(stop - layout.header)
    masked = _masked(layout, read, outside)
    value = read(layout.next_place(stop))
    if word is None or value is None:
        return word is None
    target = (value ^ masked.canary) + layout.header
    behind = stop + (word & ~FREE_BIT) + layout.header
    return bool(word & FREE_BIT) and target % layout.align == 0 and behind <= target <= outside.end


def _ends_region(layout: FreeRtosLayout, read: WordReader, first: int, stop: int) -> bool:
    """True if the marker at `stop` ends a region of heap_5: its pointer leads on to another region, and the chain of
    free blocks leads to it or beyond. A cleared header has no such pointer, or the chain passes it.
    """
    if stop <= first or read(layout.place_of_size(stop)) != 0:
        return False
    one = _masked(layout, read, Pool(first, stop))
    walk = walk_heap_4(one, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    wrong = [payload for payload in free[:-1] if one.target_of(read(one.next_place(payload))) is None]
    last = (read(one.next_place(free[-1])) or 0) ^ one.canary if free else 0
    following = (read(one.next_place(stop)) or 0) ^ one.canary
    if wrong or (last and last < stop - layout.header):
        return False
    return following > stop - layout.header and following % layout.align == 0


def _end_by_statics(memory: Memory, layout: FreeRtosLayout, ends: List[int], last: int) -> Optional[int]:
    """Returns the end that a variable (pxEnd) points to; None if none does. `ends` must lie behind the place where the
    walk stops: xStart may point to that place itself, if it is the first free block and its header was cleared. Its
    user's pointer leads to it, too.
    """
    width = memory.source.pointer_size
    able = [(end - layout.header, end) for end in ends if not (end - layout.header) >> 8 * width]
    if not able or layout.name == _REGION:
        return None
    places = {place.to_bytes(width, memory.source.byte_order): end for place, end in able}
    words = re.compile(b"|".join(map(re.escape, places)))
    found = [
        places[match.group()]
        for start, data in memory.glance(_STATICS_BYTES)
        for match in words.finditer(data)
        if (start + match.start()) % width == 0 and not layout.control <= start + match.start() < last
    ]
    return max(found, default=None)


def _is_confirmed(layout: FreeRtosLayout, read: WordReader, stop: int) -> bool:
    """True if the chain of free blocks leads without a fault to the end marker where the walk stops."""
    nearest = _masked(layout, read, Pool(layout.first, stop))
    walk = walk_heap_4(nearest, read)
    agrees = chain_agrees(nearest, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    leads_to = nearest.target_of(read(nearest.next_place(free[-1]))) if free else None
    marked = read(nearest.next_place(stop)) == nearest.canary
    return leads_to == stop and marked and all(agrees(p, word, 0) for p, word in zip(walk.payloads, walk.words))


def _ends(layout: FreeRtosLayout, read: WordReader, stop: int, last: int) -> List[int]:
    """Returns the payloads that may be the end marker. The end of the known memory is one of them, unless it is more
    than 1 MiB away; without any other candidate the place 1 MiB behind `stop` is taken then.
    """
    header, reach = layout.header_reader(read), min(last, stop + WINDOW_BYTES)
    found = [stop] if read(layout.place_of_size(stop)) == 0 else []
    # If the walk stops on a marker that the free blocks confirm, another marker needs more blocks before it.
    needed = CONVINCING_BLOCKS if found and stop > layout.first and _is_confirmed(layout, read, stop) else 1
    blocks, behind = chains_behind(
        layout,
        header,
        lambda *_: True,
        lambda payload: read(layout.place_of_size(payload)) == 0,
        stop + layout.align,
        reach,
    )
    found += [behind] if blocks >= needed and behind not in found else []
    if last - stop > FAR_BYTES:
        return found or [stop + FAR_BYTES]
    return found if last in found or last < stop else [*found, last]


def _spoiled(layout: FreeRtosLayout, read: WordReader, stop: int, last: int) -> float:
    """Returns the points against an end: for breaks, for gaps, for pointers that leave the heap, for blocks that
    disagree. Blocks behind `stop` take points off, and more if their end marker ends the memory.
    """
    walk = walk_heap_4(layout, read)
    agrees = chain_agrees(layout, read)
    wrong = sum(1 for payload, word in zip(walk.payloads, walk.words) if not agrees(payload, word, 0))
    behind = sum(1 for payload in walk.payloads if payload > stop)
    unmasked = layout.canary and read(layout.next_place(layout.end)) == 0
    marker = 2 if read(layout.place_of_size(layout.end)) or unmasked else 0
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    targets = [((read(layout.next_place(payload)) or 0) ^ layout.canary) + layout.header for payload in free]
    cut_off = sum(1 for target in targets if layout.end < target <= last)
    header, known = layout.header_reader(read), set(walk.payloads)
    jumped = (target for target in targets if layout.pool_of(target) is not None and target not in known)
    inside = (target for target in jumped if not any(gap.start < target <= gap.end for gap in walk.gaps()))
    swallowed = sum(1 for target in inside if (header(target - layout.header) or 0) & FREE_BIT)
    fills = 2 if behind and not marker and layout.end == last else 0
    gaps = sum(gap.end - gap.start for gap in walk.gaps())
    breaks = sum(1 for broken in walk.breaks if broken.word is not None)
    return 4 * (breaks + wrong + swallowed) + 2 * cut_off + marker + gaps / 4096 - min(behind, 8) - fills


def _masked(layout: FreeRtosLayout, read: WordReader, pool: Pool) -> FreeRtosLayout:
    """Returns the layout with one pool and the canary of its blocks. A canary known from another region is kept."""
    layout = replace(layout, pools=(pool,))
    if layout.name == _REGION:
        return layout
    walk = Walk(layout)
    walk_pools(walk, read, lambda *_: True)
    votes = Counter(value for value in _canary_votes(layout, walk, read) if _may_be_canary(value, layout.word))
    used = Counter(
        read(layout.next_place(payload)) for payload, word in zip(walk.payloads, walk.words) if not word & FREE_BIT
    )
    canary = max(votes, key=lambda value: (votes[value], value == 0), default=0)
    sound = (
        payload
        for payload, word in zip(walk.payloads, walk.words)
        if word not in (layout.impossible, 0) and not word & FREE_BIT
    )
    (kept, count), *_ = Counter(read(layout.next_place(payload)) for payload in sound).most_common(1) or [(None, 0)]
    # Where the rest of a heap is not at hand there may be no free block that tells.
    enough = count >= CONVINCING_BLOCKS or ((pool.open or _ends_unread(walk)) and not votes)
    if kept and _may_be_canary(kept, layout.word) and enough and 2 * count > sum(used.values()):
        canary = kept
    return replace(layout, canary=canary, used_next=canary if used[canary] > used[0] else 0)


def _may_be_canary(value: int, width: int) -> bool:
    """True if a word is none (0) or random. One byte again and again is what writes over many blocks leave."""
    return 0 <= value < 1 << 8 * width and (value == 0 or len(set(value.to_bytes(width, "little"))) > 1)


def _ends_unread(walk: Walk) -> bool:
    """True if a part of the heap was not read."""
    return any(broken.word is None for broken in walk.breaks)


def _canary_votes(layout: FreeRtosLayout, walk: Walk, read: WordReader) -> Iterator[int]:
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    # The last pointer of an open pool leads to another region or block, which tells nothing about the canary.
    # So does the last one before memory that was not read.
    behind = [] if (layout.pools[-1].open and len(free) > 1) or _ends_unread(walk) else [layout.end]
    holes = [broken.payload for broken in walk.breaks if broken.word is None]
    for one, other in zip(free, [*free[1:], *behind]):
        value = read(layout.next_place(one))
        across = any(one < hole <= other for hole in holes)  # the next free block may lie in the hole
        if value is not None and not across:
            yield value ^ (other - layout.header)
    marker = read(layout.next_place(layout.end))
    leads_on = layout.end <= (marker or 0) < layout.end + REACH_BYTES and (marker or 0) % layout.align == 0
    if marker is not None and not leads_on and read(layout.place_of_size(layout.end)) == 0:
        yield marker


def chain_agrees(layout: FreeRtosLayout, read: WordReader) -> Agrees:
    """Returns a check that a block's next pointer fits its allocated bit. A pointer that was not read fits."""

    def agrees(payload: int, word: int, _: int) -> bool:
        value = read(layout.next_place(payload))
        if value is None:
            return True
        if not word & FREE_BIT:
            return value == layout.used_next
        target = layout.target_of(value)
        return target is not None and target > payload

    return agrees


def walk_heap_4(layout: FreeRtosLayout, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Returns every block that can be proven. The chain of free blocks is the only list."""
    agrees = chain_agrees(layout, read)
    return walk_listed(layout, read, lambda _: agrees, lambda walk: _nodes(layout, walk, read), evidence)


def _nodes(layout: FreeRtosLayout, walk: Walk, read: WordReader) -> Iterator[Node]:
    """Yields the free blocks that next pointers of free blocks lead to."""
    header = layout.header_reader(read)
    seen: Set[int] = set()
    for payload, word in zip(walk.payloads, walk.words):
        place = layout.next_place(payload)
        target = layout.target_of(read(place)) if word & FREE_BIT else None
        if target is None or target <= payload or target in seen or layout.is_end(target):
            continue
        seen.add(target)
        after = header(target - layout.header)
        if after is not None and after & FREE_BIT:
            yield Node(target, 0, place, payload, read(layout.next_place(target)), None)


def _with_more_regions(memory: Memory, layout: FreeRtosLayout, given: List[Pool]) -> FreeRtosLayout:
    """Returns the layout with all regions: those in `given`, one right behind another, ranges of memory of their own,
    and those that the chain of free blocks leads to.
    """
    layout = replace(layout, pools=tuple(sorted((*layout.pools, *given), key=lambda pool: pool.first)))
    layout, before = replace(layout, control=min(layout.control, layout.first - layout.header)), 0
    tried: Set[Tuple[int, bool]] = set()
    while before < len(layout.pools):
        before = len(layout.pools)
        values = _chain(layout, PagedReader(memory, layout.first))
        leads = sorted({value ^ layout.canary for value in values if value is not None})
        for start in _region_starts(memory, layout, leads):
            first = start + layout.header
            if is_searched_out(memory):
                return layout
            if len(layout.pools) >= _MOST_REGIONS or layout.pool_of(first) is not None or layout.is_end(first):
                continue
            if (start, start in leads) in tried:
                continue
            tried.add((start, start in leads))
            pool = _region_at(memory, layout, start, start in leads)
            if pool and not any(pool.first < other.end and other.first < pool.end for other in layout.pools):
                pools = tuple(sorted((*layout.pools, pool), key=lambda pool: pool.first))
                layout = replace(layout, pools=pools, control=min(layout.control, pool.first - layout.header))
    return layout


def is_searched_out(memory: Memory) -> bool:
    """True if so many bytes were searched behind damage that no further heaps or parts of heaps may be looked for."""
    if memory.searched <= _MOST_SEARCHED:
        return False
    memory.remark_always(said("freertos-parts", most=_MOST_SEARCHED))  # heaps are found before a report begins
    return True


def _with_beyond(memory: Memory, layout: FreeRtosLayout, version: int) -> FreeRtosLayout:
    """Returns the layout with `beyond`: the targets of the chain outside of the memory at hand that can be believed.
    They lie in other regions of heap_5. What leads into the rest of an open pool is believed in any case.
    """
    values = _chain(layout, PagedReader(memory, layout.first))
    targets = {value ^ layout.canary for value in values if value is not None}
    absent = {target for target in targets if target % layout.align == 0 and not memory.may_read(target, target + 1)}
    believed = absent if version == 5 else set()
    return replace(layout, beyond=frozenset(believed - {layout.canary, 0}))


def _region_starts(memory: Memory, layout: FreeRtosLayout, leads: List[int]) -> Iterator[int]:
    """Yields the addresses where another region may begin: behind the heap's end, at the start of each known range, and
    before each free block that the chain leads to.
    """
    yield layout.end
    for start in memory.starts()[:_MOST_STARTS]:
        yield (start + layout.align - 1) // layout.align * layout.align
    for target in (target for target in leads if target % layout.align == 0):
        if layout.pool_of(target + layout.header) is None:
            at_hand = memory.may_read(target, target + layout.header)
            yield _start_before(memory, layout, target) if at_hand else target


def _region_at(memory: Memory, layout: FreeRtosLayout, start: int, is_target: bool) -> Optional[Pool]:
    """Returns the region whose first header is at `start`, if its blocks agree with the heap or the chain leads there.
    Else returns None.
    """
    last, first = _last_in(layout, known_until(memory, start, 1 << 26)), start + layout.header
    if last <= first or start % layout.align:
        return None
    read = PagedReader(memory, first)
    word = layout.header_reader(read)(start)
    stop, _, count = follow(layout, layout.header_reader(read), first, last)
    begins = count >= _FEWEST_UNENDED or (count > 0 and read(layout.place_of_size(stop)) == 0)
    if not is_target and not (begins and ((word or 0) & FREE_BIT or chain_agrees(layout, read)(first, word or 0, 0))):
        return None
    settled = _settled(memory, replace(layout, name=_REGION, pools=(Pool(first, last),)), last, 5)
    if settled is None:
        return None
    pool, size = settled.pools[0], read(layout.place_of_size(settled.end))
    if size != 0 and pool.end != last and not pool.open:
        return None
    both = tuple(sorted((*layout.pools, pool), key=lambda pool: pool.first))
    good, blocks, _ = _agreeing(replace(settled, pools=both), read, settled)
    few = 2 if size == 0 else _FEWEST_UNENDED
    sound = is_target and (pool.open or _stop(settled, read, pool.end) == pool.end)
    return pool if (4 * good >= 3 * blocks if good >= few else sound) else None


def _start_before(memory: Memory, layout: FreeRtosLayout, target: int) -> int:
    """Returns the first header of the region that has a free block's header at `target`. The longest chain of blocks
    that leads to that block begins there.
    """
    read, payload = PagedReader(memory, target), target + layout.header
    starts = [start for start in memory.starts() if start <= target]
    below = [pool.end for pool in layout.pools if pool.end <= target]
    low = max([target - WINDOW_BYTES, *starts, *below]) + layout.header
    found = chains(
        layout,
        layout.header_reader(read),
        _leads_on(layout, read),
        low,
        target - layout.align,
        lambda place: payload if place == payload else None,
    )
    return max(found, key=lambda place: found[place], default=payload) - layout.header


def _chain(layout: FreeRtosLayout, read: WordReader) -> List[Optional[int]]:
    """Returns the next pointers of the known regions' free blocks and end markers, as stored."""
    walk = walk_heap_4(layout, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    return [read(layout.next_place(payload)) for payload in (*free, *(pool.end for pool in layout.pools))]


def _agreeing(layout: FreeRtosLayout, read: WordReader, part: FreeRtosLayout) -> Tuple[int, int, int]:
    """Returns the number of blocks that agree with their next pointers, that of all, and that of the breaks among them.
    A break counts as four blocks. Memory that is not at hand disagrees with nothing.
    """
    walk = walk_heap_4(part, read)
    agrees = chain_agrees(layout, read)
    good = sum(1 for payload, word in zip(walk.payloads, walk.words) if agrees(payload, word, 0))
    breaks = sum(1 for broken in walk.breaks if broken.word is not None)
    return good, len(walk.payloads) + 4 * breaks, breaks
