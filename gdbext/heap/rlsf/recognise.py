# SPDX-License-Identifier: Apache-2.0
"""Recognises a Tlsf by its lists and bitmaps, and its pools by their blocks.

Approach: a list's head leads to a free block of its own size that no block precedes on the list, and the bitmaps repeat
which lists have blocks. From each listed block the pool is followed down to the block without one before it, and up to
the last one. Where a header on this way is damaged, the next first or last block is looked for.
Rejected: the bounds of the pools (rlsf keeps none).
Cost: the Tlsf's tables (4 KiB; 33 KiB with 64 bits), and two words for each block. Damage costs a look at each block's
place.
Assumptions: a pool has less than 64 MiB.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.ends import known_until
from gdbext.heap.geometry import Pool
from gdbext.heap.rlsf.layout import LAST, USED, RlsfLayout, Table, slot_of, tables
from gdbext.source.memory import Memory

_MOST_NODES = 1 << 20
_MOST_POOLS = 64
_SEARCHED_BYTES = 4 << 20  # behind damage or in front of it
_MOST_SEARCHED = 1 << 20  # places of blocks, where one heap has several damaged pools
_WRONG = 3  # at most so many heads or bits may be wrong, where no user says what lies there


class Blocks:
    """Reads headers of blocks."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.word = memory.source.pointer_size
        self.grain = 4 * self.word
        self.looks = 0  # headers that were asked for
        self._left = _MOST_SEARCHED

    def pair(self, place: int) -> Optional[Tuple[int, int]]:
        """Returns a header's words; None if they cannot be read or no block can be there."""
        self.looks += 1
        if place <= 0 or place % self.grain or not self.memory.may_read(place, place + 2 * self.word):
            return None
        size, before = self.memory.word(place), self.memory.word(place + self.word)
        return None if size is None or before is None else (size, before)

    def behind(self, place: int) -> Optional[int]:
        """Returns where the block behind one lies, if that leads back."""
        behind = self.led_from(place)
        following = None if behind is None else self.pair(behind)
        return None if following is None or following[1] != place else behind

    def beyond(self, place: int) -> Optional[int]:
        """Returns where a block leads if that is not at hand: the pool goes on there. None if nothing leads there."""
        one = self.pair(place)
        size = 0 if one is None else one[0] & ~USED
        following = place + size
        leads = 0 < size < LARGEST_HEAP and size % self.grain == 0
        return following if leads and not self.memory.may_read(following, following + self.grain // 2) else None

    def led_from(self, place: int) -> Optional[int]:
        """Returns where a block leads by its size alone; None if that cannot be read or is no size."""
        one = self.pair(place)
        if one is None or one[0] & (self.grain - 1) > USED or not self.grain <= one[0] < LARGEST_HEAP:
            return None
        following = place + (one[0] & ~USED)
        return None if self.pair(following) is None else following

    def is_last(self, place: int) -> bool:
        """True if the last block of a pool lies at a place."""
        one = self.pair(place)
        return one is not None and one[0] == self.grain | LAST

    def lowest(self, place: int) -> Tuple[int, bool]:
        """Follows the pointers to the blocks before. Returns the lowest block, and whether it is the pool's first."""
        for _ in range(_MOST_NODES):
            one = self.pair(place)
            if one is None or not one[1]:
                return place, one is not None
            if one[1] >= place or self.behind(one[1]) != place:
                break
            place = one[1]
        return place, False

    def highest(self, place: int) -> Tuple[int, int]:
        """Follows blocks that lead to one that leads back. Returns the last one reached, and the number before it."""
        count, following = 0, self.behind(place)
        while following is not None and not self.is_last(place) and count < _MOST_NODES:
            place, count = following, count + 1
            following = self.behind(place)
        return place, count

    def searched(self, places: range) -> Iterator[int]:
        """Yields as many of the places of blocks as may still be searched through one by one."""
        for place in places:
            if not self._left:
                return
            self._left -= 1
            self.looks += 1
            yield place


class Chain(NamedTuple):
    """A pool: its first and its last block, the number before it, and whether all of them lead on and back."""

    first: int
    last: int
    blocks: int
    whole: bool


def pool_from(blocks: Blocks, first: int) -> Optional[Chain]:
    """Returns the pool that begins at a block; None if no end is found."""
    last, count = blocks.highest(first)
    if blocks.is_last(last):
        return Chain(first, last, count, True)
    reached, memory = last, blocks.memory
    led = blocks.led_from(reached)
    high = known_until(memory, first, LARGEST_HEAP)
    memory.fetch_known(first, min(high, reached + _SEARCHED_BYTES))
    for place in blocks.searched(range(reached + blocks.grain, min(high, reached + _SEARCHED_BYTES), blocks.grain)):
        one = blocks.pair(place) if memory.word(place) == blocks.grain | LAST else None
        if one is None or (place != led and (one[1] % blocks.grain or not first <= one[1] < place)):
            continue
        lowest, is_first = blocks.lowest(place)
        if is_first and lowest > reached and count:
            break  # that is another pool
        return Chain(first, place, count, False)
    led = led or blocks.beyond(reached)
    return Chain(first, led or reached, count, False) if count or led else None


def pool_around(blocks: Blocks, place: int) -> Optional[Chain]:
    """Returns the pool that a block lies in."""
    lowest, is_first = blocks.lowest(place)
    if is_first and (blocks.behind(lowest) is not None or lowest != place):
        return pool_from(blocks, lowest)
    starts = [extent for extent in blocks.memory.ranges() if extent[0] <= place < extent[1]]
    floor = max([place - _SEARCHED_BYTES, *(low for low, _ in starts)])
    known = blocks.pair(lowest)
    told = (lowest, lowest if known is None else known[1])  # where the block behind the first one may lie
    for first in blocks.searched(range(lowest - blocks.grain, floor - 1, -blocks.grain)):
        one = blocks.pair(first)
        if one is None:
            break
        if one[1] == 0 and one[0] and (blocks.behind(first) is not None or first + (one[0] & ~USED) in told):
            return pool_from(blocks, first)
    return pool_from(blocks, lowest)


class Heads(NamedTuple):
    """What the heads of a Tlsf lead to: the blocks, those of the right size at a list's begin, and wrong bits."""

    leads: Tuple[int, ...]
    good: int
    bits: int  # that are not as the heads say


def heads_of(blocks: Blocks, table: Table) -> Optional[Heads]:
    """Reads the heads and the bitmaps; None if they cannot be read."""
    memory = blocks.memory
    if table.address % table.word or not memory.may_read(table.address, table.end):
        return None
    memory.fetch(table.address, table.end - table.address)
    bits, good, wrong, leads = table.lists, 0, 0, []
    first = memory.word(table.first)
    for level in range(bits):
        filled, second = 0, memory.word(table.second + level * table.word)
        for within in range(bits):
            slot = level * bits + within
            head = memory.word(table.head_of(slot))
            if head is None or second is None or first is None:
                return None
            if head:
                filled |= 1 << within
                leads.append(head)
                one = None if len(leads) > bits * bits // 2 else blocks.pair(head)
                listed = one is not None and one[0] >= blocks.grain and not one[0] & (blocks.grain - 1)
                good += listed and one is not None and slot_of(one[0], table.word) == slot
        wrong += bin(filled ^ (second or 0)).count("1") + ((first or 0) >> level & 1 != (filled != 0))
    return Heads(tuple(leads), good, wrong)


def table_at(blocks: Blocks, address: int, claimed: bool) -> Optional[Tuple[Table, Heads]]:
    """Returns the Tlsf at an address; None if there is none."""
    found = []
    for table in tables(address, blocks.word):
        heads = heads_of(blocks, table)
        if heads is None or not heads.leads:
            continue
        bad = len(heads.leads) - heads.good
        fits = bad <= max(heads.good, 1 if claimed else 0) and heads.bits <= max(_WRONG, heads.good)
        if fits and (claimed or (heads.good and bad + heads.bits <= _WRONG)):
            found.append((heads.good - bad - heads.bits, table, heads))
    best = max(found, key=lambda one: one[0], default=None)
    return None if best is None else (best[1], best[2])


def _nodes(blocks: Blocks, heads: Heads) -> Iterator[int]:
    """Yields the listed blocks, as far as links lead to places of blocks."""
    seen: Set[int] = set()
    for head in heads.leads:
        place, listed = head, blocks.pair(head)
        while listed is not None and place not in seen and len(seen) < _MOST_NODES:
            seen.add(place)
            yield place
            place = blocks.memory.word(place + 2 * blocks.word) or 0
            listed = blocks.pair(place)


def pools_of(blocks: Blocks, heads: Heads) -> List[Chain]:
    """Returns the pools that the lists lead to."""
    found: List[Chain] = []
    for place in _nodes(blocks, heads):
        if any(one.first <= place <= one.last for one in found) or len(found) >= _MOST_POOLS:
            continue
        one = pool_around(blocks, place)
        if one is not None and one.first < one.last:
            found = [other for other in found if other.last < one.first or one.last < other.first] + [one]
    return sorted(found)


def recognise(blocks: Blocks, address: int, claimed: bool) -> Optional[Tuple[RlsfLayout, int, bool]]:
    """Returns the layout of the heap whose Tlsf or first block is at an address, the number of blocks that speak for
    it, and whether all of its pools are whole; None if there is none.
    """
    there = table_at(blocks, address, claimed)
    if there is not None:
        pools = pools_of(blocks, there[1])
        if pools and (claimed or any(one.whole for one in pools)):
            return (
                layout_of(blocks.memory, pools, there[0]),
                sum(one.blocks for one in pools) + there[1].good,
                all(one.whole for one in pools),
            )
    one = blocks.pair(address)
    if one is None or (not claimed and (one[1] or blocks.behind(address) is None)):
        return None
    pool = pool_from(blocks, address)
    if pool is None or not (pool.whole or (claimed and pool.first < pool.last)):
        return None
    return layout_of(blocks.memory, [pool], None), pool.blocks, pool.whole


def layout_of(memory: Memory, chains: List[Chain], table: Optional[Table]) -> RlsfLayout:
    """Returns the layout of these pools."""
    word, order = memory.source.pointer_size, memory.source.byte_order
    header = 2 * word
    pools = tuple(Pool(one.first + header, one.last + header, memory.word(one.last) is None) for one in chains)
    control = chains[0].first if table is None else table.address
    name = f"rlsf-{8 * word}"
    return RlsfLayout(name, word, header, header, header, control, pools, (), order, table)


def possible_tables(word: int, head: int, whole: int) -> Iterator[int]:
    """Yields where a Tlsf lies that has the head of the list for blocks of a size at a place."""
    for table in tables(0, word):
        at = head - table.head_of(slot_of(whole, word))
        if 0 < at < 1 << 8 * word and not at % word:
            yield at
