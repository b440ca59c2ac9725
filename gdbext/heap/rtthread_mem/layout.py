# SPDX-License-Identifier: Apache-2.0
"""Reads the blocks of RT-Thread's small memory: where they lie, and in which form.

Approach: an item is {mark, next, prev, thread}: offsets from the first item. The mark of 3.1 is 0x1ea0 and `used`; that
of later releases is the address of the heap's object, with bit 0 for a block in use, on 64 bits perhaps only its low
half. The object repeats where the heap begins and how large it is, which shows where these members are
(RT_NAME_MAX differs). The last item leads to itself. The chain of offsets is followed first; names and the heap's
size then tell how long an item is.
Rejected: debug information (images have none). Cost: an item for each block; where the chain is broken, one pass over
the memory behind the first item for marks.
Assumptions: RT_ALIGN_SIZE is 4, 8 or 16. A heap has less than 64 MiB. As of RT-Thread 3.1, 4.1 and 5.
"""

from __future__ import annotations

import re
from typing import Callable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.ends import known_until
from gdbext.heap.geometry import FREE_BIT
from gdbext.heap.offsets import OffsetLayout
from gdbext.model.record import Record
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, WordReader

MOST_BYTES = 64 << 20
MAGIC = 0x1EA0
_LOW = 0xFFFF_FFFF
_ITEMS = (12, 16, 24, 32, 40, 48)  # bytes of an item
_FEW = 4  # fewer blocks may lie at multiples of a larger alignment by chance
_NAME = re.compile(rb"[!-~]+ *\Z| +\Z")
_INIT = b"INIT"  # the name in the last item
_MEMBERS = 4  # words of rt_small_mem from heap_ptr on; as many of rt_memory are read in front of it


class Form(NamedTuple):
    """How items are laid out: whether an object owns them, where `next` is, the bytes of an item, the alignment, and
    whether it has a thread's name."""

    owned: bool
    link: int
    header: int
    align: int
    named: bool


class Item(NamedTuple):
    """An item as it is stored. `marked`: its mark is one of this heap's."""

    mark: int
    marked: bool
    used: bool
    next: int
    prev: int


ItemReader = Callable[[int], Optional[Item]]


class Control(NamedTuple):
    """The words of an rt_small_mem around `heap_ptr` at `place`: address, total, used, max; heap_ptr, heap_end, lfree,
    mem_size_aligned."""

    place: int
    words: Tuple[int, ...]

    @property
    def size(self) -> Tuple[int, int]:
        """Returns both words that say how large the heap is."""
        return self.words[1], self.words[7]


class Place(NamedTuple):
    """A heap's address, and that of its first item."""

    address: int
    base: int
    control: Optional[Control]


def marks_of(address: int, owned: bool, word: int) -> Tuple[int, ...]:
    """Returns the marks of free blocks that a heap at `address` may have."""
    return tuple(dict.fromkeys((address, address & _LOW if word > 4 else address))) if owned else (MAGIC,)


def item_reader(read: WordReader, word: int, order: ByteOrder, address: int, owned: bool, link: int) -> ItemReader:
    """Returns a reader of items, which takes an item's address."""
    marks = marks_of(address, owned, word)

    def item(place: int) -> Optional[Item]:
        first, following, before = read(place), read(place + link), read(place + link + word)
        if first is None or following is None or before is None:
            return None
        if owned:
            return Item(first, first & ~1 in marks, bool(first & 1), following, before)
        data = first.to_bytes(word, order)
        magic, used = (int.from_bytes(data[at : at + 2], order) for at in (0, 2))
        return Item(magic | used << 16, magic == MAGIC and used <= 1, used != 0, following, before)

    return item


