# SPDX-License-Identifier: Apache-2.0
"""Finds the pools of a TLSF on its own (`tlsf@CONTROL`): mattconte's with any FL_INDEX_MAX, NuttX's, Espressif's.

Approach: the control block does not name its pools. Usually one follows it. Others are named by the user, or contain
blocks that free lists lead to. Such a pool begins where the longest chain to that block begins. It ends on the first
true end marker: the block before agrees with the marker, and the bytes behind cannot be the rest of a block whose
header was cleared. If headers stop without a marker, they are damaged if blocks can be proven behind; if the memory at
hand ends there, the pool goes on outside of it.
Rejected: walking each candidate for an end in full and counting contradictions (a second pool contradicts the first).
Cost: one step for each block, and one pass over 64 KiB for each place where headers stop.
Limits: a pool that no list leads to and nobody names is not found, unless it begins right behind another one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.ends import CONVINCING_BLOCKS, FAR_BYTES, WINDOW_BYTES, PagedReader, chains, look_ahead
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, Pool, is_marker
from gdbext.heap.tlsf.control import layout_before, pool_end, recognise_tlsf
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.tlsf.lists import neighbour_agrees, read_lists
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
from gdbext.source.memory import Memory

_NAMES = ("mattconte-32", "mattconte-64")
_MOST_POOLS = 32
# So many blocks in a row are certain, whatever other evidence there is.
_CERTAIN_BLOCKS = 16
# So many equal bytes are a hole between two pools and not the inside of a block.
_HOLE_BYTES = 1024
# Pools usually have sizes that are multiples of these numbers of bytes. If the memory at hand ends with the second
# pool, the two are usually one pool: then only a multiple of 1,024 makes them two.
_ROUND_BYTES, _ROUND_BYTES_AT_END = (256, 500), (1024,)
# No pool has a lower address.
_LOWEST_ADDRESS = 0x10000

Range = Tuple[int, int]
# The end of a chain of blocks: the payload behind it, the header there (None if not at hand), and its last block.
Stop = Tuple[int, Optional[int], Optional[int]]


def recognise_plain(
    memory: Memory, control: int, named: Sequence[Range] = (), told: bool = False
) -> Optional[TlsfLayout]:
    """Returns the layout, with its pools, of the TLSF whose control block is at `control`; None if there is none.
    `named`: known pools, by their first byte and the address behind their last. `told`: they are all its pools, and
    each ends there. Then even a control block that was overwritten has a layout: the first pool tells its size.
    """
    memory.fetch(control, memory.source.pointer_size)
    ranges = memory.ranges() or [(control, min(memory.known_end(control), control + LARGEST_HEAP))]
    spans = [*ranges, *(named if told else ())]
    low, high = min(start for start, _ in spans), max(end for _, end in spans)
    layout = recognise_tlsf(memory, control, min(low, control), max(high, control), _NAMES, None)
    if told and control < named[0][0] and (layout is None or layout.tables_end != named[0][0]):
        layout = layout_before(memory, control, named[0][0], _NAMES) or layout
    if layout is None:
        return None
    return replace(layout, pools=tuple(_told(layout, named))) if told else _Pools(memory, layout, named).found()


def _told(layout: TlsfLayout, named: Sequence[Range]) -> Iterator[Pool]:
    """Yields the pools in their ranges. The control block may lie in the first range."""
    for low, high in sorted(named):
        start = layout.tables_end if low <= layout.control < high else low
        yield Pool(start + layout.word, pool_end(start, high - start, layout.word))


class _Pools:
    """The search for the pools of one control block."""

    def __init__(self, memory: Memory, layout: TlsfLayout, named: Sequence[Range]) -> None:
        self.memory = memory
        self.layout = layout
        self.named = sorted(named)
        self.begins = memory.starts()
        self.top = 1 << 8 * layout.word
        self.read = PagedReader(memory, layout.control)
        self.agrees = neighbour_agrees(layout, self.read)
        self.stops: Dict[int, Stop] = {}
        self.absent: List[int] = []  # payloads that lists lead to in memory that is not at hand
        self.list_targets: List[int] = []  # all payloads that lists lead to
        self.free = sorted(self._listed())  # those of them that are free blocks
        self.pools: List[Pool] = []

    def found(self) -> Optional[TlsfLayout]:
        """Returns the layout with all pools; None if there is no block."""
        first = self.layout.first
        stop, limit = self._follow(first), self._limit(first)
        # Usually a pool follows the control block, but all pools may lie elsewhere.
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
        """Yields ranges behind known pools that look like a pool. All blocks in them are used: no list leads there."""
        for pool in self.pools if self.memory.ranges() else ():
            low = pool.end + self.layout.word
            high = min(low + WINDOW_BYTES, self._range_around(pool.end - self.layout.word)[1], self._limit(pool.end))
            for stop, (blocks, first) in sorted(self._chains(low, high).items()):
                if blocks >= _CERTAIN_BLOCKS and self._header(stop) is not None:  # it must end in the memory at hand
                    yield first - self.layout.word, stop
                    break

    def _add(self, first: int, limit: int) -> None:
        """Adds the pool whose first block is `first`, and all pools that follow right behind it."""
        while len(self.pools) < _MOST_POOLS and self._is_new(first):
            pool = self._pool(first, limit)
            if pool is None:
                return
            pool = self._through_hole(pool, limit)
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
        """Returns the address that the pool of a block cannot cross: the start of the next known pool or control block,
        or the named end of its own.
        """
        starts = [low for low, _ in self.named] + [pool.first - self.layout.word for pool in self.pools]
        ends = [high for low, high in self.named if low <= payload < high]
        return min([*ends, *(start for start in (*starts, self.layout.control) if start > payload)], default=self.top)

    # -- lists ---------------------------------------------------------------------------------------------------------

    def _listed(self) -> Iterator[int]:
        """Yields the free blocks that lists lead to, in any memory at hand. Stores those outside of it in `absent`."""
        word = self.layout.word
        anywhere = replace(self.layout, pools=(Pool(2 * word, self.top),))
        walk = Walk(anywhere)
        read_lists(walk, anywhere, lambda address: self.read(address) if self._holds(address) else None)
        self.list_targets += [
            *(node.payload for node in walk.nodes),
            *(fault.value + 2 * word for fault in walk.faults),
        ]
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
        """True if a payload that is not at hand can be believed: an open pool goes on there, or it is less than 1 MiB
        from the first block of a list.
        """
        if any(pool.first <= payload < pool.end for pool in self.pools):
            return False
        if any(pool.open and pool.end <= payload < pool.end + (FAR_BYTES << 6) for pool in self.pools):
            return True
        for slot in range(self.layout.slots):
            head = self.read(self.layout.slot_words(slot)[0]) or 0
            first, data = head + 2 * self.layout.word, head.to_bytes(self.layout.word, "little")
            # A pointer may be overwritten with a fill or text.
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
        """Follows possible size words from `payload` to the place where they stop."""
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

    def _range_around(self, address: int) -> Range:
        """Returns the range of memory at hand around an address; an empty one if the address is not at hand."""
        end, index = self.memory.known_end(address), bisect_right(self.begins, address) - 1
        if not self.memory.ranges():
            return 0, end
        return (self.begins[index] if index >= 0 and end > address else address), end

    def _next_begin(self, address: int) -> int:
        """Returns the first start of a range of memory at hand that is not below `address`."""
        index = bisect_left(self.begins, address)
        return self.begins[index] if index < len(self.begins) else self.top

    def _sound(self, low: int, high: int, leads_to: Callable[[int], Optional[int]]) -> Dict[int, Tuple[int, int]]:
        """Finds the payloads of low..high from which sound blocks lead to an end. Returns the number of blocks and the
        end for each.
        """
        word = self.layout.word
        return chains(self.layout, lambda place: self._header(place + word), self.agrees, low, high, leads_to)

    def _chains(self, low: int, high: int) -> Dict[int, Tuple[int, int]]:
        """Returns the longest chain of low..high for each place where chains stop: its number of blocks, and its first
        block. Only an end marker or memory that is not at hand counts as such a place: damage does not.
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
        """Returns the first block that can be proven behind the place where headers stop; None if there is none. If the
        size of the last block is doubtful, its inside is searched too.
        """
        (stop, word, last), layout = found, self.layout
        low = stop + layout.align
        if last is not None and self._is_doubtful(last):
            low = last + layout.align
        elif word is None:
            low = self._next_begin(stop - layout.word + 1) + layout.word
        high = min(low + WINDOW_BYTES, self._range_around(low - layout.word)[1], limit)
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
        """True if a block's size is doubtful: a listed block lies inside it, or it leads out of its range of memory and
        is not on the list of its size.
        """
        header, layout = self._header(payload) or 0, self.layout
        size = header & ~FLAG_BITS
        if any(payload < other < payload + size for other in self.free):
            return True
        if payload + size <= self._range_around(payload - layout.word)[1]:
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
        """True if a chain is no chance: it has 16 blocks, or ends with the memory, or a list leads into it."""
        if blocks >= _CERTAIN_BLOCKS or stop == high - high % self.layout.word:
            return True
        inside = self.free[bisect_left(self.free, first) : bisect_left(self.free, stop)]
        return any(self._follow(payload)[0] == stop for payload in inside)

    # -- pools ---------------------------------------------------------------------------------------------------------

    def _pool(self, first: int, limit: int) -> Optional[Pool]:
        """Returns the pool whose first block is `first`, up to the first true end marker; None if it has no block."""
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
        """Returns the pool whose headers stop at `stop` without an end marker and without provable blocks behind."""
        layout = self.layout
        if word is None and last is not None:
            begin = layout.control if first == layout.first else first - layout.word
            # If a header is the last word of a range and the pool's size is round, that header was the end marker.
            if last == self._range_around(last - layout.word)[1] and (last - begin) % _ROUND_BYTES[0] == 0:
                return Pool(first, last)
        if word is None:
            behind = min(limit, self._next_begin(stop))
            listed = [payload for payload in self.absent if stop <= payload < behind]
            end = max([stop, *(payload + layout.smallest + layout.word for payload in listed)])
            return Pool(first, end, True) if end > first else None
        end = stop
        if not is_marker(word) and (stop != first or first == layout.first):
            known = min(self._range_around(stop - layout.word)[1], limit)
            end = known - known % layout.word if known - stop <= FAR_BYTES else stop + FAR_BYTES
        return Pool(first, end) if end > first else None

    def _through_hole(self, pool: Pool, limit: int) -> Pool:
        """Returns the pool, open up to the end of the hole behind it, if lists lead there and no marker ends it, or if
        they do and the chain from its first block leads there, too.
        """
        behind, (stop, word, _) = min(limit, self._next_begin(pool.end)), self._follow(pool.first)
        leads_on = not is_marker(self._header(pool.end)) or (word is None and pool.end < stop < behind)
        listed = any(pool.end <= payload < behind for payload in self.absent)
        return Pool(pool.first, behind, True) if listed and leads_on else pool

    def _is_end(
        self, first: int, stop: int, marker: Optional[int], last: Optional[int], following: Optional[int]
    ) -> bool:
        """True if an end marker is a true one and not a cleared header. `following`: the first proven block behind."""
        layout, header = self.layout, self._header(last or 0)
        if header is None or ((marker or 0) >> 1 ^ header) & 1 or self._is_doubtful(last or 0):
            return False
        if header & FREE_BIT and self.agrees(last or 0, header, stop):
            return True
        if following is None or any(stop <= payload < following for payload in self.list_targets):
            return following is None
        begin = following - layout.word
        if not self._fits(begin - stop) or self._next_begin(begin) == begin or begin in dict(self.named):
            return True
        # Bytes that are not at hand, or 1 KiB of equal bytes, do not belong to a block.
        between = self.memory.get(stop, min(begin - stop, WINDOW_BYTES))
        if between is None or (len(between) >= _HOLE_BYTES and between.count(between[:1]) == len(between)):
            return True
        begins = [first - layout.word, *([layout.control] if first == layout.first else [])]
        end = self._follow(following)[0]
        lengths = [end - begin, *(stop - place for place in begins)]
        units = _ROUND_BYTES_AT_END if end == self._range_around(begin)[1] else _ROUND_BYTES
        return any(length % unit == 0 for length in lengths for unit in units)

    def _begin_behind(self, end: int) -> Optional[int]:
        """Returns the first payload of a pool that begins right behind another's end; None if none does."""
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
        """Returns the first payload of the pool that contains a free block. If blocks lead to it from the start of the
        range at hand, or of the named pool, the pool begins there; else with the longest chain.
        """
        layout = self.layout
        low = self._range_around(payload)[0]
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
        # Of equally long chains, one is better if its pool begins at an even word.
        return max(
            begins, key=lambda place: (found[place], -(place % (2 * layout.word) != layout.word)), default=payload
        )
