# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS heap_2, with the allocated bit in its sizes (since V10.5) and without it.

Approach: blocks fill the array without a hole and without an end marker, so where they end is taken from xEnd, an
object outside of the heap that the last free block points to and that keeps the heap's size; else from the memory that
is known. Without the allocated bit a block is free if it is on the list that begins in xStart, beside xEnd.
Rejected: a size that leads past damage (any does); old next pointers of used blocks as proof of anything but a block
where they lead to: blocks are never joined, so what once was a block's begin still is.
Cost: one walk, one more a candidate for the end where headers do not lead to it.
Limits: without xStart, old heaps do not say which blocks are free: the longest list that their pointers allow counts.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import FAR_BYTES, WINDOW_BYTES, follow, known_until, look_ahead, paged_reader
from gdbext.heap.freertos.layout import BLOCKS_BEYOND_CHANCE, USUAL_ALIGNMENT, LinkedBlocks
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Flaw, Pool
from gdbext.heap.walk import Node, Walk, walk_listed, walk_pools
from gdbext.model.record import replace
from gdbext.model.region import Hints
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_ALIGNMENTS = (4, 8, 16, 32)
_COARSER = (32, 16)
_ALIGNED_SHARE = 0.85  # of the blocks have the heap's alignment at least; the others may be damaged
_BLOCKS_PER_DAMAGED = 32  # one block in so many, and one more, may be damaged
_ALIGNING_BYTES = 32  # aligning the array costs less
_BESIDE_BYTES = 256  # xStart lies so near to xEnd: they are variables of one file
_POINTER_BYTES = 1 << 26  # pointers lead no further
_XEND_SCORE = 3  # what xEnd's word on the end is worth, where it does not fit what is known of the array
_MOST_CANDIDATES = 8  # places that may be xEnd
_VARIABLES_BYTES = 4096  # a range of variables that is looked through for xEnd has no more
_AS_TOLD = said("ends-at", why=said("ends-as-told"))
_MEMORY_ENDS = said("ends-at", why=said("ends-with-memory"))
_HEADERS_STOP = said("ends-at", why=said("ends-with-headers"))

_End = Tuple[int, Said]  # where a heap may end, and what says so


class Heap2Layout(LinkedBlocks):
    """heap_2: a list of the free blocks in order of their sizes, which ends on xEnd; no marker in the heap itself."""

    marked: bool  # used blocks have the top bit of their sizes, and no next pointer
    odd: int  # bytes of the last block beyond a multiple of the alignment: the array may have any size
    last_link: Optional[int] = None  # address of xEnd, where the list ends
    head: Optional[Tuple[int, int]] = None  # address and value of xStart's pointer
    counter: Optional[Tuple[int, int]] = None  # of xFreeBytesRemaining
    ends_at: Said = _HEADERS_STOP
    chained: FrozenSet[int] = frozenset()  # without the allocated bit: where the headers of free blocks lie

    has_markers = False

    def behind_pool(self, pool: Pool) -> int:
        """The address behind the last byte, with the odd bytes of the last block."""
        return super().behind_pool(pool) + self.odd

    def target_of(self, value: Optional[int]) -> Optional[int]:
        """Payload of the block that a pointer leads to; None if it leads to none, as xEnd is none."""
        if value is None or (value - self.first) % self.align != -self.header % self.align:
            return None
        return value + self.header if self.pool_of(value + self.header) is not None else None

    def is_last_link(self, value: Optional[int]) -> bool:
        """Whether a pointer leads to xEnd. As long as that is not known, to any place of a variable outside."""
        if value is None or self.last_link is not None:
            return value is not None and value == self.last_link
        outside = not self.first - self.header <= value < self.behind
        return outside and value > 0 and value % self.word == 0 and abs(value - self.first) < _POINTER_BYTES

    def header_reader(self, read: WordReader) -> WordReader:
        """Sizes count from the payload. The top bit of a size, or the list, says which blocks are free."""
        word, header, mask = self.word, self.header, self.align - 1
        nonsense = 4 if self.align > 4 else 1 << 8 * word  # no block has it
        allocated, behind, odd, marked, chained = 1 << (8 * word - 1), self.behind, self.odd, self.marked, self.chained

        def read_header(address: int) -> Optional[int]:
            value = read(address + word)
            if not value:
                return value
            size = value & ~allocated if marked else value
            size -= odd if odd and address + size == behind else 0
            if size & mask or size < header:
                return nonsense
            free = not value & allocated if marked else address in chained
            return size - header | (FREE_BIT if free else 0)

        return read_header


