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
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Pattern, Tuple

from gdbext.heap.ends import known_until
from gdbext.heap.geometry import FREE_BIT, Geometry
from gdbext.model.record import Record, replace
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, WordReader

MOST_BYTES = 4 << 20
_MIN_SIZE = 12
_FEW = 4  # fewer blocks may lie at multiples of a larger alignment by chance
# The last header, by the bytes of an offset: the same offset twice, and 1.
LAST: Dict[int, Pattern[bytes]] = {
    2: re.compile(rb"(?s)(?=(..)\1\x01)"),
    4: re.compile(rb"(?s)(?=(....)\1\x01)"),
}


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


class LwipLayout(Geometry):
    """The blocks of mem.c behind the first header (`control`)."""

    form: Form
    order: ByteOrder
    lfree: Optional[Pointer] = None

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

        def read_header(header: int) -> Optional[int]:
            found = links(header)
            if found is None:
                return None
            size = found.next - (header - control) - step
            if size < smallest or found.next > end or size & odd:
                return impossible
            return size | (0 if found.used else FREE_BIT)

        return read_header


# Only the guards tell whether such a header ends with `user_size` (MEM_OVERFLOW_CHECK); others have room for it anyway.
_SHORT, _SHORT_WITH_SIZES = Form(4, 4, 12), Form(4, 4, 16)
_GUARD, _FOUR = re.compile(b"(?=\xcd{16})"), b"\xcd" * 4


def smallest_of(align: int) -> int:
    """Returns the least size of a block: MIN_SIZE, aligned."""
    return -(-_MIN_SIZE // align) * align


class Chain(Record):
    """A heap of mem.c as it was recognised: its form, where the last header is, and the blocks that speak for it."""

    form: Form
    end: int  # offset of the last header
    blocks: int  # that lead to one that leads back
    whole: bool  # they are one chain from the first header to the last


def recognise(memory: Memory, base: int, claimed: bool, told_end: Optional[int] = None) -> Optional[Chain]:
    """Returns the heap whose first header is at `base`; None if there is none. `claimed`: a user or a symbol says that
    there is one. `told_end`: where its last header is, as a variable says.
    """
    found = [one for form in FORMS for one in _of_form(memory, base, form, claimed, told_end)]
    best = max(found, key=_likelihood, default=None)
    if best is None or best.form != _SHORT or not _has_sizes(memory, base, best):
        return best
    return replace(best, form=_SHORT_WITH_SIZES)


def _likelihood(chain: Chain) -> Tuple[bool, int, int]:
    """Returns what is higher for likelier forms. Some blocks at multiples of 8 or 16 only are aligned to that."""
    return chain.whole, chain.blocks, chain.form.align if chain.blocks >= _FEW else -FORMS.index(chain.form)


def _of_form(memory: Memory, base: int, form: Form, claimed: bool, told_end: Optional[int]) -> Iterator[Chain]:
    if base % form.align:
        return
    links = links_reader(memory.word, memory.source.pointer_size, memory.source.byte_order, form)
    first = links(base) if memory.may_read(base, base + form.header) else None
    if first is None or (not claimed and (first.prev or first.used > 1 or not _fits(form, 0, first.next))):
        return
    last, count, whole = _followed(memory, links, base, form)
    if whole:
        yield Chain(form, last, count, True)
        return
    if not claimed:
        return
    high = known_until(memory, base, form.most)
    memory.fetch_known(base, high)
    told = [] if told_end is None else [told_end - base]
    for end in [*told, *_ends(memory, base, high, form), last]:  # the last one if its header is overwritten
        if _fits(form, 0, end) and base + end < high:
            yield Chain(form, end, _pairs(links, base, end, form), False)


def _has_sizes(memory: Memory, base: int, chain: Chain) -> bool:
    """True if a block has a guard where one stands behind a header with `user_size`: in front, or behind its bytes."""
    memory.fetch_known(base, base + chain.end)
    order = memory.source.byte_order
    links = links_reader(memory.word, memory.source.pointer_size, order, _SHORT)
    data, header = memory.snapshot.prefix(base, chain.end), _SHORT_WITH_SIZES.header
    for place in (match.start() for match in _GUARD.finditer(data)):
        at = place - header
        if at >= 0 and data[place - 4 : place] != _FOUR and _leads_back(links, base, at, chain.end):
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


def _followed(memory: Memory, links: LinksReader, base: int, form: Form) -> Tuple[int, int, bool]:
    """Follows blocks that lead to one that leads back. Returns the offset of the header at which that ends, the number
    of blocks before it, and whether it is the last header of the heap.
    """
    at, count = 0, 0
    one = links(base)
    while one is not None and _fits(form, at, one.next):
        low = base + one.next
        following = links(low) if memory.may_read(low, low + form.header) else None
        before, at, one, count = at, one.next, following, count + 1
        if one == (at, at, 1):
            return at, count, True
        if one is not None and one.prev != before:
            break
    return at, count, False


def _ends(memory: Memory, base: int, high: int, form: Form) -> Iterator[int]:
    """Yields each offset at which a header leads to itself and is in use."""
    order = memory.source.byte_order
    for match in LAST[form.width].finditer(memory.snapshot.prefix(base, high - base)):
        if int.from_bytes(match.group(1), order) == match.start():
            yield match.start()


def _pairs(links: LinksReader, base: int, end: int, form: Form) -> int:
    """Returns the number of headers that lead to one that leads back."""
    found = 0
    for at in range(0, end, form.align):
        one = links(base + at)
        if one is not None and one.used <= 1 and _fits(form, at, one.next) and one.next < end:
            following = links(base + one.next)
            found += following is not None and following.prev == at
    return found