class SmallMemLayout(OffsetLayout):
    """The blocks behind the first item, at `base`."""

    form: Form
    order: ByteOrder
    base: int
    own: Optional[Control] = None  # of the heap's object
    lfree: Optional[Tuple[int, int]] = None  # where the variable or member is, and its value
    mark: int = MAGIC  # of a free block

    @property
    def mark_bytes(self) -> int:
        """Returns the bytes of a mark."""
        return self.word if self.form.owned else 4

    @property
    def control_end(self) -> int:
        """Returns the address behind the object, which lies in front of the first item."""
        return self.base

    def mark_of(self, used: bool) -> int:
        """Returns the mark as Item.mark has it."""
        return self.mark | (int(used) if self.form.owned else int(used) << 16)

    def mark_stored(self, mark: int) -> int:
        """Returns a mark as a number of `mark_bytes` bytes in memory's byte order."""
        if self.form.owned or self.order == "little":
            return mark
        return (mark & 0xFFFF) << 16 | mark >> 16

    @property
    def origin(self) -> int:
        """Returns the address of the first item."""
        return self.base

    @property
    def offset_bytes(self) -> int:
        """Returns the bytes of an offset."""
        return self.word

    def place_of_size(self, payload: int) -> int:
        """Returns the address of a block's `next`."""
        return payload - self.header + self.form.link

    def links(self, read: WordReader) -> ItemReader:
        """Returns a reader of this heap's items."""
        return item_reader(read, self.word, self.order, self.control, self.form.owned, self.form.link)

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader that makes sizes of offsets. One that leads nowhere becomes a word that no memory holds."""
        links, step, odd, impossible = self.links(read), self.header, self.align - 1, 1 << 8 * self.word
        base, end, smallest = self.base, self.end - self.header - self.base, self.smallest

        def read_header(header: int) -> Optional[int]:
            found = links(header)
            if found is None:
                return None
            size = found.next - (header - base) - step
            if size < smallest or found.next > end or size & odd:
                return impossible
            return size | (0 if found.used else FREE_BIT)

        return read_header


class Chain(Record):
    """A heap as it was recognised: where it is, its form, where the last item is, and the blocks that speak for it."""

    place: Place
    form: Form
    end: int  # offset of the last item
    blocks: int  # that lead to one that leads back
    whole: bool  # they are one chain from the first item to the last


class _Seen(NamedTuple):
    """A chain of which the length of items is not known yet: the offsets of its items."""

    place: Place
    owned: bool
    link: int
    end: int
    offsets: Sequence[int]
    whole: bool


def recognise(memory: Memory, address: int, claimed: bool) -> Optional[Chain]:
    """Returns the heap at `address`; None if there is none. `claimed`: a user or a symbol says that there is one."""
    seen = [one for owned in (True, False) for one in _seen(memory, address, owned, claimed)]
    best = max(seen, key=_likelihood, default=None)
    if best is None or not (best.whole or best.offsets):
        return None
    return Chain(best.place, _form(memory, best), best.end, len(best.offsets), best.whole)


def _likelihood(seen: _Seen) -> Tuple[bool, int, int]:
    return seen.whole, len(seen.offsets), 0 if seen.place.control is None else _votes(seen.place)


def _seen(memory: Memory, address: int, owned: bool, claimed: bool) -> Iterator[_Seen]:
    word = memory.source.pointer_size
    if address % 4:
        return
    places = list(_places(memory, address)) if owned else [Place(address, address, None)]
    for link in (word, 2 * word) if owned and word > 4 else (word,):
        for place in places:
            items = item_reader(memory.word, word, memory.source.byte_order, address, owned, link)
            seen = _followed(memory, items, place, owned, link)
            if seen.whole:
                yield seen
            elif claimed:
                yield from _broken(memory, items, seen)


def _places(memory: Memory, address: int) -> Iterator[Place]:
    """Yields where the first item of an object's heap may be: where its own words say so, or where a mark is."""
    word, order = memory.source.pointer_size, memory.source.byte_order
    memory.fetch_known(address, address + 64 * word)
    data = memory.snapshot.prefix(address, 64 * word)
    words = [int.from_bytes(data[at : at + word], order) for at in range(0, len(data) - word + 1, word)]
    marks, found = marks_of(address, True, word), []
    for at in range(8, min(40, len(words) - _MEMBERS)):
        behind = address + (at + _MEMBERS) * word
        control = Control(address + at * word, tuple(words[at - 4 : at + _MEMBERS]))
        for base in range(behind, behind + 16, 4):
            index = (base - address) // word
            marked = (base - address) % word == 0 and index < len(words) and words[index] & ~1 in marks
            place = Place(address, base, control)
            votes = _votes(place) + marked
            if votes >= 2:
                found.append((votes, -base, place))
    return (place for _, _, place in sorted(found, reverse=True, key=lambda one: one[:2]))


def _votes(place: Place) -> int:
    """Returns how many of an object's words agree with the heap's begin and with each other."""
    words = () if place.control is None else place.control.words
    if not words:
        return 0
    ends = words[4] < words[5] and words[5] - words[4] - words[7] in _ITEMS
    return (words[0] == place.base) + (words[4] == place.base) + (words[1] == words[7] != 0) + ends


def _fits(low: int, high: int) -> bool:
    """True if a block may reach from one item to another."""
    return high % 4 == 0 and low + 16 <= high < MOST_BYTES


