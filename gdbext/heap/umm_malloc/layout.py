# SPDX-License-Identifier: Apache-2.0
"""Recognises a heap of umm_malloc, and walks its blocks.

Approach: memory is an array of blocks of 8 bytes (or what UMM_BLOCK_BODY_SIZE says), which are named by numbers of 15
bits. A header has the number of the next block, with a bit if this one is free, and that of the block before. So every
block is confirmed by the one behind it, and the size of a block is the one by which most are confirmed. The end has the
next number 0. Without symbols, if the chain breaks, it is the block of next number 0 that the longest chain leads back
from.
Rejected: trusting block 0 alone (1 and 0 are everywhere).
Cost: a header for each block; one pass over the memory behind damage.
Assumptions: the heap's first block is 1, as umm_init makes it.
As of rhempel/umm_malloc ed68d0b and esp8266/Arduino 3.1.
"""

from __future__ import annotations

from itertools import chain
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.heap.cover import Evidence
from gdbext.heap.ends import WINDOW_BYTES, PagedReader, known_until
from gdbext.heap.geometry import FREE_BIT, Geometry, Pool
from gdbext.heap.walk import Node, Walk, walk_listed
from gdbext.model.region import Region, Span
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, WordReader

FREE_MARK = 0x8000
NUMBER = 0x7FFF
_SIZES = (8, 16, 12, 32, 24, 20, 28, 64, 48)  # bytes of a block, the usual ones first
_HEADER = 4
_CONVINCING = 64  # blocks that lead back from an end: more say no more
_FEWEST = 4  # blocks that must confirm each other where nobody has said that a heap is there

Halves = Callable[[int], Optional[int]]  # reads 16 bits


def half_reader(read: WordReader, order: ByteOrder, width: int) -> Halves:
    """Returns a reader of 16 bits at even addresses, from a reader of words."""

    def half(address: int) -> Optional[int]:
        word, at = read(address & -4), address & 2
        if word is None:
            return None
        return word >> 8 * (at if order == "little" else width - 2 - at) & 0xFFFF

    return half


