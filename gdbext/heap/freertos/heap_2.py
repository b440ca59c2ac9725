# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS heap_2, with the allocated bit in its sizes (since V10.5) and without it.

Approach: blocks fill the array without a hole and without an end marker. So the end is computed from xEnd, a variable
outside of the heap: the last free block points to it, and it keeps the heap's size. Without xEnd the heap ends with the
known memory or with its headers. Without the allocated bit a block is free if it is on the list from xStart, which lies
beside xEnd.
Rejected: believing a size because it leads past damage (any size does); old next pointers of used blocks as proof that
a block is free. They prove only that a block begins where they lead: blocks are never joined.
Cost: one walk, and one more for each candidate for the end if headers do not lead to it.
If the memory at hand ends and a block or pointers lead on behind it, the heap is open: its rest is not judged.
Limits: without xStart, old heaps do not tell which blocks are free. The longest list that their pointers allow is
taken.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import accumulate
from typing import Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import CONVINCING_BLOCKS, FAR_BYTES, WINDOW_BYTES, PagedReader, follow, known_until, look_ahead
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
_ALIGNED_SHARE = 0.85  # this part of the blocks must have the heap's alignment; the others may be damaged
_BLOCKS_PER_DAMAGED = 32  # one block in so many, and one more, may be damaged
_ALIGNING_BYTES = 32  # aligning the array loses fewer bytes than this
_BESIDE_BYTES = 256  # xStart and xEnd are no further apart: they are variables of one file
_POINTER_BYTES = 1 << 26  # pointers lead no further
_XEND_SCORE = 3  # points for an end that xEnd tells but that does not fit the known array
_MOST_CANDIDATES = 8  # places tried for xEnd
_VARIABLES_BYTES = 4096  # xEnd is looked for in ranges of variables up to this size
_LOOKED_AT_BYTES = 64 << 10  # in all such ranges: a core may have thousands
_AS_TOLD = said("ends-at", why=said("ends-as-told"))
_MEMORY_ENDS = said("ends-at", why=said("ends-with-memory"))
_HEADERS_STOP = said("ends-at", why=said("ends-with-headers"))

_End = Tuple[int, Said]  # an address where a heap may end, and the evidence


class Heap2Layout(LinkedBlocks):
    """heap_2: the free blocks are listed in order of size, the list ends on xEnd, and the heap has no end marker."""

    marked: bool  # True if used blocks have the top bit of their size set, and no next pointer
    odd: int  # bytes of the last block beyond a multiple of the alignment: the array may have any size
    last_link: Optional[int] = None  # address of xEnd, where the list ends
    head: Optional[Tuple[int, int]] = None  # address and value of xStart's pointer
    counter: Optional[Tuple[int, int]] = None  # address and value of xFreeBytesRemaining
    ends_at: Said = _HEADERS_STOP  # how the heap's end was found
    chained: FrozenSet[int] = frozenset()  # addresses of free blocks' headers, if there is no allocated bit

    has_markers = False
    joins_free = False

    def behind_pool(self, pool: Pool) -> int:
        """Returns the address behind the pool's last byte, with the odd bytes of the last block."""
        return super().behind_pool(pool) + self.odd

    @property
    def leads_away(self) -> bool:
        """True if the heap goes on behind the memory at hand."""
        return self.pools[-1].open

    def leads_beyond(self, value: Optional[int]) -> bool:
        """True if a pointer leads to where an open heap goes on: to a block, or to xEnd."""
        return value is not None and self.leads_away and 0 <= value - self.behind < FAR_BYTES and not value % self.word

    def target_of(self, value: Optional[int]) -> Optional[int]:
        """Returns the payload of the block that a pointer leads to; None if it leads to no block. xEnd is no block."""
        if value is None or (value - self.first) % self.align != -self.header % self.align:
            return None
        return value + self.header if self.pool_of(value + self.header) is not None else None

    def is_last_link(self, value: Optional[int]) -> bool:
        """True if a pointer leads to xEnd. If xEnd's address is not known, any place outside that a variable may have
        will do.
        """
        if value is None or self.last_link is not None:
            return value is not None and value == self.last_link
        outside = not self.first - self.header <= value < self.behind
        return outside and value > 0 and value % self.word == 0 and abs(value - self.first) < _POINTER_BYTES

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of size words in memtrace's form: the size of the payload, with the free bit. A block is
        free by the top bit of its stored size, or because it is on the list.
        """
        word, header, mask = self.word, self.header, self.align - 1
        nonsense = 4 if self.align > 4 else 1 << 8 * word  # a size that no block has
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

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns None: whether a block is free hangs on its address."""
        return None


