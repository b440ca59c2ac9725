# SPDX-License-Identifier: Apache-2.0
"""A TLSF on its own (`tlsf@CONTROL`): mattconte's with any FL_INDEX_MAX, NuttX's, Espressif's without multi_heap.

Approach: the control block says nothing of its pools. One follows it, as a rule; further ones are those that are named,
and those in which blocks lie that free lists lead to. A pool begins where the longest chain of blocks does that leads
to such a block, and ends on the first end marker that is one: its neighbour agrees with it, and what lies behind cannot
be the rest of a block whose header was cleared. Where headers stop otherwise, they are damaged if blocks can be proven
behind, and outside of the memory at hand if that ends there.
Rejected: to walk each candidate for an end in full and to count contradictions (a second pool contradicts the first).
Cost: one step a block, and one pass over 64 KiB for each place where headers stop.
Assumptions: a pool that no list leads to and nobody names cannot be seen, unless it begins right behind another one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from gdbext.heap.ends import CONVINCING_BLOCKS, FAR_BYTES, WINDOW_BYTES, chains, look_ahead, paged_reader
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, Pool, is_marker
from gdbext.heap.tlsf.control import recognise_tlsf
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.tlsf.lists import neighbour_agrees, read_lists
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
from gdbext.source.memory import Memory

_NAMES = ("mattconte-32", "mattconte-64")
_MOST_POOLS = 32
# So many blocks that follow each other are certain, whatever speaks against them.
_CERTAIN_BLOCKS = 16
# So many equal bytes are a hole between two pools, not the inside of a block.
_HOLE_BYTES = 1024
# People give their pools sizes that are multiples of these numbers of bytes. Where the memory at hand ends with what
# would be the second pool, it is one heap as a rule: then only multiples of the larger number make two.
_ROUND_BYTES, _ROUND_BYTES_AT_END = (256, 500), (1024,)
# No pool lies at a lower address.
_LOWEST_ADDRESS = 0x10000

Range = Tuple[int, int]
# Where a chain of blocks stops: the payload behind it, the header there if it is at hand, and the last block.
Stop = Tuple[int, Optional[int], Optional[int]]


def recognise_plain(memory: Memory, control: int, largest: int, named: Sequence[Range] = ()) -> Optional[TlsfLayout]:
    """The layout and the pools of the TLSF whose control block is at `control`, or None. `named`: pools that are known
    by their first byte and the address behind their last.
    """
    memory.fetch(control, memory.source.pointer_size)
    ranges = memory.ranges() or [(control, min(memory.known_end(control), control + largest))]
    low, high = min(start for start, _ in ranges), max(end for _, end in ranges)
    layout = recognise_tlsf(memory, control, min(low, control), max(high, control), _NAMES, None)
    return None if layout is None else _Pools(memory, layout, named).found()


class _Pools:
    """The search for the pools of one control block."""

    def __init__(self, memory: Memory, layout: TlsfLayout, named: Sequence[Range]) -> None:
        self.memory = memory
        self.layout = layout
        self.named = sorted(named)
        self.begins = memory.starts()
        self.top = 1 << 8 * layout.word
        self.read = paged_reader(memory, layout.control)
        self.agrees = neighbour_agrees(layout, self.read)
        self.stops: Dict[int, Stop] = {}
        self.absent: List[int] = []  # payloads that lists lead to in memory that is not at hand
        self.led: List[int] = []  # all that they lead to
        self.free = sorted(self._listed())  # payloads of free blocks among them
        self.pools: List[Pool] = []

    def found(self) -> Optional[TlsfLayout]:
        """The layout with all pools; None if no block can be seen."""
        first = self.layout.first
        stop, limit = self._follow(first), self._limit(first)
        # A pool follows the control block, as a rule; one may have been added elsewhere only.
        if stop[0] != first or self._behind(stop, limit) or not (self.free or self.named):
            self._add(first, limit)
        for low, high in self.named:
            if not low <= self.layout.control < high:
                self._add(low + self.layout.word, high)
        for payload in self.free:
            if self._is_new(payload):
                self._add(self._start_of(payload), self._limit(payload))
        if not self.pools:
            return None
        beyond = frozenset(payload for payload in self.absent if self._is_outside(payload))
        return replace(self.layout, pools=tuple(self.pools), beyond=beyond, unlisted=tuple(self._unlisted()))

    def _unlisted(self) -> Iterator[Range]:
        """What looks like a pool behind one that is known, all of it used: no free list leads there."""
        for pool in self.pools if self.memory.ranges() else ():
            low = pool.end + self.layout.word
            high = min(low + WINDOW_BYTES, self._held(pool.end - self.layout.word)[1], self._limit(pool.end))
            for stop, (blocks, first) in sorted(self._chains(low, high).items()):
                if blocks >= _CERTAIN_BLOCKS and self._header(stop) is not None:  # it ends in the memory at hand
                    yield first - self.layout.word, stop
                    break

    def _add(self, first: int, limit: int) -> None:
        """Adds the pool whose first block is there, and those that begin right behind its end."""
        while len(self.pools) < _MOST_POOLS and self._is_new(first):
            pool = self._pool(first, limit)
            if pool is None:
                return
            self.pools = sorted((*self.pools, pool), key=lambda pool: pool.first)
            behind = None if pool.open else self._begin_behind(pool.end)
            if behind is None:
                return
            first, limit = behind, self._limit(behind)

    def _is_new(self, payload: int) -> bool:
        layout = self.layout
        return not layout.control <= payload - layout.word < layout.control_end and not any(
            pool.first <= payload <= pool.end for pool in self.pools
        )

    def _limit(self, payload: int) -> int:
        """What the pool of a block cannot reach: the next one that is known."""
        starts = [low for low, _ in self.named] + [pool.first - self.layout.word for pool in self.pools]
        ends = [high for low, high in self.named if low <= payload < high]
        return min([*ends, *(start for start in (*starts, self.layout.control) if start > payload)], default=self.top)

    # -- lists ---------------------------------------------------------------------------------------------------------

    def _listed(self) -> Iterator[int]:
        """Free blocks that lists lead to, wherever they are; what leads to memory that is not at hand is kept."""
        word = self.layout.word
        anywhere = replace(self.layout, pools=(Pool(2 * word, self.top),))
        walk = Walk(anywhere)
        read_lists(walk, anywhere, lambda address: self.read(address) if self._holds(address) else None)
        self.led += [*(node.payload for node in walk.nodes), *(fault.value + 2 * word for fault in walk.faults)]
        for node in walk.nodes:
            header = self._header(node.payload)
            if header is None and not self._holds(node.payload - word):
                self.absent += [node.payload] if node.previous is None or node.payload > self.layout.control else []
            elif header is not None and header & FREE_BIT and self._fits(header & ~FLAG_BITS):
                back = self.layout.control if node.previous is None else node.previous - 2 * word
                behind = node.payload + (header & ~FLAG_BITS) + word
                if node.prev_free == back or self.agrees(node.payload, header, behind):
                    yield node.payload

    def _is_outside(self, payload: int) -> bool:
        """Whether what is not at hand may be believed: it is where a pool goes on, or near what a list begins with."""
        if any(pool.first <= payload < pool.end for pool in self.pools):
            return False
        if any(pool.open and pool.end <= payload < pool.end + (FAR_BYTES << 6) for pool in self.pools):
            return True
        for slot in range(self.layout.slots):
            head = self.read(self.layout.slot_words(slot)[0]) or 0
            first, data = head + 2 * self.layout.word, head.to_bytes(self.layout.word, "little")
            # Programs write fills and text over pointers.
            is_pointer = len(set(data)) > 1 and not all(0x20 <= byte < 0x7F for byte in data)
            if is_pointer and head >= _LOWEST_ADDRESS and first in self.absent and abs(payload - first) < FAR_BYTES:
                return True
        return False

    # -- chains --------------------------------------------------------------------------------------------------------

    def _holds(self, address: int) -> bool:
        return self.memory.may_read(address, address + self.layout.word)

    def _header(self, payload: int) -> Optional[int]:
        place = payload - self.layout.word
        return self.read(place) if 0 <= place < self.top and self._holds(place) else None

    def _fits(self, size: int) -> bool:
        layout = self.layout
        return layout.smallest <= size < FAR_BYTES << 6 and not size & (layout.align - 1)

    def _follow(self, payload: int) -> Stop:
        """Follows size words that may be some, to where they stop."""
        path: List[int] = []
        while payload not in self.stops:
            header = self._header(payload)
            if header is None or not self._fits(header & ~FLAG_BITS):
                self.stops[payload] = payload, header, None
                break
            path.append(payload)
            payload += (header & ~FLAG_BITS) + self.layout.word
        stop, word, last = self.stops[payload]
        found = stop, word, path[-1] if path and last is None else last
        self.stops.update(dict.fromkeys(path, found))
        return found

    def _held(self, address: int) -> Range:
        """The memory at hand around an address; nothing of it where there is none."""
        end, index = self.memory.known_end(address), bisect_right(self.begins, address) - 1
        if not self.memory.ranges():
            return 0, end
        return (self.begins[index] if index >= 0 and end > address else address), end

    def _next_begin(self, address: int) -> int:
        """Where memory at hand begins, at an address or behind it."""
        index = bisect_left(self.begins, address)
        return self.begins[index] if index < len(self.begins) else self.top

    def _sound(self, low: int, high: int, leads_to: Callable[[int], Optional[int]]) -> Dict[int, Tuple[int, int]]:
        """For each payload of low..high from which sound blocks lead to an end: how many they are, and that end."""
        word = self.layout.word
        return chains(self.layout, lambda place: self._header(place + word), self.agrees, low, high, leads_to)

    def _chains(self, low: int, high: int) -> Dict[int, Tuple[int, int]]:
        """The longest chain in low..high for each place where chains stop: its number of blocks, and the first. Only
        stops that no damage explains count: an end marker, or memory that is not at hand.
        """

        def leads_to(payload: int) -> Optional[int]:
            if payload >= high + (FAR_BYTES << 6):
                return None
            stop, word = self._follow(payload)[:2] if payload > high else (payload, self._header(payload))
            return stop if word is None or is_marker(word) else None

        best: Dict[int, Tuple[int, int]] = {}
        for payload, (blocks, stop) in self._sound(low, high, leads_to).items():
            if blocks >= best.get(stop, (0, 0))[0]:
                best[stop] = blocks, payload
        return best

    def _behind(self, found: Stop, limit: int) -> Optional[int]:
        """The first block that can be proven behind the place where headers stop; None if there is none. The last block
        is searched too if it leads out of the memory at hand and no list confirms its size.
        """
        (stop, word, last), layout = found, self.layout
        low = stop + layout.align
        if last is not None and self._is_doubtful(last):
            low = last + layout.align
        elif word is None:
            low = self._next_begin(stop - layout.word + 1) + layout.word
        high = min(low + WINDOW_BYTES, self._held(low - layout.word)[1], limit)
        look_ahead(self.memory, low, high)
        chains = self._chains(low, high).items()
        firsts = {end: first for end, (blocks, first) in chains if self._is_convincing(blocks, first, end, high)}
        for listed in self.free:
            if low < listed < limit:
                end, word, _ = self._follow(listed)
                if word is None or is_marker(word):
                    whole = firsts.get(end, listed)
                    before = [first for other, first in firsts.items() if other < min(whole, listed)]
                    return min([*before, whole, listed])
        return min(firsts.values(), default=None)

    def _is_doubtful(self, payload: int) -> bool:
        """Whether a block's size is doubtful: a listed block lies in it, or it leads out of the memory that holds its
        header and the list of its size lacks it.
        """
        header, layout = self._header(payload) or 0, self.layout
        size = header & ~FLAG_BITS
        if any(payload < other < payload + size for other in self.free):
            return True
        if payload + size <= self._held(payload - layout.word)[1]:
            return False
        if not header & FREE_BIT or payload not in self.free:
            return True
        place, node = layout.slot_words(layout.slot_of(size))[0], layout.control
        for _ in range(len(self.free) + 1):
            node = self.read(place) or layout.control
            if node in (layout.control, payload - 2 * layout.word):
                break
            place = node + 2 * layout.word
        return node != payload - 2 * layout.word

    def _is_convincing(self, blocks: int, first: int, stop: int, high: int) -> bool:
        """Whether a chain is no chance: it has 16 blocks, or ends with the memory, or a list leads to a block in it."""
        if blocks >= _CERTAIN_BLOCKS or stop == high - high % self.layout.word:
            return True
        inside = self.free[bisect_left(self.free, first) : bisect_left(self.free, stop)]
        return any(self._follow(payload)[0] == stop for payload in inside)

    # -- pools ---------------------------------------------------------------------------------------------------------

    def _pool(self, first: int, limit: int) -> Optional[Pool]:
        """The pool whose first block is there, by the first end marker that is one."""
        payload, before = first, None
        while True:
            stop, word, last = self._follow(payload)
            last = before if last is None else last
            if stop > limit:
                return Pool(first, limit - limit % self.layout.word) if limit < self.top else None
            following = self._behind((stop, word, last), limit)
            if is_marker(word) and self._is_end(first, stop, word, last, following):
                return Pool(first, stop) if stop > first else None
            if following is None or following <= payload:
                return self._without_end(first, stop, word, last, limit)
            payload, before = following, last

    def _without_end(
        self, first: int, stop: int, word: Optional[int], last: Optional[int], limit: int
    ) -> Optional[Pool]:
        """The pool where nothing behind the place where headers stop can be proven."""
        layout = self.layout
        if word is None and last is not None:
            begin = layout.control if first == layout.first else first - layout.word
            # A header that is the last word of memory of a round length was the end marker.
            if last == self._held(last - layout.word)[1] and (last - begin) % _ROUND_BYTES[0] == 0:
                return Pool(first, last)
        if word is None:
            behind = min(limit, self._next_begin(stop))
            told = [payload for payload in self.absent if stop <= payload < behind]
            end = max([stop, *(payload + layout.smallest + layout.word for payload in told)])
            return Pool(first, end, True) if end > first else None
        end = stop
        if not is_marker(word) and (stop != first or first == layout.first):
            held = min(self._held(stop - layout.word)[1], limit)
            end = held - held % layout.word if held - stop <= FAR_BYTES else stop + FAR_BYTES
        return Pool(first, end) if end > first else None

    def _is_end(
        self, first: int, stop: int, marker: Optional[int], last: Optional[int], following: Optional[int]
    ) -> bool:
        """Whether an end marker is one, not a header that was cleared; `following`: the first block behind it."""
        layout, header = self.layout, self._header(last or 0)
        if header is None or ((marker or 0) >> 1 ^ header) & 1 or self._is_doubtful(last or 0):
            return False
        if header & FREE_BIT and self.agrees(last or 0, header, stop):
            return True
        if following is None or any(stop <= payload < following for payload in self.led):
            return following is None
        begin = following - layout.word
        if not self._fits(begin - stop) or self._next_begin(begin) == begin or begin in dict(self.named):
            return True
        # What is not at hand or all alike is of no block.
        between = self.memory.get(stop, min(begin - stop, WINDOW_BYTES))
        if between is None or (len(between) >= _HOLE_BYTES and between.count(between[:1]) == len(between)):
            return True
        begins = [first - layout.word, *([layout.control] if first == layout.first else [])]
        end = self._follow(following)[0]
        lengths = [end - begin, *(stop - place for place in begins)]
        units = _ROUND_BYTES_AT_END if end == self._held(begin)[1] else _ROUND_BYTES
        return any(length % unit == 0 for length in lengths for unit in units)

    def _begin_behind(self, end: int) -> Optional[int]:
        """Payload of the first block of a pool that begins right behind the end of another."""
        first = end + self.layout.word
        header, (stop, word, last) = self._header(first), self._follow(first)
        if header is None or header & PREV_FREE_BIT or last is None:
            return None
        blocks = 0
        while first < stop and blocks < CONVINCING_BLOCKS:
            header = self._header(first) or 0
            following = first + (header & ~FLAG_BITS) + self.layout.word
            if not self.agrees(first, header, following):
                return None
            first, blocks = following, blocks + 1
        return end + self.layout.word if blocks >= CONVINCING_BLOCKS or is_marker(word) else None

    def _start_of(self, payload: int) -> int:
        """Payload of the first block of the pool that holds a free one. The pool begins with the memory at hand, or as
        it was named, if blocks lead on from there; else with the longest chain.
        """
        layout = self.layout
        low = self._held(payload)[0]
        below = [pool.end for pool in self.pools if pool.end <= payload]
        low = max([low, *below, *(start for start, end in self.named if start <= payload < end)])
        first = low + -low % layout.align + layout.word
        if low not in below:
            place, header = first, self._header(first)
            while place < payload and header is not None and self._fits(header & ~FLAG_BITS):
                place += (header & ~FLAG_BITS) + layout.word
                header = self._header(place)
            if place == payload:
                return first
        lowest, highest = max(first, payload - WINDOW_BYTES), payload - layout.smallest - layout.word
        found = self._sound(lowest, highest, lambda place: payload if place == payload else None)
        begins = (place for place in found if not (self._header(place) or 0) & PREV_FREE_BIT)
        # Pools begin at even words.
        return max(
            begins, key=lambda place: (found[place], -(place % (2 * layout.word) != layout.word)), default=payload
        )
