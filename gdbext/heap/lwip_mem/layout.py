# SPDX-License-Identifier: Apache-2.0
"""Reads the blocks of lwIP's mem.c: where they lie, and in which form.

Approach: a header is {next, prev, used}: two offsets from the first header, of 16 bits if MEM_SIZE is at most 64,000
and else of 32, and a byte. The last header leads to itself. A form (width, alignment) is taken for the number of blocks
that lead to one that leads back.
Rejected: asking debug information (`struct mem` is a name that any program may have, and images have none).
Cost: a header for each block; where the chain is broken, one pass over the memory behind the first header.
Assumptions: MEM_ALIGNMENT is 4, 8 or 16. A heap has less than 4 MiB. As of lwIP 0030d1ade5 and 2.2.
"""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_left
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.heap.ends import known_until
from gdbext.heap.geometry import FREE_BIT
from gdbext.heap.offsets import OffsetLayout
from gdbext.model.record import Record, replace
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, WordReader

MOST_BYTES = 4 << 20
_MIN_SIZE = 12
_FEW = 4  # fewer blocks may lie at multiples of a larger alignment by chance
_ENOUGH = 6  # so many hardly ever do


class Links(NamedTuple):
    """A header as it is stored: offsets from the first header, and the byte that says whether the block is in use."""

    next: int
    prev: int
    used: int


LinksReader = Callable[[int], Optional[Links]]


class Form(NamedTuple):
    """The bytes of an offset, and those that blocks are aligned to."""

    width: int
    align: int
    header: int

    @property
    def most(self) -> int:
        """Returns the bytes that a heap of this form has at most."""
        return 1 << 16 if self.width == 2 else MOST_BYTES


# The usual ones first.
FORMS = (Form(2, 4, 8), Form(4, 4, 12), Form(4, 8, 16), Form(2, 8, 8), Form(2, 16, 16), Form(4, 16, 16))


def links_reader(read: WordReader, word: int, order: ByteOrder, form: Form) -> LinksReader:
    """Returns a reader of headers, which takes a header's address. `word`: the bytes of the words that `read` reads."""
    width, fields = form.width, 2 * form.width + 1
    places = sorted({min(at, max(0, form.header - word)) for at in range(0, fields, word)})

    def links(header: int) -> Optional[Links]:
        data = bytearray(form.header)
        for at in places:
            value = read(header + at)
            if value is None:
                return None
            data[at : at + word] = value.to_bytes(word, order)
        following, before = (int.from_bytes(data[at : at + width], order) for at in (0, width))
        return Links(following, before, data[2 * width])

    return links


class Pointer(NamedTuple):
    """A variable of mem.c that points into the heap: its place and its value."""

    name: str
    place: int
    value: int