def recognise_heap_2(memory: Memory, address: int, hints: Hints, claimed: bool) -> Optional[Tuple[Heap2Layout, int]]:
    """The layout of the heap_2 whose first header is at `address`, with how many of its blocks speak for it; or None.
    `claimed`: somebody says that it is one.
    """
    word = memory.source.pointer_size
    memory.fetch(address, 2 * word)
    if address % word:
        return None
    read, high = paged_reader(memory, address), known_until(memory, address, LARGEST_HEAP)
    # Sizes are followed with a probe before alignment and end are known.
    pool = Pool(address + 2 * word, high - (high - address) % word + 2 * word)
    probe = Heap2Layout("", word, word, 2 * word, word, address, (pool,), (), 0, word, marked=True, odd=0)
    stop = follow(probe, probe.header_reader(read), probe.first, probe.end)[0]
    look_ahead(memory, stop, high)
    reader = _Reader(memory, read, probe, stop - probe.header, high, hints)
    found = [reader.layout_to(end) for end in reader.ends()] if claimed or reader.sizes else []
    if not found:
        return None
    layout = min(found, key=reader.spoiled)
    verified = reader.is_end_of(layout, layout.last_link)
    walk, agrees = walk_heap_2(layout, read), link_agrees(layout, read)
    good = sum(1 for payload, word in zip(walk.payloads, walk.words) if agrees(payload, word, 0))
    if not good or (2 * good < len(walk.payloads) + 4 * len(walk.breaks) and not verified):
        return None
    return layout, max(1, good - 4 * len(walk.breaks)) if verified or layout.marked else 1