def recognise_heap_2(memory: Memory, address: int, hints: Hints, claimed: bool) -> Optional[Tuple[Heap2Layout, int]]:
    """Returns the layout of the heap_2 whose first header is at `address`, and its weight: the number of blocks that
    agree. Returns None if there is no heap_2. `claimed`: a user or a symbol says that it is one.
    """
    word = memory.source.pointer_size
    memory.fetch(address, 2 * word)
    if address % word:
        return None
    read, high = PagedReader(memory, address), known_until(memory, address, LARGEST_HEAP)
    # Before alignment and end are known, sizes are followed with a layout aligned to words.
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
    """Reads around a heap to find its end, its alignment and its list."""

    def __init__(
        self, memory: Memory, read: WordReader, probe: Heap2Layout, stop: int, high: int, hints: Hints
    ) -> None:
        self.memory = memory
        self.read = read
        self.probe = probe
        self.address = probe.control
        self.stop = stop  # address where the headers stop
        self.high = high  # end of the known memory
        self.hints = hints
        self.furthest = self.high + FAR_BYTES  # highest end that is believed: an image may be cut off
        self.sizes: List[int] = []  # sizes of the blocks up to `stop`, with their headers
        self.open_end: Optional[int] = None
        self.borders = {self.address}  # addresses of their headers, and `stop`
        place = self.address
        while place < self.stop:
            self.sizes.append(self._size_at(place))
            place += self.sizes[-1]
            self.borders.add(place)

    def ends(self) -> List[_End]:
        """Returns the ends that the heap may have. A sure one comes alone. xEnd tells the end by the heap's size; it is
        found by its symbol, or where free blocks' pointers lead, or by its looks.
        """
        known = self.hints.get("xEnd")
        by_xend = list(self._told_by([known] if known is not None else self._pointer_targets()))
        self.open_end = None if by_xend else self._open_end()
        if self.open_end is not None:
            return [(self.open_end, _HEADERS_STOP)]
        by_xend = by_xend if by_xend or known is not None else list(self._told_by(self._lookalikes))
        sure = [one for one in by_xend if one[0] == self.stop or self._fills_its_array(one[0])]
        if sure:
            return sure[:1]
        rest = [(self.stop, _HEADERS_STOP)] if self.stop > self.address else []
        return [*by_xend, *rest] if by_xend else [*self._memory_end(), *rest][:1]

    def _told_by(self, places: Iterable[int]) -> Iterator[_End]:
        """Yields the ends that xEnd tells if it is at one of these places."""
        for place in places:
            end = self.address + (self.memory.word(place + self.probe.word) or 0)
            fits = end > self.stop or (end > self.address and end in self.borders)
            if self.memory.word(place) == 0 and fits and end <= self.furthest:
                yield end, _AS_TOLD

    def _open_end(self) -> Optional[int]:
        """Returns the address up to which blocks are known, if the heap goes on behind the memory at hand; else None.
        The last block leads there, or pointers to different places do: only one of these can be xEnd.
        """
        if "array_end" in self.hints:
            return None
        tail, word = self.stop + self._size_at(self.stop), self.probe.word
        in_array = self._array is not None and tail % word == 0 and self._is_sound(self.stop)
        if self.high < tail <= self.furthest and in_array and self._chain_end(self.stop)[0] < CONVINCING_BLOCKS:
            return tail
        links = {self.read(place) or 0 for place in self.borders if place < self.stop}
        near = (link for link in links if link and link % word == 0 and abs(link - self.stop) < _POINTER_BYTES)
        behind = self.high - self.probe.header + 1  # no whole header is at hand from there on
        outside = {*(link for link in near if not self.address <= link < behind), *self._lookalikes}
        return self.stop if len(outside) > 1 and any(behind <= link < self.furthest for link in outside) else None

    def _is_sound(self, place: int) -> bool:
        """True if the words at `place` look like a header: a used block's pointer is NULL if the allocated bit is set.
        Else the pointer must be able to lead to a block.
        """
        word, link = self.probe.word, self.read(place)
        if (self.read(place + word) or 0) >> (8 * word - 1):
            return link == 0
        return bool(link and link % word == 0 and abs(link - place) < _POINTER_BYTES)

    def _fills_its_array(self, end: int) -> bool:
        """True if a heap up to `end` leaves less than 32 bytes of its array unused: aligning may lose these."""
        return self._array is not None and abs(self._array[1] - end) < _ALIGNING_BYTES

    @cached_property
    def _array(self) -> Optional[Tuple[int, int]]:
        """Returns start and end of the heap's array, by its symbol; else of the range of memory, if it begins with the
        heap; else None.
        """
        if "array_end" in self.hints:
            return self.hints.get("array_start", 0), self.hints["array_end"]
        low = next((start for start, end in self.memory.ranges() if start <= self.address < end), None)
        return None if low is None or self.address - low >= _ALIGNING_BYTES else (low, self.high)

    def _pointer_targets(self) -> List[int]:
        """Returns the most common readable targets of pointers outside of the walked blocks. The pointers are those in
        the headers, and words behind `stop` that may be pointers.
        """
        word, may_read = self.probe.word, self.memory.may_read
        behind = range(self.stop, min(self.high, self.stop + WINDOW_BYTES) - word, word)
        values = map(self.read, [*accumulate(self.sizes[:-1], initial=self.address), *behind])
        pointers = (value for value in values if value and value % word == 0)
        outside = (value for value in pointers if not self.address <= value < self.stop)
        common = Counter(outside).most_common(_MOST_CANDIDATES)
        return [value for value, _ in common if may_read(value, value + 2 * word)]

    @cached_property
    def _lookalikes(self) -> List[int]:
        """The variables in small ranges of memory that look like xEnd: a NULL pointer, and a size that fits."""
        word, left, found = self.probe.word, _LOOKED_AT_BYTES, []
        for start, end in self.memory.ranges():
            if end - start <= min(left, _VARIABLES_BYTES) and not start <= self.address < end:
                left -= end - start
                for place in range(-(-start // word) * word, end - 2 * word + 1, word):
                    ends = self.address + (self.memory.word(place + word) or 0)
                    fits = ends == self.stop > self.address or self._fills_its_array(ends)
                    if fits and self.memory.word(place) == 0:
                        found.append(place)
        return found

    def _memory_end(self) -> Iterator[_End]:
        """Yields the end of the heap's array or image, if there is one and the headers do not clearly end before it."""
        array = self._array
        if array is None or ("array_end" not in self.hints and self.high - self.stop > FAR_BYTES):
            return
        (_, end), tail = self._chain_end(self.address), self.stop + self._size_at(self.stop)
        if end:
            yield end, _MEMORY_ENDS
        elif array[1] - array[0] - (tail - self.address) in _ALIGNMENTS:
            yield tail, _MEMORY_ENDS
        elif not self._fills_its_array(self.stop):
            # If all bytes behind `stop` are equal, they may be no part of the array, unless its symbol tells its end.
            end_known, length = "array_end" in self.hints, min(self.high - self.stop, WINDOW_BYTES)
            rest = b"" if end_known else self.memory.get(self.stop, length) or b"\0"
            if end_known or not self.sizes or len(set(rest)) > 1:
                yield self.address + array[1] - array[0] - self._shared_by(self.sizes), _MEMORY_ENDS

    def _size_at(self, place: int) -> int:
        return (self.read(place + self.probe.word) or 0) & (1 << (8 * self.probe.word - 1)) - 1

    def _chain_end(self, begin: int) -> Tuple[int, int]:
        """Returns the number of headers in the longest sound chain behind `begin` that fills the array, and its end;
        (0, 0) if there is none.
        """
        probe, word = self.probe, self.probe.word
        best: Dict[int, Tuple[int, int]] = {}
        low = max(begin, self.stop - WINDOW_BYTES, self.high - FAR_BYTES)
        for place in range(self.high - (self.high - self.address) % word, low, -word):
            size = self._size_at(place)
            behind = place + size
            if size < probe.header or size % word:
                continue
            if self._is_sound(place):
                if behind in best:
                    best[place] = (best[behind][0] + 1, best[behind][1])
                elif self.high >= behind and self._fills_its_array(behind):
                    best[place] = (1, behind)
        return max(best.values(), default=(0, 0))

    def layout_to(self, end: _End) -> Heap2Layout:
        """Returns the layout of the heap if it ends at `end`."""
        align, word, (address, why) = self._alignment(end[0]), self.probe.word, end
        header, odd = (2 * word + align - 1) // align * align, (address - self.address) % align
        counter = self.hints.get("xFreeBytesRemaining")
        counted = None if counter is None else self.memory.word(counter)
        layout = replace(
            self.probe, align=align, header=header, smallest=align, odd=odd, ends_at=why,
            pools=(Pool(self.address + header, address - odd + header, address == self.open_end),),
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
        """Returns the alignment: the bytes that the array lost to it, or the one that most block sizes are multiples
        of. 16 is taken for 8 if no block and not the whole heap contradicts it.
        """
        array, whole, header = self._array, end - self.address, self.probe.header
        odd = whole % self.probe.word
        walk = Walk(replace(self.probe, pools=(Pool(self.probe.first, end - odd + header),), odd=odd))
        walk_pools(walk, self.read, lambda *_: True)
        sizes = [(word & ~FLAG_BITS) + header for word in walk.words][:-1]  # the last block may have any size
        lost = 0 if array is None else array[1] - array[0] - whole
        if lost in _ALIGNMENTS and self.address % lost == 0 and _share(sizes, lost) >= _ALIGNED_SHARE:
            return max(lost, self.probe.word)
        by_sizes = self._shared_by(sizes)
        # The array has a round size and loses one alignment. So with an alignment of 8 the whole heap is no multiple
        # of 16. An open heap does not tell its size.
        twice = 2 * USUAL_ALIGNMENT
        if (
            end != self.open_end
            and by_sizes == USUAL_ALIGNMENT
            and self.address % twice == whole % twice == 0
            and _share(sizes, twice) == 1
        ):
            return twice
        return by_sizes

    def _shared_by(self, sizes: List[int]) -> int:
        """Returns 32 or 16 if enough sizes are multiples of it, else 8, or a word if the sizes contradict 8."""
        for align in _COARSER:
            # A header takes one unit of alignment, and what it is for at least another.
            others = sum(1 for size in sizes if size % align or size < 2 * align)
            if (
                self.address % align == 0
                and len(sizes) >= BLOCKS_BEYOND_CHANCE
                and others <= 1 + len(sizes) // _BLOCKS_PER_DAMAGED
            ):
                return align
        fine = self.address % USUAL_ALIGNMENT or _share(sizes, USUAL_ALIGNMENT) < _ALIGNED_SHARE
        return self.probe.word if fine else USUAL_ALIGNMENT

    def _last_link(self, layout: Heap2Layout, links: Dict[int, int]) -> Optional[int]:
        """Returns the address of xEnd: by its symbol; else the most common target of pointers out of the heap that
        looks like xEnd, or that cannot be read. None if there is none.
        """
        if "xEnd" in self.hints:
            return self.hints["xEnd"]
        votes = Counter(value for value in links.values() if layout.is_last_link(value))
        verified = [value for value in [*votes, *self._lookalikes] if self.is_end_of(layout, value)]
        behind = 2 * layout.word
        unread = [value for value, _ in votes.most_common() if not self.memory.may_read(value, value + behind)]
        unread = [] if layout.leads_away else unread  # it may be a block as well
        return next(iter([*verified, *unread]), None)

    def is_end_of(self, layout: Heap2Layout, place: Optional[int]) -> bool:
        """True if `place` looks like xEnd: a NULL pointer, and the size of this heap."""
        memory, word = self.memory, layout.word
        if place is None or not memory.may_read(place, place + 2 * word):
            return False
        return memory.word(place + word) == layout.behind - self.address and memory.word(place) == 0

    def _head(self, layout: Heap2Layout) -> Optional[Tuple[int, int]]:
        """Returns address and value of xStart's pointer; None if not found. It is found by its symbol, or beside xEnd
        by its size of 0.
        """
        known, word, memory = self.hints.get("xStart"), layout.word, self.memory
        if known is not None:
            value = memory.word(known)
            return None if value is None else (known, value)
        near = sorted(range(-_BESIDE_BYTES, _BESIDE_BYTES + 1, word), key=abs)
        offsets = [offset for offset in near if abs(offset) >= 2 * word]
        for offset in offsets if self.is_end_of(layout, layout.last_link) else ():
            place = (layout.last_link or 0) + offset
            readable = place >= 0 and memory.may_read(place, place + 2 * word)
            if readable and memory.word(place + word) == 0:
                value = memory.word(place)
                if value is not None and (value == layout.last_link or layout.target_of(value) is not None):
                    return place, value
        return None

    def _flaws(self, layout: Heap2Layout) -> Iterator[Flaw]:
        """Yields a flaw if xEnd is known by its symbol and its words are wrong."""
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
        """Returns the points against an end: for breaks, for blocks that disagree, for gaps. Blocks behind `stop` take
        points off, and so does xEnd if it tells this end.
        """
        walk = walk_heap_2(layout, self.read)
        agrees = link_agrees(layout, self.read)
        wrong = sum(1 for payload, word in zip(walk.payloads, walk.words) if not agrees(payload, word, 0))
        behind = sum(1 for payload in walk.payloads if payload - layout.header >= self.stop)
        gaps = sum(gap.end - gap.start for gap in walk.gaps())
        by_xend = _XEND_SCORE if layout.ends_at == _AS_TOLD else 0
        return 4 * len(walk.breaks) + 4 * wrong + gaps / 4096 - min(behind, 8) - by_xend


def _share(sizes: List[int], align: int) -> float:
    """Returns the part of the sizes, 0 to 1, that are multiples of an alignment; 1 if there are no sizes."""
    return sum(1 for size in sizes if size % align == 0) / len(sizes) if sizes else 1.0


def _chained(layout: Heap2Layout, walk: Walk, links: Dict[int, int]) -> FrozenSet[int]:
    """Returns the addresses of free blocks' headers in a heap without the allocated bit. They are on the list from
    xStart. If xStart is not known, the longest list in order of size that ends on xEnd is taken; of equally long ones
    that from the highest block.
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
    """Stores in `length` how many blocks the list has from `payload` on, and from each block behind it. It stores None
    if that is no list: it leads nowhere, to a smaller block, or in a ring.
    """
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
    """Returns a check that the allocator may have stored a block's next pointer. A pointer to a payload in `broken`,
    which has a damaged header, passes.
    """
    header = layout.header_reader(read)

    def agrees(payload: int, word: int, _: int) -> bool:
        value = read(layout.next_place(payload))
        if layout.marked and not word & FREE_BIT:
            return value == 0
        if layout.is_last_link(value) or layout.leads_beyond(value):
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
    """Returns every block that can be proven, with the list of the free ones."""
    return walk_listed(
        layout,
        read,
        lambda broken: link_agrees(layout, read, broken),
        lambda walk: _nodes(layout, walk, read),
        evidence,
    )


def _nodes(layout: Heap2Layout, walk: Walk, read: WordReader) -> Iterator[Node]:
    """Yields the free blocks that xStart and other free blocks lead to."""
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
    """Returns the heap's start (its end less the size in xEnd) if it lies before the walked blocks; else None."""
    word, header, walk = layout.word, layout.header, Walk(layout)
    walk_pools(walk, PagedReader(memory, layout.first), lambda *_: True)
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
