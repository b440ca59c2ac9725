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
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import (
    CONVINCING_BLOCKS,
    WINDOW_BYTES,
    chains,
    chains_behind,
    follow,
    known_until,
    look_ahead,
    paged_reader,
    with_last,
)
from gdbext.heap.freertos.layout import BLOCKS_BEYOND_CHANCE, FreeRtosLayout, Link, link_in
from gdbext.heap.geometry import FREE_BIT, Pool
from gdbext.heap.region import Region, Span
from gdbext.heap.walk import Node, Walk, walk_listed, walk_pools
from gdbext.model.record import replace
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_ALIGNMENTS = {4: (8, 16, 4, 32), 8: (16, 8, 32)}
_MOST_STARTS = 256  # a core may have thousands of ranges
_NONSENSE = 4  # the size that stands for a header that cannot be one
_MOST_REGIONS = 32
_MOST_HOLES = 64  # that a heap may have in the memory at hand
_FEWEST_BEFORE_MARKER = 2  # blocks before an end marker that is the last word of its memory
_FEWEST_UNENDED = 8  # blocks of a region whose memory ends without an end marker
_STATICS_SCORE = 8.0  # what a pointer to the end marker is worth
_STATICS_BYTES = 4 << 20  # of memory in which it is looked for
_REGION = "region"  # the name of a layout whose canary is known, until it gets its own
_REACH_BYTES = 64 << 20  # a heap goes no further on in memory that is not at hand


class FreeRtos(NamedTuple):
    """A recognised heap and how many of its blocks speak for it."""

    layout: FreeRtosLayout
    blocks: int
    whole: bool = False  # every block agrees, and they are many


class _Told(NamedTuple):
    """What is known of a heap beside its bytes."""

    link: Optional[Link] = None  # what a block's header is
    memory: Tuple[Span, ...] = ()  # the array or the regions that it was given, or some of them


def recognise_freertos(memory: Memory, region: Region, version: int, largest: int) -> Optional[FreeRtos]:
    """The layout of the heap whose first header is at the region's address, or None. Version 5 may have several
    regions.
    """
    told = _Told(link_in(region.hints), region.pools)
    found = _recognised(memory, region.address, version, largest, told)
    if found is None and told.link is not None:
        return _recognised(memory, region.address, version, largest, told._replace(link=None))
    return found


def _recognised(memory: Memory, address: int, version: int, largest: int, told: _Told) -> Optional[FreeRtos]:
    memory.fetch(address, 2 * memory.source.pointer_size)
    found: List[FreeRtos] = []
    for alignment in _ALIGNMENTS[memory.source.pointer_size]:
        one = _with_alignment(memory, address, version, largest, alignment, told)
        if one is not None and one.whole:
            return _or_coarser(memory, address, version, largest, one, told)
        found += [one] if one is not None else []
    best = max(found, key=_worth, default=None)
    coarser = (one for one in found if best and one.layout.align > best.layout.align and _is_as_good(one, best))
    return next(coarser, best)


def _is_as_good(coarser: FreeRtos, best: FreeRtos) -> bool:
    """Whether so many blocks have the coarser alignment that it is no chance."""
    return coarser.blocks >= BLOCKS_BEYOND_CHANCE and 10 * coarser.blocks >= 9 * best.blocks


def _or_coarser(memory: Memory, address: int, version: int, largest: int, found: FreeRtos, told: _Told) -> FreeRtos:
    """Twice the alignment if all of many blocks have it: with the finer one that would be chance."""
    layout, align = found.layout, 2 * found.layout.align
    read, places = paged_reader(memory, layout.first), [pool.end - layout.header for pool in layout.pools]
    sizes = [read(layout.place_of_size(layout.first)), *places]
    if (
        found.blocks < BLOCKS_BEYOND_CHANCE
        or align <= layout.header
        or any(size is None or size % align for size in sizes)
    ):
        return found
    coarser = _with_alignment(memory, address, version, largest, align, told)
    return coarser if coarser is not None and coarser.whole and coarser.blocks >= found.blocks else found