class _Reader:
    """What is read around a heap to find its end, its alignment and its list."""

    def __init__(
        self, memory: Memory, read: WordReader, probe: Heap2Layout, stop: int, high: int, hints: Hints
    ) -> None:
        self.memory = memory
        self.read = read
        self.probe = probe
        self.address = probe.control
        self.stop = stop  # where the headers stop
        self.high = high  # the end of the memory that is known
        self.hints = hints
        self.furthest = self.high + FAR_BYTES  # an image may be cut off
        self.sizes: List[int] = []  # of the blocks up to there, headers and all
        self.borders = {self.address}
        place = self.address
        while place < self.stop:
            self.sizes.append(self._size_at(place))
            place += self.sizes[-1]
            self.borders.add(place)

    def ends(self) -> List[_End]:
        """Where the heap may end; what is sure comes alone. xEnd tells it by the heap's size: by its symbol, or where
        free blocks' pointers lead.
        """
        word, known, told = self.probe.word, self.hints.get("xEnd"), []
        for place in [known] if known is not None else [*self._led_to(), *self._alike()]:
            end = self.address + (self.memory.word(place + word) or 0)
            fits = end > self.stop or (end > self.address and end in self.borders)
            if self.memory.word(place) == 0 and fits and end <= self.furthest:
                told.append((end, _AS_TOLD))
        sure = [one for one in told if one[0] == self.stop or self._fills_its_array(one[0])]
        if sure:
            return sure[:1]
        rest = [(self.stop, _HEADERS_STOP)] if self.stop > self.address else []
        return [*told, *rest] if told else [*self._memory_end(), *rest][:1]

    def _fills_its_array(self, end: int) -> bool:
        """Whether no more is lost of the array, or of an image that holds nothing else, than aligning may cost."""
        array = self._array()
        return array is not None and abs(array[1] - end) < _ALIGNING_BYTES

    def _array(self) -> Optional[Tuple[int, int]]:
        """Where the array lies: as its symbol says, or an image that begins with the heap."""
        if "array_end" in self.hints:
            return self.hints.get("array_start", 0), self.hints["array_end"]
        low = next((start for start, end in self.memory.ranges() if start <= self.address < end), None)
        return None if low is None or self.address - low >= _ALIGNING_BYTES else (low, self.high)

    def _led_to(self) -> List[int]:
        """Where pointers lead outside of what is walked, to what may be read: those in the headers, and what may be
        some behind the place where the headers stop.
        """
        word, may_read = self.probe.word, self.memory.may_read
        behind = range(self.stop, min(self.high, self.stop + WINDOW_BYTES) - word, word)
        values = map(self.read, [*accumulate(self.sizes[:-1], initial=self.address), *behind])
        pointers = (value for value in values if value and value % word == 0)
        outside = (value for value in pointers if not self.address <= value < self.stop)
        common = Counter(outside).most_common(_MOST_CANDIDATES)
        return [value for value, _ in common if may_read(value, value + 2 * word)]

    def _alike(self) -> Iterator[int]:
        """Variables of a small range of their own that look like xEnd: no pointer, and a size that fits."""
        word = self.probe.word
        for start, end in self.memory.ranges():
            if end - start <= _VARIABLES_BYTES and not start <= self.address < end:
                for place in range(-(-start // word) * word, end - 2 * word + 1, word):
                    ends = self.address + (self.memory.word(place + word) or 0)
                    fits = ends == self.stop > self.address or self._fills_its_array(ends)
                    if self.memory.word(place) == 0 and fits:
                        yield place

    def _memory_end(self) -> Iterator[_End]:
        """The end of the array, or of an image of its own, unless the headers stop for good before it."""
        array = self._array()
        if array is None or ("array_end" not in self.hints and self.high - self.stop > FAR_BYTES):
            return
        end, tail = self._chain_end(), self.stop + self._size_at(self.stop)
        if end is not None:
            yield end, _MEMORY_ENDS
        elif array[1] - array[0] - (tail - self.address) in _ALIGNMENTS:
            yield tail, _MEMORY_ENDS
        elif not self._fills_its_array(self.stop):
            # What is blank where the headers stop may be no part of the array, unless its symbol says so.
            told, length = "array_end" in self.hints, min(self.high - self.stop, WINDOW_BYTES)
            rest = b"" if told else self.memory.get(self.stop, length) or b"\0"
            if told or not self.sizes or len(set(rest)) > 1:
                yield self.address + array[1] - array[0] - self._shared_by(self.sizes), _MEMORY_ENDS

    def _size_at(self, place: int) -> int:
        return (self.read(place + self.probe.word) or 0) & (1 << (8 * self.probe.word - 1)) - 1

    def _chain_end(self) -> Optional[int]:
        """End of the longest chain of sound headers that ends where the array may end; None if there is none."""
        probe, word = self.probe, self.probe.word
        best: Dict[int, Tuple[int, int]] = {}
        low = max(self.address, self.stop - WINDOW_BYTES, self.high - FAR_BYTES)
        for place in range(self.high - (self.high - self.address) % word, low, -word):
            size = self._size_at(place)
            behind = place + size
            if size < probe.header or size % word:
                continue
            # The pointer is NULL with the allocated bit, else one that may lead to a block.
            link, used = self.read(place), (self.read(place + word) or 0) >> (8 * word - 1)
            leads = bool(link and link % word == 0 and abs(link - place) < _POINTER_BYTES)
            if link == 0 if used else leads:
                if behind in best:
                    best[place] = (best[behind][0] + 1, best[behind][1])
                elif self.high >= behind and self._fills_its_array(behind):
                    best[place] = (1, behind)
        return max(best.values(), default=(0, None))[1]

    def layout_to(self, end: _End) -> Heap2Layout:
        """The layout of the heap if it ends there."""
        align, word, (address, why) = self._alignment(end[0]), self.probe.word, end
        header, odd = (2 * word + align - 1) // align * align, (address - self.address) % align
        counter = self.hints.get("xFreeBytesRemaining")
        counted = None if counter is None else self.memory.word(counter)
        layout = replace(
            self.probe, align=align, header=header, smallest=align, odd=odd, ends_at=why,
            pools=(Pool(self.address + header, address - odd + header),),
            counter=None if counter is None or counted is None else (counter, counted),
        )  # fmt: skip
        walk = Walk(layout)
        walk_pools(walk, self.read, lambda *_: True)
        links = {payload: self.read(layout.next_place(payload)) or 0 for payload in walk.payloads}
        marked = any(not word & FREE_BIT and not links[at] for at, word in zip(walk.payloads, walk.words))
        layout = replace(layout, marked=marked, last_link=self._last_link(layout, links))
        layout = replace(layout, head=self._head(layout), flaws=tuple(self._flaws(layout)))
        name = f"freertos-heap2-{8 * layout.word}"
        if marked:
            return replace(layout, name=name)
        return replace(layout, name=f"{name}-unmarked", chained=_chained(layout, walk, links))

    def _alignment(self, end: int) -> int:
        """What is lost of the array; else what most sizes are multiples of, of few blocks also the whole heap's."""
        array, whole, header = self._array(), end - self.address, self.probe.header
        odd = whole % self.probe.word
        walk = Walk(replace(self.probe, pools=(Pool(self.probe.first, end - odd + header),), odd=odd))
        walk_pools(walk, self.read, lambda *_: True)
        sizes = [(word & ~FLAG_BITS) + header for word in walk.words][:-1]  # the last block may have any
        lost = 0 if array is None else array[1] - array[0] - whole
        if lost in _ALIGNMENTS and self.address % lost == 0 and _share(sizes, lost) >= _ALIGNED_SHARE:
            return max(lost, self.probe.word)
        by_sizes = self._shared_by(sizes)
        twice = 2 * USUAL_ALIGNMENT  # the array has a round size, less its alignment: the whole heap is not one of 16
        if by_sizes == USUAL_ALIGNMENT and self.address % twice == whole % twice == 0 and _share(sizes, twice) == 1:
            return twice
        return by_sizes

    def _shared_by(self, sizes: List[int]) -> int:
        """The alignment that many sizes are multiples of; of few, the usual one."""
        for align in _COARSER:
            others = sum(1 for size in sizes if size % align)
            if (
                self.address % align == 0
                and len(sizes) >= BLOCKS_BEYOND_CHANCE
                and others <= 1 + len(sizes) // _BLOCKS_PER_DAMAGED
            ):
                return align
        fine = self.address % USUAL_ALIGNMENT or _share(sizes, USUAL_ALIGNMENT) < _ALIGNED_SHARE
        return self.probe.word if fine else USUAL_ALIGNMENT

    def _last_link(self, layout: Heap2Layout, links: Dict[int, int]) -> Optional[int]:
        """Address of xEnd: as its symbol says, else where most pointers lead that leave the heap and may be right."""
        if "xEnd" in self.hints:
            return self.hints["xEnd"]
        votes = Counter(value for value in links.values() if layout.is_last_link(value))
        verified = [value for value in [*votes, *self._alike()] if self.is_end_of(layout, value)]
        behind = 2 * layout.word
        unread = [value for value, _ in votes.most_common() if not self.memory.may_read(value, value + behind)]
        return next(iter([*verified, *unread]), None)

    def is_end_of(self, layout: Heap2Layout, place: Optional[int]) -> bool:
        """Whether xEnd stands there: no pointer, and the size of this heap."""
        memory, word = self.memory, layout.word
        if place is None or not memory.may_read(place, place + 2 * word):
            return False
        return memory.word(place + word) == layout.behind - self.address and memory.word(place) == 0

    def _head(self, layout: Heap2Layout) -> Optional[Tuple[int, int]]:
        """Address and value of xStart's pointer: by its symbol, else beside xEnd, with a size of 0."""
        known, word, memory = self.hints.get("xStart"), layout.word, self.memory
        if known is not None:
            value = memory.word(known)
            return None if value is None else (known, value)
        near = sorted(range(-_BESIDE_BYTES, _BESIDE_BYTES + 1, word), key=abs)
        offsets = [offset for offset in near if abs(offset) >= 2 * word]
        for offset in offsets if self.is_end_of(layout, layout.last_link) else ():
            place = (layout.last_link or 0) + offset
            there = place >= 0 and memory.may_read(place, place + 2 * word)
            if there and memory.word(place + word) == 0:
                value = memory.word(place)
                if value is not None and (value == layout.last_link or layout.target_of(value) is not None):
                    return place, value
        return None

    def _flaws(self, layout: Heap2Layout) -> Iterator[Flaw]:
        """xEnd, where its symbol says that it is, and something else is in it."""
        place, word = self.hints.get("xEnd"), layout.word
        if place is None or self.is_end_of(layout, layout.last_link):
            return
        link, size = self.memory.word(place), self.memory.word(place + word)
        if link is not None and size is not None:
            whole = layout.behind - self.address
            text = said("list-end", place=place, pointer=link, size=size, expected=whole)
            at, want, have = (place, 0, link) if link else (place + word, whole, size)
            yield Flaw("list-end", at, word, text, "variable", want, have)

    def spoiled(self, layout: Heap2Layout) -> float:
        """How much speaks against an end: breaks, blocks that disagree, gaps. Blocks behind the stop speak for it, and
        what xEnd says.
        """
        walk = walk_heap_2(layout, self.read)
        agrees = link_agrees(layout, self.read)
        wrong = sum(1 for payload, word in zip(walk.payloads, walk.words) if not agrees(payload, word, 0))
        behind = sum(1 for payload in walk.payloads if payload - layout.header >= self.stop)
        gaps = sum(gap.end - gap.start for gap in walk.gaps())
        told = _XEND_SCORE if layout.ends_at == _AS_TOLD else 0
        return 4 * len(walk.breaks) + 4 * wrong + gaps / 4096 - min(behind, 8) - told


def _share(sizes: List[int], align: int) -> float:
    """Which part of the sizes are multiples of an alignment."""
    return sum(1 for size in sizes if size % align == 0) / len(sizes) if sizes else 1.0


def _chained(layout: Heap2Layout, walk: Walk, links: Dict[int, int]) -> FrozenSet[int]:
    """Where the headers of the free blocks lie, in a heap that has no allocated bit: on the list from xStart on, else
    on the longest list in order of size that ends on xEnd; of equal ones, on that of the last block, which is the rest.
    """
    sizes = {payload: word & ~FLAG_BITS for payload, word in zip(walk.payloads, walk.words)}
    if layout.head is not None:
        payload = layout.target_of(layout.head[1])
    else:
        length: Dict[int, Optional[int]] = {}
        for one in sizes:
            _measure(layout, one, sizes, links, length)
        payload = max((one for one in length if length[one]), key=lambda one: (length[one] or 0, one), default=None)
    listed: Set[int] = set()
    while payload is not None and payload in sizes and payload not in listed:
        listed.add(payload)
        payload = layout.target_of(links[payload])
    return frozenset(payload - layout.header for payload in listed)


def _measure(
    layout: Heap2Layout,
    payload: int,
    sizes: Dict[int, int],
    links: Dict[int, int],
    length: Dict[int, Optional[int]],
) -> None:
    """Notes how many blocks a list has from here on; None where it is none: it leads nowhere, to less, or in a ring."""
    path: List[int] = []
    place: Optional[int] = payload
    while place is not None and place in sizes and place not in length:
        length[place] = None
        path.append(place)
        place = layout.target_of(links[place])
    reached = length.get(place) if place is not None else 0
    if place is None and path and not layout.is_last_link(links[path[-1]]):
        reached = None
    for one in reversed(path):
        if reached is not None and (place is None or sizes[place] >= sizes[one]):
            reached += 1
        else:
            reached = None
        length[one], place = reached, one


def link_agrees(layout: Heap2Layout, read: WordReader, broken: FrozenSet[int] = frozenset()) -> Agrees:
    """Whether a block's next pointer is one that the allocator leaves there. `broken`: payloads of damaged headers."""
    header = layout.header_reader(read)

    def agrees(payload: int, word: int, _: int) -> bool:
        value = read(layout.next_place(payload))
        if layout.marked and not word & FREE_BIT:
            return value == 0
        if layout.is_last_link(value):
            return True
        target = layout.target_of(value)
        if target in broken:
            return True
        after = None if target is None or target == payload else header(target - layout.header)
        if after is None or after & ~FLAG_BITS < layout.smallest:
            return False
        return not word & FREE_BIT or bool(after & FREE_BIT and after >= word)

    return agrees


def walk_heap_2(layout: Heap2Layout, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Every block that can be proven, with the list of the free ones."""
    return walk_listed(
        layout,
        read,
        lambda broken: link_agrees(layout, read, broken),
        lambda walk: _nodes(layout, walk, read),
        evidence,
    )


def _nodes(layout: Heap2Layout, walk: Walk, read: WordReader) -> Iterator[Node]:
    """The blocks that xStart and free ones lead to."""
    header = layout.header_reader(read)
    free = [payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT]
    places: List[Tuple[int, Optional[int]]] = [(layout.next_place(payload), payload) for payload in free]
    places += [(layout.head[0], None)] if layout.head is not None else []
    seen: Set[int] = set()
    for place, previous in places:
        value = layout.head[1] if previous is None and layout.head is not None else read(place)
        target = layout.target_of(value)
        after = None if target is None else header(target - layout.header)
        if target is None or target in seen or after is None or not after & FREE_BIT:
            continue
        seen.add(target)
        yield Node(target, 0, place, previous, read(layout.next_place(target)), None)


def first_header(memory: Memory, layout: Heap2Layout) -> Optional[int]:
    """Start of the heap, from its end and xEnd's size, if that lies before what was walked."""
    word, header, walk = layout.word, layout.header, Walk(layout)
    walk_pools(walk, paged_reader(memory, layout.first), lambda *_: True)
    links = Counter(memory.word(payload - header) or 0 for payload in walk.payloads)
    for place, _ in links.most_common(_MOST_CANDIDATES):
        outside = not layout.first - header <= place < layout.behind and place % word == 0
        if outside and memory.may_read(place, place + 2 * word) and memory.word(place) == 0:
            start = layout.behind - (memory.word(place + word) or 0)
            if layout.first - header - _POINTER_BYTES < start < layout.first - header and memory.may_read(
                start, start + word
            ):
                return start
    return None