def _followed(memory: Memory, items: ItemReader, place: Place, owned: bool, link: int) -> _Seen:
    """Follows items with marks that lead to one that leads back, as far as they go."""
    offsets, at, base, size = [], 0, place.base, 4 * memory.source.pointer_size
    one = items(base) if memory.may_read(base, base + size - memory.source.pointer_size) else None
    if one is None or one.prev:
        return _Seen(place, owned, link, 0, (), False)
    while one is not None and one.marked and _fits(at, one.next):
        low = base + one.next
        following = items(low) if memory.may_read(low, low + link) else None
        offsets.append(at)
        before, at, one = at, one.next, following
        if one is not None and one.marked and one.used and one.next == at:
            return _Seen(place, owned, link, at, offsets, True)
        if one is None or one.prev != before:
            break
    return _Seen(place, owned, link, at, offsets, False)


def _broken(memory: Memory, items: ItemReader, followed: _Seen) -> Iterator[_Seen]:
    """Yields what a claimed heap with damage is: up to the end that its object tells, or one that leads to itself."""
    base, control = followed.place.base, followed.place.control
    high = known_until(memory, base, MOST_BYTES)
    memory.fetch_known(base, high)
    marked = _marked(memory, items, followed, high)
    told: List[int] = []
    if control is not None:
        told = [control.words[5] - base]
        told += [size + header for size in control.size for header in _ITEMS]
    ends = [at for at, one in marked if one.used and one.next == at]
    sure = [end for end in told if end in ends]
    known = [end for end in told[:1] if _fits(0, end) and base + end < high]
    led = [one.next for at, one in marked if _fits(at, one.next) and base + one.next < high]
    # Where the object agrees with itself, its end counts though what lies in front of it is not all at hand.
    agreed = [end for end in told[:1] if end in told[1:] and base + end >= high]
    all_ends = sure or agreed or ends[:1] or known or ([max(led)] if led else [])
    by_place = dict(marked)
    for end in all_ends[:1]:
        pairs = [at for at, one in marked if at < end and _leads_back(by_place, items, base, at, one, end)]
        yield followed._replace(end=end, offsets=pairs)


def _leads_back(by_place: Mapping[int, Item], items: ItemReader, base: int, at: int, one: Item, end: int) -> bool:
    if not _fits(at, one.next) or one.next > end:
        return False
    behind = by_place.get(one.next) or items(base + one.next)
    return behind is not None and (one.next == end or behind.prev == at)


def _marked(memory: Memory, items: ItemReader, seen: _Seen, high: int) -> List[Tuple[int, Item]]:
    """Returns the offset of each item with a mark up to `high`."""
    word, order, base = memory.source.pointer_size, memory.source.byte_order, seen.place.base
    wanted = set()
    for mark in marks_of(seen.place.address, seen.owned, word):
        for used in (0, 1):
            if seen.owned:
                wanted.add((mark | used).to_bytes(word, order))
            else:
                wanted.add(mark.to_bytes(2, order) + used.to_bytes(2, order))
    data = memory.snapshot.prefix(base, high - base)
    found = []
    for match in re.finditer(b"(?s)(?=" + b"|".join(map(re.escape, sorted(wanted))) + b")", data):
        one = None if match.start() % 4 else items(base + match.start())
        if one is not None and one.marked:
            found.append((match.start(), one))
    return found


def _form(memory: Memory, seen: _Seen) -> Form:
    """Returns the form whose items are as long as the heap's size and the names in them say."""
    word, bare = memory.source.pointer_size, seen.link + 2 * memory.source.pointer_size
    named = _has_names(memory, seen, bare)
    least = bare + (word if named else 0)
    align = _align(seen) if len(seen.offsets) >= _FEW else (8 if word > 4 else 4)
    told = [] if seen.place.control is None else [seen.end - size for size in seen.place.control.size]
    for header in told:
        if least <= header < least + 16 and header % 4 == 0:
            return Form(seen.owned, seen.link, header, 8 if header != least and align < 8 else align, named)
    return Form(seen.owned, seen.link, -(-least // align) * align, align, named)


def _align(seen: _Seen) -> int:
    every = seen.place.base | seen.end
    for at in seen.offsets:
        every |= at
    return next(align for align in (16, 8, 4) if every % align == 0 or align == 4)


def _has_names(memory: Memory, seen: _Seen, bare: int) -> bool:
    """True if the last item has the name INIT, or most others have a thread's."""
    word = memory.source.pointer_size
    names = [memory.get(seen.place.base + at + bare, word) for at in (*seen.offsets, seen.end)]
    if names[-1] == _INIT.ljust(word):
        return True
    like = sum(name is not None and _NAME.match(name) is not None for name in names[:-1])
    return len(names) > _FEW and 3 * like >= 2 * (len(names) - 1)