class UmmLayout(Geometry):
    """An array of blocks; `control` is block 0."""

    body: int  # bytes of a block
    order: ByteOrder
    pointer: int  # bytes of a pointer: words are read so wide

    @property
    def is_open(self) -> bool:
        """True if the heap goes on in memory that is not at hand."""
        return any(pool.open for pool in self.pools)

    @property
    def last(self) -> int:
        """Returns the number of the last block, which is the heap's end."""
        return self.number_of(self.end)

    def number_of(self, payload: int) -> int:
        """Returns a block's number."""
        return (payload - self.header - self.control) // self.body

    def payload_of(self, number: int) -> int:
        """Returns the payload of the block of a number."""
        return self.control + number * self.body + self.header

    def is_place(self, payload: int) -> bool:
        """True if a block may begin there."""
        return (payload - self.header - self.control) % self.body == 0

    def place_of_size(self, payload: int) -> int:
        """The number of the next block stands first in the header."""
        return payload - self.header

    def behind_pool(self, pool: Pool) -> int:
        """The last block is as large as any."""
        return pool.end - self.header + self.body

    def halves(self, read: WordReader) -> Halves:
        """Returns a reader of the numbers of blocks."""
        return half_reader(read, self.order, self.pointer)

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader that makes sizes of numbers. One that leads nowhere becomes a word that no memory holds."""
        control, body, last, half, impossible = (
            self.control,
            self.body,
            self.last,
            self.halves(read),
            1 << 8 * self.word,
        )

        def read_header(address: int) -> Optional[int]:
            stored = half(address)
            if stored is None:
                return None
            number, off = divmod(address - control, body)
            following = stored & NUMBER
            if off or not number < following <= last:
                return impossible
            return (following - number) * body - _HEADER | (FREE_BIT if stored & FREE_MARK else 0)

        return read_header

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """A free block begins with its links."""
        return [(payload, payload + 4)]


class Found(NamedTuple):
    """A recognised heap: the number of blocks that confirm each other, in all and from the first one on in a row."""

    layout: UmmLayout
    blocks: int
    row: int
    whole: bool  # whether all of them do, up to the end


def recognise_umm(memory: Memory, region: Region, claimed: bool, fewest: int = _FEWEST) -> Optional[Found]:
    """Returns the heap whose block 0 is at the region's address; None if there is none. `claimed`: somebody says that
    there is one; else all of its blocks must confirm each other, or the `fewest` first ones.
    """
    least = 0 if claimed else fewest
    found = [one for one in (_of_size(memory, region, body, least) for body in _SIZES) if one is not None]
    best = max(found, key=lambda one: (one.whole, one.blocks), default=None)
    return best if best is not None and (best.whole or best.row >= least) else None


def _of_size(memory: Memory, region: Region, body: int, least: int) -> Optional[Found]:
    word, base = memory.source.pointer_size, region.address
    if base % 4 or not memory.may_read(base, base + 2 * body):
        return None
    given = region.hints.get("bytes")
    high = _known_end(memory, base, given or body << 15)
    half = half_reader(PagedReader(memory, base), memory.source.byte_order, word)
    found = _Chain(half, base, body, (high - base + body - _HEADER) // body)
    stop, blocks = found.follow()
    whole = half(base + stop * body) == 0 and stop > 1
    last, is_open = given // body - 1 if given else stop, False
    if blocks < least and not whole:
        return None
    if not given and blocks >= min(least, _FEWEST):
        high = high if memory.ranges() else min(high, base + stop * body + WINDOW_BYTES)
        memory.fetch_known(base, high)
        found = found._replace(room=(high - base + body - _HEADER) // body)
        # Where no end is left, it is the last block of an image; the memory of a target goes on behind the heap.
        is_open = not whole and found.leads_out(stop)
        fallback = stop if whole or is_open or not memory.ranges() else found.room - 1
        behind = found.end_behind(stop, whole)
        last, is_open = behind or fallback, is_open and behind is None
    if not 1 < last <= NUMBER:
        return None
    row, blocks = blocks, blocks if whole and stop == last else found.confirmed(last)
    if not blocks:
        return None
    pools = (Pool(base + body + _HEADER, base + last * body + _HEADER, is_open),)
    name = f"umm-malloc-{body}"
    order = memory.source.byte_order
    layout = UmmLayout(name, 4, 4, _HEADER, body - _HEADER, base, pools, (), body, order, word)
    return Found(layout, blocks, row, whole and stop == last)


def _known_end(memory: Memory, base: int, most: int) -> int:
    """Returns the end of the memory in which the heap may lie. A file may lack some of it."""
    ends = (min(end, base + most) for start, end in memory.ranges() if base < end and start < base + most)
    return max(ends, default=0) or known_until(memory, base, most)


class _Chain(NamedTuple):
    """The blocks at an address, of one size."""

    half: Halves
    base: int
    body: int
    room: int  # blocks whose headers memory has room for

    def _next(self, number: int) -> Optional[int]:
        stored = self.half(self.base + number * self.body)
        return None if stored is None else stored & NUMBER

    def _before(self, number: int) -> Optional[int]:
        stored = self.half(self.base + number * self.body + 2)
        return None if stored is None else stored & NUMBER

    def leads_out(self, number: int) -> bool:
        """True if a block's header, or that of the block behind it, is not at hand."""
        following = self._next(number)
        if following is None or following <= number:
            return following is None
        return self._before(following) is None and (number < self.room - 1 or self._lists_beyond(number))

    def _lists_beyond(self, number: int) -> bool:
        """True if the list of free blocks leads behind a block, which then is not the end."""
        at = 0
        for _ in range(self.room):
            link = self.half(self.base + at * self.body + _HEADER)
            if not link or link > number:
                return bool(link)
            at = link
        return False

    def follow(self) -> Tuple[int, int]:
        """Returns the number of the block at which the chain from block 1 stops, and how many confirm each other."""
        number, blocks = 1, 0
        while number < self.room:
            following = self._next(number)
            if following is None or not number < following < self.room or self._before(following) != number:
                break
            number, blocks = following, blocks + 1
        return number, blocks

    def confirmed(self, last: int) -> int:
        """Returns how many blocks lead to one that leads back, wherever they are."""
        links = ((number, self._next(number)) for number in range(1, last))
        return sum(1 for number, to in links if to and number < to <= last and self._before(to) == number)

    def end_behind(self, stop: int, whole: bool) -> Optional[int]:
        """Returns the block of next number 0 from which the most blocks lead back; None if there is none. `whole`: the
        chain has such an end, which is no damaged header unless blocks behind it lead back.
        """
        links = (self.half(self.base + place) or 0 for place in (_HEADER, _HEADER + 2))  # of block 0
        best, most = None, _FEWEST if whole and max(links) < stop else 0
        for number in range(stop + 1, self.room):
            if self.half(self.base + number * self.body) != 0:
                continue
            length, at = int(not whole and self._before(number) == stop), number  # the damage is in `stop` alone
            while length < _CONVINCING:
                before = self._before(at)
                if before is None or not 0 < before < at or self._next(before) != at:
                    break
                length, at = length + 1, before
            if length > most:
                best, most = number, length
        return best


def list_of(layout: UmmLayout, walk: Walk, read: WordReader) -> Iterator[Node]:
    """Yields the free blocks that the links of block 0 and of free blocks lead to."""
    half, header, seen = layout.halves(read), layout.header_reader(read), set()
    free = (payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT)
    for payload in chain([layout.payload_of(0)], free):
        number = half(payload)
        target = layout.payload_of(number or 0)
        word = header(target - layout.header) if number and number < layout.last else None
        if word is None or not word & FREE_BIT or target in seen:
            continue
        seen.add(target)
        previous = payload if layout.number_of(payload) else None
        yield Node(target, 0, payload, previous, half(target), half(target + 2))


def walk_umm(layout: UmmLayout, read: WordReader, evidence: Evidence) -> Walk:
    """Returns the blocks, each of which is confirmed by the one behind it, and the list of free ones."""
    half = layout.halves(read)

    def confirmed(payload: int, word: int, following: int) -> bool:
        before = half(following - layout.header + 2)
        return before is not None and before & NUMBER == layout.number_of(payload)

    return walk_listed(layout, read, lambda broken: confirmed, lambda walk: list_of(layout, walk, read), evidence)