def _worth(found: FreeRtos) -> int:
    """An alignment below a header's size is rare, and finds a few blocks more where another one has met damage."""
    return found.blocks if found.layout.align >= found.layout.header else found.blocks - found.blocks // 10 - 1


def _with_alignment(
    memory: Memory, address: int, version: int, largest: int, align: int, told: _Told
) -> Optional[FreeRtos]:
    link = told.link
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
    given = [Pool(-(-low // align) * align + header, _last_in(layout, high)) for low, high in told.memory]
    settled = _first_pool(memory, layout, last, version, given)
    if settled is None:
        return None
    if version == 5:
        others = (pool for pool in given if pool.first != layout.first)
        settled = replace(settled, pools=tuple(sorted((*settled.pools, *others), key=lambda pool: pool.first)))
        settled = replace(settled, control=min(settled.control, settled.first - header))
        settled = _with_more_regions(memory, settled)
    settled = _with_beyond(memory, settled, version)
    return _judged(memory, settled, version)


def _first_pool(
    memory: Memory, layout: FreeRtosLayout, last: int, version: int, given: List[Pool]
) -> Optional[FreeRtosLayout]:
    """The layout with its first pool: as it is told, if an end marker is there or may be; else as it shows itself."""
    read = paged_reader(memory, layout.first)
    own = next((pool for pool in given if pool.first == layout.first), None)
    if own is not None and own.end > own.first and not read(layout.place_of_size(own.end)):
        return _masked(layout, read, own)
    return _settled(memory, layout, last if own is None else min(last, own.end), version)


def _settled(memory: Memory, layout: FreeRtosLayout, last: int, version: int) -> Optional[FreeRtosLayout]:
    """The layout with the end of its only pool and its canary found."""
    read, first = paged_reader(memory, layout.first), layout.first
    if version == 5 and _ends_region(layout, read, first, _stop(layout, read, last)):
        return _masked(layout, read, Pool(first, _stop(layout, read, last)))
    last = _reach(memory, layout, read, last, version)
    stop = _stop(layout, read, last)
    look_ahead(memory, stop, last)
    outside = _outside(memory, layout, read, last, stop)
    if outside and _is_confirmed_free(outside[0], layout, read, stop):
        return _masked(layout, read, outside[0])
    confirmed = _is_confirmed(layout, read, stop)
    ends = _ends(layout, read, stop, last, confirmed)
    near = [end for end in ends if version == 4 or end - stop <= WINDOW_BYTES] or ends
    pools = [Pool(first, end) for end in near if end > first]
    masked = [_masked(layout, read, pool) for pool in (*pools, *outside)]
    led_to = _end_by_statics(memory, layout, [one.end for one in masked if one.end > stop], last)

    def weight(one: FreeRtosLayout) -> float:
        return _spoiled(one, read, stop, last) - (_STATICS_SCORE if one.end == led_to else 0)

    return min(masked, key=weight, default=None)


def _stop(layout: FreeRtosLayout, read: WordReader, last: int) -> int:
    """Payload at which the chain of blocks stops that begins with the first."""
    return follow(layout, layout.header_reader(read), layout.first, last)[0]


def _last_in(layout: FreeRtosLayout, high: int) -> int:
    """The highest payload of which memory up to `high` has the header."""
    return (high - layout.header) // layout.align * layout.align + layout.header


def _reach(memory: Memory, layout: FreeRtosLayout, read: WordReader, last: int, version: int) -> int:
    """The highest payload that may be the heap's. The memory at hand may have holes; sizes, pointers or blocks lead
    over them.
    """
    spans = [(low, high) for low, high in memory.ranges() if last < low <= last + _REACH_BYTES][:_MOST_HOLES]
    beyond = _stop(layout, read, layout.first + _REACH_BYTES) if spans else layout.first
    if beyond == layout.first or (read(layout.place_of_size(beyond)) == 0 and beyond <= last):
        return last
    before: Optional[int] = None
    for low, high in spans:
        if before != last:
            before, masked = last, _masked(layout, read, Pool(layout.first, _last_in(layout, high), True))
            leads = sorted({target_of(masked, value) or 0 for value in _chain(masked, read)})
            beyond = _stop(layout, read, layout.first + _REACH_BYTES)
        if _goes_on(masked, read, beyond, leads, (low, high), version):
            last = _last_in(layout, high)
    return last


def _goes_on(
    masked: FreeRtosLayout, read: WordReader, beyond: int, leads: List[int], span: Tuple[int, int], version: int
) -> bool:
    """Whether the heap goes on in memory behind a hole; `beyond`: where sizes lead; `leads`: where pointers do. A
    region of heap_5 that begins with that memory is one of its own.
    """
    low, high = span
    last, header = _last_in(masked, high), masked.header_reader(read)
    start = -(-low // masked.align) * masked.align + masked.header
    if low <= beyond - masked.header < high:
        return True
    if version == 5 and follow(masked, header, start, last)[2] >= CONVINCING_BLOCKS:
        return False
    if any(start <= target <= last and _is_listable(header, masked, target) for target in leads):
        return True
    dark = read(masked.place_of_size(beyond)) is None
    return dark and _end_behind(masked, read, start, last) is not None


def _is_listable(header: WordReader, layout: FreeRtosLayout, payload: int) -> bool:
    """Whether the chain of free blocks may lead there: to a free block or an end marker."""
    word = header(payload - layout.header)
    return word is not None and bool(word & FREE_BIT or not word)


def _outside(memory: Memory, layout: FreeRtosLayout, read: WordReader, last: int, stop: int) -> List[Pool]:
    """The pool if blocks lead out of the memory at hand, as far as they and pointers tell: the chain from the first
    block, or one behind the place where it stops.
    """
    if not memory.ranges():
        return []
    whole = _masked(layout, read, Pool(layout.first, last, True))
    beyond = _stop(layout, read, layout.first + _REACH_BYTES)
    ends = [beyond] if beyond > last and read(layout.place_of_size(beyond)) is None else []
    ends += [end for end in (_out_behind(whole, read, stop + layout.align, last),) if end is not None]
    return [_as_far_as_told(_masked(layout, read, Pool(layout.first, end, True)), read) for end in ends]


def _as_far_as_told(layout: FreeRtosLayout, read: WordReader) -> Pool:
    """The only pool of a layout, up to where pointers lead out of it."""
    (pool,) = layout.pools
    values = [value ^ layout.canary for value in _chain(layout, read) if value is not None]
    told = (value + layout.header for value in values if value % layout.align == 0)
    return replace(pool, end=max([pool.end, *(end for end in told if end < pool.end + _REACH_BYTES)]))


def _out_behind(layout: FreeRtosLayout, read: WordReader, low: int, high: int) -> Optional[int]:
    """Where the longest chain of blocks leads that ends in memory which is not at hand; None if none is convincing."""

    def leads_to(payload: int) -> Optional[int]:
        return payload if high < payload < high + _REACH_BYTES else None

    near = max(low, high - WINDOW_BYTES)
    found = chains(layout, layout.header_reader(read), _leads_on(layout, read), near, high, leads_to)
    blocks, end = max(found.values(), default=(0, 0))
    return end if blocks >= CONVINCING_BLOCKS else None


def _leads_on(layout: FreeRtosLayout, read: WordReader) -> Agrees:
    """Whether a block is one as far as its next pointer tells, which may lead on to memory that is not known yet."""
    agrees = chain_agrees(layout, read)

    def leads_on(payload: int, word: int, following: int) -> bool:
        on = word & FREE_BIT and (read(layout.next_place(payload)) or 0) ^ layout.canary > payload
        return bool(on) or agrees(payload, word, following)

    return leads_on


def _end_behind(layout: FreeRtosLayout, read: WordReader, low: int, high: int) -> Optional[int]:
    """The end marker of the longest chain of blocks that begins within a window. Two blocks are enough if the memory
    ends with their marker.
    """

    def is_end(payload: int) -> bool:
        return read(layout.place_of_size(payload)) == 0

    agrees, reach = chain_agrees(layout, read), min(high, low + WINDOW_BYTES)

    def behind(convincing: int) -> Optional[int]:
        return chains_behind(layout, layout.header_reader(read), agrees, is_end, low, reach, convincing)

    return behind(CONVINCING_BLOCKS) or (high if behind(_FEWEST_BEFORE_MARKER) == high else None)


def _is_confirmed_free(outside: Pool, layout: FreeRtosLayout, read: WordReader, stop: int) -> bool:
    """Whether a free block that leads out of the memory at hand is one: its pointer leads further on, too."""
    word = layout.header_reader(read)(stop - layout.header)
    masked = _masked(layout, read, outside)
    value = read(layout.next_place(stop))
    if word is None or value is None:
        return word is None
    target = (value ^ masked.canary) + layout.header
    behind = stop + (word & ~FREE_BIT) + layout.header
    return bool(word & FREE_BIT) and target % layout.align == 0 and behind <= target <= outside.end


def _ends_region(layout: FreeRtosLayout, read: WordReader, first: int, stop: int) -> bool:
    """Whether a marker ends a region of heap_5: its pointer leads on to another region, and the chain of the free
    blocks before it leads there or beyond. A header that was cleared has no pointer, or the chain passes it.
    """
    if stop <= first or read(layout.place_of_size(stop)) != 0:
        return False
    one = _masked(layout, read, Pool(first, stop))
    walk = walk_freertos(one, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    wrong = [payload for payload in free[:-1] if target_of(one, read(one.next_place(payload))) is None]
    last = (read(one.next_place(free[-1])) or 0) ^ one.canary if free else 0
    following = (read(one.next_place(stop)) or 0) ^ one.canary
    if wrong or (last and last < stop - layout.header):
        return False
    return following > stop - layout.header and following % layout.align == 0


def _end_by_statics(memory: Memory, layout: FreeRtosLayout, ends: List[int], last: int) -> Optional[int]:
    """The end that a variable points to: that is pxEnd. Only ends behind the place where the walk stops are asked: that
    place itself may be the first free block, which xStart points to, with its header cleared.
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
    """Whether an end marker stands where the walk stops, to which the chain of free blocks leads without a fault."""
    if stop <= layout.first or read(layout.place_of_size(stop)) != 0:
        return False
    nearest = _masked(layout, read, Pool(layout.first, stop))
    walk = walk_freertos(nearest, read)
    agrees = chain_agrees(nearest, read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    leads_to = target_of(nearest, read(nearest.next_place(free[-1]))) if free else None
    marked = read(nearest.next_place(stop)) == nearest.canary
    return leads_to == stop and marked and all(agrees(p, word, 0) for p, word in zip(walk.payloads, walk.words))


def _ends(layout: FreeRtosLayout, read: WordReader, stop: int, last: int, confirmed: bool = False) -> List[int]:
    """Payloads that may be the end marker. `confirmed`: one elsewhere than where the walk stops needs more proof."""

    def is_end(payload: int) -> bool:
        return read(layout.place_of_size(payload)) == 0

    found = [stop] if is_end(stop) else []
    behind = chains_behind(
        layout,
        layout.header_reader(read),
        lambda *_: True,
        is_end,
        stop + layout.align,
        min(last, stop + WINDOW_BYTES),
        convincing=CONVINCING_BLOCKS if confirmed else 1,
    )
    found += [behind] if behind is not None and behind not in found else []
    return with_last(found, stop, last)


def _spoiled(layout: FreeRtosLayout, read: WordReader, stop: int, last: int) -> float:
    """Points against an end: for breaks, for pointers that leave the heap, for blocks that disagree. Blocks behind the
    place where the walk stops take points off, more if they lead to a marker that ends the memory.
    """
    walk = walk_freertos(layout, read)
    agrees = chain_agrees(layout, read)
    wrong = sum(1 for payload, word in zip(walk.payloads, walk.words) if not agrees(payload, word, 0))
    behind = sum(1 for payload in walk.payloads if payload > stop)
    unmasked = layout.canary and read(layout.next_place(layout.end)) == 0
    marker = 2 if read(layout.place_of_size(layout.end)) or unmasked else 0
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    targets = [((read(layout.next_place(payload)) or 0) ^ layout.canary) + layout.header for payload in free]
    cut_off = sum(1 for target in targets if layout.end < target <= last)
    header, known = layout.header_reader(read), walk.known
    jumped = (target for target in targets if layout.pool_of(target) is not None and target not in known)
    inside = (target for target in jumped if not any(gap.start < target <= gap.end for gap in walk.gaps()))
    swallowed = sum(1 for target in inside if (header(target - layout.header) or 0) & FREE_BIT)
    fills = 2 if behind and not marker and layout.end == last else 0
    gaps = sum(gap.end - gap.start for gap in walk.gaps())
    breaks = sum(1 for broken in walk.breaks if broken.word is not None)
    return 4 * (breaks + wrong + swallowed) + 2 * cut_off + marker + gaps / 4096 - min(behind, 8) - fills


def _masked(layout: FreeRtosLayout, read: WordReader, pool: Pool) -> FreeRtosLayout:
    """The layout with one pool, and with the canary that its blocks show, unless that is known from another region."""
    one = replace(layout, pools=(pool,))
    return one if layout.name == _REGION else _with_canary(one, read)


def _with_canary(layout: FreeRtosLayout, read: WordReader) -> FreeRtosLayout:
    walk = Walk(layout)
    walk_pools(walk, read, lambda *_: True)
    votes = Counter(_canary_votes(layout, walk, read))
    used = Counter(
        read(layout.next_place(payload)) for payload, word in zip(walk.payloads, walk.words) if not word & FREE_BIT
    )
    canary = max(votes, key=lambda value: (votes[value], value == 0), default=0)
    sound = (payload for payload, word in zip(walk.payloads, walk.words) if not word & FREE_BIT and word > _NONSENSE)
    (kept, count), *_ = Counter(read(layout.next_place(payload)) for payload in sound).most_common(1) or [(None, 0)]
    if kept and count >= CONVINCING_BLOCKS and 2 * count > sum(used.values()):
        canary = kept
    return replace(layout, canary=canary, used_next=canary if used[canary] > used[0] else 0)


def _canary_votes(layout: FreeRtosLayout, walk: Walk, read: WordReader) -> Iterator[int]:
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    behind = (
        [] if layout.pools[-1].open and len(free) > 1 else [layout.end]
    )  # a pointer to another region tells nothing
    for one, other in zip(free, [*free[1:], *behind]):
        value = read(layout.next_place(one))
        if value is not None:
            yield value ^ (other - layout.header)
    marker = read(layout.next_place(layout.end))
    on = layout.end <= (marker or 0) < layout.end + _REACH_BYTES and (marker or 0) % layout.align == 0
    if marker is not None and not on and read(layout.place_of_size(layout.end)) == 0:
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
    """Whether a block's next pointer is what its allocated bit asks for. What was not read contradicts nothing."""

    def agrees(payload: int, word: int, _: int) -> bool:
        value = read(layout.next_place(payload))
        if value is None:
            return True
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
    return layout


def _with_beyond(memory: Memory, layout: FreeRtosLayout, version: int) -> FreeRtosLayout:
    """The layout with the places outside of the memory at hand to which the chain leads, if they can be believed: they
    are other regions, or the rest of the last one.
    """
    values = _chain(layout, paged_reader(memory, layout.first))
    targets = {value ^ layout.canary for value in values if value is not None}
    absent = {target for target in targets if target % layout.align == 0 and not memory.may_read(target, target + 1)}
    goes_on = [pool.end - layout.header for pool in layout.pools if pool.open]
    believed = {
        target for target in absent if version == 5 or any(low <= target < low + _REACH_BYTES for low in goes_on)
    }
    return replace(layout, beyond=frozenset(believed - {layout.canary, 0}))


def _with_next_regions(memory: Memory, layout: FreeRtosLayout) -> FreeRtosLayout:
    values = _chain(layout, paged_reader(memory, layout.first))
    leads = sorted({value ^ layout.canary for value in values if value is not None})
    for start in _region_starts(memory, layout, leads):
        first = start + layout.header
        if len(layout.pools) < _MOST_REGIONS and layout.pool_of(first) is None and not layout.is_end(first):
            pool = _region_at(memory, layout, start, start in leads)
            if pool is not None and not any(
                pool.first < other.end and other.first < pool.end for other in layout.pools
            ):
                pools = tuple(sorted((*layout.pools, pool), key=lambda pool: pool.first))
                layout = replace(layout, pools=pools, control=min(layout.control, pool.first - layout.header))
    return layout


def _region_starts(memory: Memory, layout: FreeRtosLayout, leads: List[int]) -> Iterator[int]:
    """Where another region may begin: behind the first one, at the start of each known range, or else at a free block
    to which the chain leads.
    """
    yield layout.end
    for start in memory.starts()[:_MOST_STARTS]:
        yield (start + layout.align - 1) // layout.align * layout.align
    for target in (target for target in leads if target % layout.align == 0):
        if layout.pool_of(target + layout.header) is None:
            held = memory.may_read(target, target + layout.header)
            yield _start_before(memory, layout, target) if held else target


def _region_at(memory: Memory, layout: FreeRtosLayout, start: int, led_to: bool) -> Optional[Pool]:
    """The region whose first header is at `start`, if its blocks agree with the heap, or the chain leads there."""
    last, first = _last_in(layout, known_until(memory, start, 1 << 26)), start + layout.header
    if last <= first or start % layout.align:
        return None
    read = paged_reader(memory, first)
    word = layout.header_reader(read)(start)
    stop, _, count = follow(layout, layout.header_reader(read), first, last)
    begins = count >= _FEWEST_UNENDED or (count > 0 and read(layout.place_of_size(stop)) == 0)
    if not led_to and not (begins and ((word or 0) & FREE_BIT or chain_agrees(layout, read)(first, word or 0, 0))):
        return None
    settled = _settled(memory, replace(layout, name=_REGION, pools=(Pool(first, last),)), last, 5)
    if settled is None:
        return None
    pool, size = settled.pools[0], read(layout.place_of_size(settled.end))
    if size != 0 and pool.end != last and not pool.open:
        return None
    both = tuple(sorted((*layout.pools, pool), key=lambda pool: pool.first))
    good, blocks = _agreeing(replace(settled, pools=both), read, settled)
    few = 2 if size == 0 else _FEWEST_UNENDED
    led_to = led_to and (pool.open or _stop(settled, read, pool.end) == pool.end)
    return pool if (4 * good >= 3 * blocks if good >= few else led_to) else None


def _start_before(memory: Memory, layout: FreeRtosLayout, target: int) -> int:
    """First header of the region with a free block's header at `target`: the longest chain of blocks to it begins
    there.
    """
    read, payload = paged_reader(memory, target), target + layout.header
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
    return FreeRtos(replace(layout, name=name), good, good == blocks >= BLOCKS_BEYOND_CHANCE)
