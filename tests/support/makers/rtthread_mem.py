# SPDX-License-Identifier: Apache-2.0
"""Heaps of RT-Thread's small memory, by a model of its book-keeping (src/mem.c of 3.1, 4.1 and 5).

A block is an item {mark, next, prev, the thread's name with RT_USING_MEMTRACE} and the user's bytes; offsets count from
the first item. The mark is 0x1ea0 and `used` in 3.1; later it is the address of the heap's object with bit 0 set while
the block is in use. The object lies in front of the first item. `rt_realloc` shrinks below the least size of
`rt_malloc`; the last item's prev is whatever the last join left there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from tests.support.made import Images, Made, MadeBlock

BASE = 0x2000_0000
_THREADS = (b"tidle0", b"main", b"tshell", b"net", b"w")


@dataclass(frozen=True)
class Options:
    """What rtconfig.h, the release and the processor decide."""

    release: int = 4
    word: int = 4
    align: int = 4
    named: bool = False
    name_max: int = 8

    @property
    def link(self) -> int:
        """Where `next` is. RT-Thread 4.1 has a reserved word there on 64 bits."""
        return 2 * self.word if self.word == 8 and self.release == 4 else self.word

    @property
    def header(self) -> int:
        """SIZEOF_STRUCT_MEM."""
        fields = self.link + 2 * self.word + (self.word if self.named else 0)
        return -(-fields // self.align) * self.align

    @property
    def heap_ptr(self) -> int:
        """Where `heap_ptr` is in the object: behind rt_object and the five other members of rt_memory."""
        return -(-(self.name_max + 2) // self.word) * self.word + 2 * self.word + 5 * self.word

    @property
    def first(self) -> int:
        """Where the first item is, from the heap's address on."""
        return 0 if self.release == 3 else -(-(self.heap_ptr + 4 * self.word) // self.align) * self.align


ALL_OPTIONS = tuple(
    Options(release, word, align, named, name_max)
    for release in (3, 4, 5)
    for word in (4, 8)
    for align in ((4, 8) if word == 4 else (8,))
    for named in (False, True)
    for name_max in ((8,) if release == 3 else (8, 16))
)


@dataclass
class Item:
    """What is known of a block: where its item is, and whether it is used."""

    at: int
    used: bool = False


@dataclass
class SmallMem:
    """A heap at `base`, with the books of what is in it. `size`: mem_size_aligned."""

    options: Options
    base: int
    size: int
    rng: Random
    items: list[Item] = field(default_factory=lambda: [Item(0)])
    data: bytearray = field(default_factory=bytearray)
    used: int = 0
    most: int = 0
    lfree: int = 0

    def __post_init__(self) -> None:
        options = self.options
        whole = options.first + self.size + 2 * options.header
        self.data = bytearray(self.rng.randbytes(whole) if self.rng.random() < 0.5 else bytes(whole))
        self.end = self.size + options.header
        self._mark(0, False)
        self._links(0, self.end, 0)
        self._mark(self.end, True)
        self._links(self.end, self.end, self.end)
        self._name(0, b"INIT")
        self._name(self.end, b"INIT")
        if options.release > 3:
            self.data[: options.first] = bytes(options.first)
            self.data[: len(b"heap")] = b"heap"
            self.data[options.name_max] = 0x80 | 10
            for at in (options.heap_ptr - 7 * options.word, options.heap_ptr - 6 * options.word):
                self.word(at, self.base + 0x8000 + at)
            self.word(options.heap_ptr - 5 * options.word, 0x0800_1234)
        self.close()

    def alloc(self, wanted: int) -> int | None:
        """rt_smem_alloc: the address of the user's bytes."""
        header, least = self.options.header, self._aligned(3 * self.options.word)
        size = max(self._aligned(wanted), least)
        for index, item in enumerate(self.items):
            room = self.behind(index) - item.at - header
            if item.at < self.lfree or item.used or room < size or item.at >= self.size - size:
                continue
            if room >= size + header + least:
                self._split(index, item.at + header + size)
                self.used += size + header
            else:
                self.used += room + header
            item.used, self.most = True, max(self.most, self.used)
            self._mark(item.at, True)
            self._name(item.at, self.rng.choice(_THREADS))
            if item.at == self.lfree:
                self.lfree = next((one.at for one in self.items[index:] if not one.used), self.end)
            self.close()
            return self.base + self.options.first + item.at + header
        return None

    def free(self, user: int) -> None:
        """rt_smem_free."""
        index = self._index(user)
        item = self.items[index]
        item.used = False
        self._mark(item.at, False)
        self._name(item.at, b"")
        self.lfree = min(self.lfree, item.at)
        self.used -= self.behind(index) - item.at
        self._plug(index)
        self.close()

    def shrink(self, user: int, wanted: int) -> bool:
        """rt_smem_realloc to fewer bytes; returns whether the block is split."""
        index, wanted, header = self._index(user), self._aligned(wanted), self.options.header
        size = self.behind(index) - self.items[index].at - header
        if wanted + header + 3 * self.options.word >= size:
            return False
        self.used -= size - wanted
        rest = self.items[index].at + header + wanted
        self._split(index, rest)
        if self.options.release > 3:  # 3.1 does not
            self.lfree = min(self.lfree, rest)
        self._plug(index + 1)
        self.close()
        return True

    def behind(self, index: int) -> int:
        """Where the item behind another is."""
        return self.items[index + 1].at if index + 1 < len(self.items) else self.end

    def word(self, at: int, value: int) -> None:
        """Writes a word; `at` counts from the heap's address."""
        self.data[at : at + self.options.word] = value.to_bytes(self.options.word, "little")

    def close(self) -> None:
        """The object's own words."""
        if self.options.release == 3:
            return
        at, word, heap = self.options.heap_ptr, self.options.word, self.base + self.options.first
        values = (heap, self.size, self.used, self.most, heap, heap + self.end, heap + self.lfree, self.size)
        for index, value in enumerate(values):
            self.word(at + (index - 4) * word, value)

    def _aligned(self, size: int) -> int:
        return -(-size // self.options.align) * self.options.align

    def _index(self, user: int) -> int:
        at = user - self.base - self.options.first - self.options.header
        return next(index for index, item in enumerate(self.items) if item.at == at)

    def _mark(self, at: int, used: bool) -> None:
        at += self.options.first
        if self.options.release == 3:
            self.data[at : at + 4] = b"\xa0\x1e" + bytes([used, 0])
        else:
            pool = self.base & 0xFFFF_FFFE if self.options.release == 4 else self.base
            self.word(at, pool | used)

    def _links(self, at: int, following: int | None, before: int | None) -> None:
        link = self.options.first + at + self.options.link
        if following is not None:
            self.word(link, following)
        if before is not None:
            self.word(link + self.options.word, before)

    def _name(self, at: int, name: bytes) -> None:
        if self.options.named:
            word = self.options.word
            place = self.options.first + at + self.options.link + 2 * word
            self.data[place : place + word] = name[:word].ljust(word)

    def _split(self, index: int, rest: int) -> None:
        item, following = self.items[index], self.behind(index)
        self.items.insert(index + 1, Item(rest))
        self._mark(rest, False)
        self._links(rest, following, item.at)
        self._name(rest, b"")
        self._links(item.at, rest, None)
        if following != self.end:
            self._links(following, None, rest)

    def _plug(self, index: int) -> None:
        """plug_holes: forward, then backward."""
        if index + 1 < len(self.items) and not self.items[index + 1].used:
            self._join(index)
        if index and not self.items[index - 1].used:
            self._join(index - 1)

    def _join(self, index: int) -> None:
        item, gone = self.items[index], self.items.pop(index + 1)
        if self.lfree == gone.at:
            self.lfree = item.at
        if self.options.release > 3:
            self.word(self.options.first + gone.at, 0)
        self._links(item.at, self.behind(index), None)
        self._links(self.behind(index), None, item.at)

    def blocks(self) -> list[MadeBlock]:
        """Its blocks."""
        start, header = self.base + self.options.first, self.options.header
        spans = pairwise([*(item.at for item in self.items), self.end])
        return [
            MadeBlock(start + low + header, start + low + header, high - low - header, item.used)
            for item, (low, high) in zip(self.items, spans, strict=True)
        ]

    def own(self) -> list[tuple[int, int]]:
        """The items' words without names, what pads them and the last prev; the object's words of this heap, but for
        the most bytes that were ever in use, which nothing repeats.
        """
        start, options = self.base + self.options.first, self.options
        word, mark = options.word, 4 if options.release == 3 else options.word
        spans = []
        for at in (*(item.at for item in self.items), self.end):
            spans.append((start + at, start + at + mark))
            links = start + at + options.link
            spans.append((links, links + (word if at == self.end else 2 * word)))
        if options.release > 3:
            heap_ptr = self.base + options.heap_ptr
            spans += [(heap_ptr - 4 * word, heap_ptr - word), (heap_ptr, heap_ptr + 4 * word)]
        return spans

    def could_be(self, data: bytes) -> bool:
        """Whether only such bytes have changed that nothing repeats: `used` of 3.1, and lfree to another free block."""
        first = self.options.first
        if self.options.release == 3:
            unsure = {item.at + 2: item for item in self.items}
        else:
            lfree = self.options.heap_ptr + 2 * self.options.word
            to = int.from_bytes(data[lfree : lfree + self.options.word], "little") - self.base - first
            unsure = dict.fromkeys(range(lfree, lfree + self.options.word), Item(0))
            if all(item.used or item.at != to for item in self.items):
                return False
        for low, high in self.own():
            if any(
                data[at - self.base] != self.data[at - self.base]
                for at in range(low, high)
                if at - self.base not in unsure
            ):
                return False
        flags = [data[item.at + 2] for item in self.items] if self.options.release == 3 else []
        return all(flag <= 1 for flag in flags) and all(one | other for one, other in pairwise(flags))


def load(heap: SmallMem, calls: int) -> None:
    """Allocates, shrinks and frees as programs do, and fills what it was given."""
    rng, live = heap.rng, dict[int, int]()
    for _ in range(calls):
        turn = rng.random()
        if live and turn < 0.4:
            user = rng.choice(list(live))
            del live[user]
            heap.free(user)
        elif live and turn < 0.5:
            user = rng.choice(list(live))
            wanted = max(1, live[user] - rng.randrange(1, 200))
            if heap.shrink(user, wanted):
                live[user] = wanted
        else:
            wanted = rng.choice((16, 24, 40, 60, 100, 256, rng.randrange(1, 300)))
            given = heap.alloc(wanted)
            if given is not None:
                live[given] = wanted
                at = given - heap.base
                heap.data[at : at + wanted] = rng.randbytes(wanted) if rng.random() < 0.5 else bytes(wanted)


def heap_with(rng: Random, options: Options) -> SmallMem:
    """A heap after some hundred calls, in memory that had other uses, with a free block and a used one."""
    base = BASE + 16 * rng.randrange(4) + (0x12_0000_0000 if options.word == 8 and rng.random() < 0.5 else 0)
    heap = SmallMem(options, base, rng.choice((2048, 4096, 12000)), rng)
    load(heap, rng.randrange(60, 250))
    while all(item.used for item in heap.items) or not any(block.used and block.size >= 8 for block in heap.blocks()):
        users = [block.user for block in heap.blocks() if block.used]
        if all(item.used for item in heap.items):
            heap.free(rng.choice(users))
        else:
            heap.alloc(40)
    return heap


def make(rng: Random) -> Made:
    """A heap of any options."""
    return make_with(rng, rng.choice(ALL_OPTIONS))


def make_with(rng: Random, options: Options) -> Made:
    """The same of one form."""
    heap = heap_with(rng, options)
    name = f"rtthread-{options.release}-{8 * options.word}-{options.align}{'-named' if options.named else ''}"

    def sound(images: Images) -> bool:
        return heap.could_be(images[0][1])

    made, images = tuple(heap.blocks()), ((heap.base, bytes(heap.data)),)
    return Made(name, "rtthread_mem", heap.base, images, made, tuple(heap.own()), False, sound)
