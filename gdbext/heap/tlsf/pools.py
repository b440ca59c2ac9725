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
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.ends import CONVINCING_BLOCKS, FAR_BYTES, WINDOW_BYTES, chains, look_ahead, paged_reader
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, Pool
from gdbext.heap.tlsf.control import first_payload, recognise_tlsf, tlsf_layout
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


class _Stop(NamedTuple):
    """Where a chain of blocks stops: the payload behind it, what stands in its header, and the last block."""

    payload: int
    word: Optional[int]  # None: it is not in the memory at hand
    last: Optional[int]

    @property
    def is_marker(self) -> bool:
        """Whether a used block of size 0 stands there."""
        return self.word is not None and not self.word & ~PREV_FREE_BIT


class _Chain(NamedTuple):
    """Blocks that were found behind damage: how many, where they begin and where they stop."""

    blocks: int
    first: int
    stop: int


def recognise_plain(memory: Memory, control: int, largest: int, named: Sequence[Range] = ()) -> Optional[TlsfLayout]:
    """The layout and the pools of the TLSF whose control block is at `control`, or None. `named`: pools that are known
    by their first byte and the address behind their last.
    """
    word = memory.source.pointer_size
    memory.fetch(control, word)
    ranges = memory.ranges() or [(control, min(memory.known_end(control), control + largest))]
    low, high = min(start for start, _ in ranges), max(end for _, end in ranges)
    tables = recognise_tlsf(memory, control, min(low, control), max(high, control), _NAMES, None)
    if tables is None:
        return None
    first = first_payload(tables, word)
    return _Pools(memory, tlsf_layout(tables, control, word, (Pool(first, first),)), named).found()


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
        self.stops: Dict[int, _Stop] = {}
        self.absent: List[int] = []  # payloads that lists lead to in memory that is not at hand
        self.led: List[int] = []  # all that they lead to
        self.free = sorted(self._listed())  # payloads of free blocks among them
        self.pools: List[Pool] = []

    def found(self) -> Optional[TlsfLayout]:
        """The layout with all pools; None if no block can be seen."""
        self._add_behind_control()
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
            long = (
                chain
                for chain in self._chains(low, high)
                if chain.blocks >= _CERTAIN_BLOCKS and not self._is_open(chain)
            )
            chain = next(long, None)
            if chain is not None:
                yield chain.first - self.layout.word, chain.stop

    def _is_open(self, chain: _Chain) -> bool:
        """Whether a chain leads out of the memory at hand."""
        return self._header(chain.stop) is None

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

    def _add_behind_control(self) -> None:
        """The pool that follows the control block; one may have been added elsewhere only."""
        first = self.layout.first
        starts = self._follow(first).payload != first or self._behind(self._follow(first), self._limit(first))
        if starts or not (self.free or self.named):
            self._add(first, self._limit(first))

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
            elif header is not None and self._is_free(node.payload, header, node.prev_free, node.previous):
                yield node.payload

    def _is_free(self, payload: int, header: int, back: Optional[int], previous: Optional[int]) -> bool:
        """Whether a free block stands there: linked back, or its neighbour agrees."""
        word, size = self.layout.word, header & ~FLAG_BITS
        if not header & FREE_BIT or not self._fits(size):
            return False
        linked = back == (self.layout.control if previous is None else previous - 2 * word)
        return linked or self.agrees(payload, header, payload + size + word)

    def _is_outside(self, payload: int) -> bool:
        """Whether what is not at hand may be believed: it is where a pool goes on, or near what a list begins with."""
        if any(pool.first <= payload < pool.end for pool in self.pools):
            return False
        goes_on = any(pool.open and pool.end <= payload < pool.end + (FAR_BYTES << 6) for pool in self.pools)
        return goes_on or any(abs(payload - other) < FAR_BYTES for other in self._absent_heads())

    def _absent_heads(self) -> List[int]:
        """The blocks that lists begin with and that are not at hand, as far as they look like addresses."""
        word = self.layout.word
        heads = (self.read(self.layout.slot_words(slot)[0]) or 0 for slot in range(self.layout.slots))
        absent = [head for head in heads if head + 2 * word in self.absent]
        return [head + 2 * word for head in absent if head >= _LOWEST_ADDRESS and not _is_text_or_fill(head, word)]

    # -- chains --------------------------------------------------------------------------------------------------------

    def _holds(self, address: int) -> bool:
        return self.memory.may_read(address, address + self.layout.word)

    def _header(self, payload: int) -> Optional[int]:
        place = payload - self.layout.word
        return self.read(place) if 0 <= place < self.top and self._holds(place) else None

    def _fits(self, size: int) -> bool:
        layout = self.layout
        return layout.smallest <= size < FAR_BYTES << 6 and not size & (layout.align - 1)

    def _follow(self, payload: int) -> _Stop:
        """Follows size words that may be some, to where they stop."""
        path: List[int] = []
        while payload not in self.stops:
            header = self._header(payload)
            if header is None or not self._fits(header & ~FLAG_BITS):
                self.stops[payload] = _Stop(payload, header, None)
                break
            path.append(payload)
            payload += (header & ~FLAG_BITS) + self.layout.word
        stop = self.stops[payload]
        if path and stop.last is None:
            stop = stop._replace(last=path[-1])
        self.stops.update(dict.fromkeys(path, stop))
        return stop

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

    def _chains(self, low: int, high: int) -> List[_Chain]:
        """The longest chain in low..high for each place where chains stop. Only stops that no damage explains count: an
        end marker, or memory that is not at hand.
        """

        def leads_to(payload: int) -> Optional[int]:
            if payload >= high + (FAR_BYTES << 6):
                return None
            stop = self._follow(payload) if payload > high else _Stop(payload, self._header(payload), None)
            return stop.payload if stop.is_marker or stop.word is None else None

        best: Dict[int, _Chain] = {}
        for payload, (blocks, stop) in self._sound(low, high, leads_to).items():
            if blocks >= best.get(stop, _Chain(0, 0, 0)).blocks:
                best[stop] = _Chain(blocks, payload, stop)
        return sorted(best.values(), key=lambda chain: chain.stop)

    def _behind(self, stop: _Stop, limit: int) -> Optional[int]:
        """The first block that can be proven behind the place where headers stop; None if there is none."""
        low, high = self._searched(stop, limit)
        look_ahead(self.memory, low, high)
        chains = {chain.stop: chain for chain in self._chains(low, high) if self._is_convincing(chain, high)}
        listed = next((payload for payload in self.free if low < payload < limit and self._leads_on(payload)), None)
        if listed is not None:
            whole = chains.get(self._follow(listed).payload, _Chain(0, listed, self.top))
            before = [chain for chain in chains.values() if chain.stop < min(whole.first, listed)]
            return min([*(chain.first for chain in before), whole.first, listed])
        return min((chain.first for chain in chains.values()), default=None)

    def _searched(self, stop: _Stop, limit: int) -> Range:
        """Where blocks are looked for behind a stop. The last block is searched too if it leads out of the memory at
        hand and no list confirms its size.
        """
        layout, low = self.layout, stop.payload + self.layout.align
        if stop.last is not None and self._is_doubtful(stop.last):
            low = stop.last + layout.align
        elif stop.word is None:
            low = self._next_begin(stop.payload - layout.word + 1) + layout.word
        end = self._held(low - layout.word)[1]
        return low, min(low + WINDOW_BYTES, end, limit)

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
        return not (header & FREE_BIT and payload in self.free and self._is_in_slot(payload, size))

    def _is_in_slot(self, payload: int, size: int) -> bool:
        """Whether the list of a size leads to a free block."""
        place, node = self.layout.slot_words(self.layout.slot_of(size))[0], self.layout.control
        for _ in range(len(self.free) + 1):
            node = self.read(place) or self.layout.control
            if node == self.layout.control or node == payload - 2 * self.layout.word:
                break
            place = node + 2 * self.layout.word
        return node == payload - 2 * self.layout.word

    def _is_convincing(self, chain: _Chain, high: int) -> bool:
        """Whether a chain is no chance: it has 16 blocks, or ends with the memory, or a list leads to a block in it."""
        if chain.blocks >= _CERTAIN_BLOCKS or chain.stop == high - high % self.layout.word:
            return True
        inside = self.free[bisect_left(self.free, chain.first) : bisect_left(self.free, chain.stop)]
        return any(self._follow(payload).payload == chain.stop for payload in inside)

    def _leads_on(self, payload: int) -> bool:
        """Whether blocks lead from a listed one to an end marker, or out of the memory at hand."""
        stop = self._follow(payload)
        return stop.word is None or stop.is_marker

    # -- pools ---------------------------------------------------------------------------------------------------------

    def _pool(self, first: int, limit: int) -> Optional[Pool]:
        """The pool whose first block is there, by the first end marker that is one."""
        payload, before = first, None
        while True:
            stop = self._follow(payload)
            stop = stop._replace(last=before) if stop.last is None else stop
            if stop.payload > limit:
                return Pool(first, limit - limit % self.layout.word) if limit < self.top else None
            following = self._behind(stop, limit)
            if stop.is_marker and self._is_end(first, stop, following):
                return Pool(first, stop.payload) if stop.payload > first else None
            if following is None or following <= payload:
                return self._without_end(first, stop, limit)
            payload, before = following, stop.last

    def _without_end(self, first: int, stop: _Stop, limit: int) -> Optional[Pool]:
        """The pool where nothing behind the place where headers stop can be proven."""
        layout = self.layout
        if stop.word is None and stop.last is not None and self._ends_memory(first, stop.last):
            return Pool(first, stop.last)
        if stop.word is None:
            told = [
                payload
                for payload in self.absent
                if stop.payload <= payload < min(limit, self._next_begin(stop.payload))
            ]
            end = max([stop.payload, *(payload + layout.smallest + layout.word for payload in told)])
            return Pool(first, end, True) if end > first else None
        if stop.is_marker or (stop.payload == first and first != layout.first):
            return Pool(first, stop.payload) if stop.payload > first else None
        last = min(self._held(stop.payload - layout.word)[1], limit)
        end = last - last % layout.word if last - stop.payload <= FAR_BYTES else stop.payload + FAR_BYTES
        return Pool(first, end) if end > first else None

    def _ends_memory(self, first: int, payload: int) -> bool:
        """Whether a header is the last word of memory of a round length: then it was the end marker."""
        begin = self.layout.control if first == self.layout.first else first - self.layout.word
        return payload == self._held(payload - self.layout.word)[1] and (payload - begin) % _ROUND_BYTES[0] == 0

    def _is_end(self, first: int, stop: _Stop, following: Optional[int]) -> bool:
        """Whether an end marker is one, not a header that was cleared; `following`: the first block behind it."""
        layout, last = self.layout, self._header(stop.last or 0)
        if last is None or ((stop.word or 0) >> 1 ^ last) & 1 or self._is_doubtful(stop.last or 0):
            return False
        if last & FREE_BIT and self.agrees(stop.last or 0, last, stop.payload):
            return True
        if following is None or any(stop.payload <= payload < following for payload in self.led):
            return following is None
        begin = following - layout.word
        if not self._fits(begin - stop.payload) or self._is_apart(stop.payload, begin):
            return True
        begins = [first - layout.word, *([layout.control] if first == layout.first else [])]
        end = self._follow(following).payload
        lengths = [end - begin, *(stop.payload - place for place in begins)]
        units = _ROUND_BYTES_AT_END if end == self._held(begin)[1] else _ROUND_BYTES
        return any(length % unit == 0 for length in lengths for unit in units)

    def _is_apart(self, end: int, begin: int) -> bool:
        """Whether what lies between two places is of no block: it is not at hand, all alike, or named otherwise."""
        if self._next_begin(begin) == begin or begin in (low for low, _ in self.named):
            return True
        data = self.memory.get(end, min(begin - end, WINDOW_BYTES))
        return data is None or (len(data) >= _HOLE_BYTES and data.count(data[:1]) == len(data))

    def _begin_behind(self, end: int) -> Optional[int]:
        """Payload of the first block of a pool that begins right behind the end of another."""
        first = end + self.layout.word
        header, stop = self._header(first), self._follow(first)
        if header is None or header & PREV_FREE_BIT or stop.last is None:
            return None
        blocks = 0
        while first < stop.payload and blocks < CONVINCING_BLOCKS:
            header = self._header(first) or 0
            following = first + (header & ~FLAG_BITS) + self.layout.word
            if not self.agrees(first, header, following):
                return None
            first, blocks = following, blocks + 1
        return end + self.layout.word if blocks >= CONVINCING_BLOCKS or stop.is_marker else None

    def _start_of(self, payload: int) -> int:
        """Payload of the first block of the pool that holds a free one. The pool begins with the memory at hand, or as
        it was named, if blocks lead on from there; else with the longest chain.
        """
        layout = self.layout
        low = self._held(payload)[0]
        below = [pool.end for pool in self.pools if pool.end <= payload]
        low = max([low, *below, *(start for start, end in self.named if start <= payload < end)])
        first = low + -low % layout.align + layout.word
        if low not in below and self._leads_to(first, payload):
            return first
        return self._longest(max(first, payload - WINDOW_BYTES), payload)

    def _leads_to(self, first: int, payload: int) -> bool:
        while first < payload:
            header = self._header(first)
            if header is None or not self._fits(header & ~FLAG_BITS):
                return False
            first += (header & ~FLAG_BITS) + self.layout.word
        return first == payload

    def _longest(self, low: int, payload: int) -> int:
        """Start of the longest chain of agreeing blocks that leads to a block. Pools begin at even words."""
        layout = self.layout
        high = payload - layout.smallest - layout.word
        found = self._sound(low, high, lambda place: payload if place == payload else None)
        begins = (place for place in found if not (self._header(place) or 0) & PREV_FREE_BIT)
        return max(
            begins, key=lambda place: (found[place], -(place % (2 * layout.word) != layout.word)), default=payload
        )


def _is_text_or_fill(value: int, width: int) -> bool:
    """Whether a word is what programs write over pointers, not a pointer."""
    data = value.to_bytes(width, "little")
    return len(set(data)) == 1 or all(0x20 <= byte < 0x7F for byte in data)