class LwipLayout(OffsetLayout):
    """The blocks of mem.c behind the first header (`control`)."""

    form: Form
    order: ByteOrder
    lfree: Optional[Pointer] = None

    @property
    def is_open(self) -> bool:
        """True if the heap goes on in memory that is not at hand."""
        return self.pools[0].open

    @property
    def origin(self) -> int:
        """Returns the address of the first header."""
        return self.control

    @property
    def offset_bytes(self) -> int:
        """Returns the bytes of an offset."""
        return self.form.width

    def place_of_size(self, payload: int) -> int:
        """Returns the address of a block's `next`."""
        return payload - self.header

    def links(self, read: WordReader) -> LinksReader:
        """Returns a reader of this heap's headers."""
        return links_reader(read, self.word, self.order, self.form)

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader that makes sizes of offsets. One that leads nowhere becomes a word that no memory holds."""
        links, step, odd, impossible = self.links(read), self.header, self.align - 1, 1 << 8 * self.word
        control, end, smallest = self.control, self.end - self.header - self.control, self.smallest
        mask, shift = (1 << 8 * self.form.width) - 1, 8 * (self.word - self.form.width)
        shift = shift if self.order == "big" else 0

        def read_header(header: int) -> Optional[int]:
            word = read(header)
            if word is None:
                return None
            following = word >> shift & mask  # most words lead nowhere, and need no further look
            size = following - (header - control) - step
            if size < smallest or following > end or size & odd:
                return impossible
            found = links(header)
            return None if found is None else size | (0 if found.used else FREE_BIT)

        return read_header


# Only the guards tell whether such a header ends with `user_size` (MEM_OVERFLOW_CHECK); others have room for it anyway.
_SHORT, _SHORT_WITH_SIZES = Form(4, 4, 12), Form(4, 4, 16)
_PADDED = Form(4, 8, 16)
_FOUR = b"\xcd" * 4
_GUARD = re.compile(b"(?<!\xcd{4})(?=\xcd{16})")


def smallest_of(align: int) -> int:
    """Returns the least size of a block: MIN_SIZE, aligned."""
    return -(-_MIN_SIZE // align) * align


class Chain(Record):
    """A heap of mem.c as it was recognised: its form, where the last header is, and the blocks that speak for it."""

    form: Form
    end: int  # offset of the last header
    blocks: int  # that lead to one that leads back
    whole: bool  # they are one chain from the first header to the last
    is_open: bool = False  # the header at `end` is not at hand, nor is the last one


class _Pair(NamedTuple):
    """A header that leads to itself, or to one behind it that leads back."""

    at: int
    next: int
    used: int


_PairsOf = Dict[int, List[_Pair]]  # by the bytes of an offset


def recognise(memory: Memory, base: int, claimed: bool, told_end: Optional[int] = None) -> Optional[Chain]:
    """Returns the heap whose first header is at `base`; None if there is none. `claimed`: a user or a symbol says that
    there is one. `told_end`: where its last header is, as a variable says.
    """
    pairs: _PairsOf = {}
    found = [one for form in FORMS for one in _of_form(memory, base, form, claimed, told_end, pairs)]
    best = max(found, key=_likelihood, default=None)
    if best is None or best.form not in (_SHORT, _PADDED):
        return best
    short, padded = replace(best, form=_SHORT), replace(best, form=_PADDED)
    if _has_sizes(memory, base, best):
        return replace(best, form=_SHORT_WITH_SIZES) if best == short else best
    if short in found and padded in found and 1 < best.blocks < _ENOUGH:
        return padded if _is_padding(memory, base) else short
    return best


def _is_padding(memory: Memory, base: int) -> bool:
    """True unless the first header's end is as it was before mem_init, zero, and the four bytes behind it are not: then
    these are a user's. mem.c writes neither.
    """
    rest = memory.snapshot.prefix(base + _SHORT.header - 3, 7)
    return any(rest[:3]) or not any(rest[3:])


def _likelihood(chain: Chain) -> Tuple[bool, int, int]:
    """Returns what is higher for likelier forms. Some blocks at multiples of 8 or 16 only are aligned to that."""
    return chain.whole, chain.blocks, chain.form.align if chain.blocks >= _FEW else -FORMS.index(chain.form)


def _of_form(
    memory: Memory, base: int, form: Form, claimed: bool, told_end: Optional[int], of_width: _PairsOf
) -> Iterator[Chain]:
    if base % form.align:
        return

    def word(place: int) -> Optional[int]:
        return memory.word(place) if memory.may_read(place, place + memory.source.pointer_size) else None

    links = links_reader(word, memory.source.pointer_size, memory.source.byte_order, form)
    first = links(base)
    if first is None or (not claimed and (first.prev or first.used > 1 or not _fits(form, 0, first.next))):
        return
    last, count, whole = _followed(links, base, form)
    if whole:
        yield Chain(form, last, count, True)
        return
    if not claimed:
        return
    high = known_until(memory, base, form.most)
    memory.fetch_known(base, high)
    high = max([high, *(min(end, base + form.most) for start, end in memory.ranges() if start < base + form.most)])
    if form.width not in of_width:
        of_width[form.width] = list(_pairs(memory, base, high, form.width))
    pairs = [one for one in of_width[form.width] if one.at % form.align == 0]
    reached = sorted(one.next for one in pairs if one.next != one.at and _fits(form, one.at, one.next))
    ends = [one.at for one in pairs if one.next == one.at and one.used and _fits(form, 0, one.at)]
    likeliest = max(ends, key=lambda end: bisect_left(reached, end), default=None)  # behind the most, and the nearest
    if not ends and told_end is None and links(base + last) is None and count >= _FEW:
        yield Chain(form, last, count - 1, False, True)  # the block that leads out of the memory speaks for nothing
    for end in (None if told_end is None else told_end - base, likeliest, last):  # `last`: its header is overwritten
        if end is not None and _fits(form, 0, end) and (base + end < high or base + end == told_end):
            yield Chain(form, end, bisect_left(reached, end), False)


def _has_sizes(memory: Memory, base: int, chain: Chain) -> bool:
    """True if a block has a guard where one stands behind a header with `user_size`: in front, or behind its bytes."""
    memory.fetch_known(base, base + chain.end)
    order = memory.source.byte_order
    links = links_reader(memory.word, memory.source.pointer_size, order, _SHORT)
    data, header = memory.snapshot.prefix(base, chain.end), _SHORT_WITH_SIZES.header
    for place in (match.start() for match in _GUARD.finditer(data)):
        at = place - header
        if at >= 0 and _leads_back(links, base, at, chain.end):
            return True
    at, guard = 0, 4 * _FOUR
    while _leads_back(links, base, at, chain.end):  # a guard in front may be the damaged one
        place = at + header + len(guard) + int.from_bytes(data[at + 12 : at + 16], order)
        one = links(base + at)
        if one is None or (one.used and data[place : place + len(guard)] == guard):
            return one is not None
        at = one.next
    return False


def _leads_back(links: LinksReader, base: int, at: int, end: int) -> bool:
    """True if a block begins at an offset, and the one behind it leads back."""
    one = None if at % _SHORT.align else links(base + at)
    if one is None or one.used > 1 or not _fits(_SHORT, at, one.next) or one.next > end:
        return False
    behind = links(base + one.next)
    return behind is not None and behind.prev in (at, end)


def _fits(form: Form, low: int, high: int) -> bool:
    """True if a block may reach from one header to another."""
    return high % form.align == 0 and low + form.header + smallest_of(form.align) <= high < form.most


def _followed(links: LinksReader, base: int, form: Form) -> Tuple[int, int, bool]:
    """Follows blocks that lead to one that leads back. Returns the offset of the header at which that ends, the number
    of blocks before it, and whether it is the last header of the heap.
    """
    at, count = 0, 0
    one = links(base)
    while one is not None and _fits(form, at, one.next):
        before, at, one, count = at, one.next, links(base + one.next), count + 1
        if one == (at, at, 1):
            return at, count, True
        if one is not None and one.prev != before:
            break
    return at, count, False


def _pairs(memory: Memory, base: int, high: int, width: int) -> Iterator[_Pair]:
    """Yields the pairs between two addresses, at multiples of the least alignment."""
    order = memory.source.byte_order
    data = _with_holes(memory, base, high)
    numbers = array("H" if width == 2 else "I", data[: len(data) // 4 * 4])
    if order != sys.byteorder:
        numbers.byteswap()
    step, limit = 4 // width, len(numbers) * width - width
    for index, following in enumerate(numbers[::step]):
        at = index * 4
        if at <= following < limit and not following & 3 and numbers[following // width + 1] == at:
            place = at + 2 * width
            if place < len(data) and data[place] <= 1:
                yield _Pair(at, following, data[place])


def _with_holes(memory: Memory, base: int, high: int) -> bytes:
    """Returns the bytes between two addresses, with zeros for what is not at hand: they lead nowhere."""
    known, data = memory.held(base, high) if memory.ranges() else memory.snapshot, bytearray(high - base)
    for start, end in known.known(base, high):
        data[start - base : end - base] = known.read(start, end - start) or bytes(end - start)
    return bytes(data)
