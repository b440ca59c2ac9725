# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS's heap_2 and heap_1 as models that write the bytes which the allocators would write.

    heap = Heap2(0x20001000, 16384, Build(marked=False))    # or Heap1(...)
    load(heap, Random(1), 400)                                 # a seeded life of mallocs and frees
    heap.images()                                               # the array, and the variables beside it

Each keeps its own books (`used`: pointer to size behind it), which are the truth; the walker reads only the bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from random import Random

STATICS = 0x2000_0000


@dataclass(frozen=True)
class Build:
    """How an allocator was built: width, alignment and byte order; heap_2: with the allocated bit (V10.5 and later)."""

    word: int = 4
    align: int = 8
    order: str = "<"
    marked: bool = True
    skip: bool = False  # older versions skip a whole alignment where the array is aligned already
    clear: bool = False  # configHEAP_CLEAR_MEMORY_ON_FREE

    @property
    def header(self) -> int:
        """Bytes of a block header of heap_2."""
        return (2 * self.word + self.align - 1) // self.align * self.align

    def first(self, array: int) -> int:
        """The aligned start of an array."""
        return (array + (self.align if self.skip else self.align - 1)) // self.align * self.align


class Array:
    """The array of an allocator and the variables beside it, as bytes."""

    def __init__(self, array: int, total: int, build: Build) -> None:
        self.array, self.total, self.build = array, total, build
        self.first = build.first(array)
        self.adjusted = total - build.align
        self.parts = {array: bytearray(total), STATICS: bytearray(128)}
        self.used: dict[int, int] = {}

    def get(self, address: int) -> int:
        """A word of memory."""
        base = max(base for base in self.parts if base <= address)
        return int(struct.unpack_from(self._kind, self.parts[base], address - base)[0])

    def put(self, address: int, *values: int) -> None:
        """Writes words."""
        base = max(base for base in self.parts if base <= address)
        for place, value in enumerate(values):
            struct.pack_into(self._kind, self.parts[base], address - base + place * self.build.word, value)

    @property
    def _kind(self) -> str:
        return self.build.order + ("I" if self.build.word == 4 else "Q")

    def images(self, statics: bool = True) -> list[tuple[int, bytes]]:
        """The bytes of memory, with or without the variables."""
        return [(base, bytes(data)) for base, data in self.parts.items() if statics or base != STATICS]


class Heap2(Array):
    """heap_2: first fit in a list that is ordered by size; nothing is joined."""

    def __init__(self, array: int, total: int, build: Build) -> None:
        super().__init__(array, total, build)
        word = build.word
        self.start, self.end, self.remaining = STATICS + 8 * word, STATICS + 10 * word, STATICS + 4 * word
        self.allocated = 1 << 8 * word - 1 if build.marked else 0
        self.put(self.start, self.first, 0)
        self.put(self.end, 0, self.adjusted)
        self.put(self.remaining, self.adjusted)
        self.put(self.first, self.end, self.adjusted)

    def malloc(self, wanted: int) -> int | None:
        """A block, or None where none fits."""
        build = self.build
        size = (wanted + build.header + build.align - 1) // build.align * build.align
        before, block = self.start, self.get(self.start)
        while block != self.end and self.get(block + build.word) < size:
            before, block = block, self.get(block)
        if block == self.end:
            return None
        self.put(before, self.get(block))
        left = self.get(block + build.word) - size
        if left > 2 * build.header:
            self.put(block + build.word, size)
            self.put(block + size + build.word, left)
            self.insert(block + size)
        size = self.get(block + build.word)
        self.put(self.remaining, self.get(self.remaining) - size)
        if build.marked:
            self.put(block, 0, size | self.allocated)
        self.used[block + build.header] = size - build.header
        return block + build.header

    def insert(self, block: int) -> None:
        """Puts a block on the list, in front of the first that is as large."""
        word, size, before = self.build.word, self.get(block + self.build.word), self.start
        while self.get(self.get(before) + word) < size:
            before = self.get(before)
        self.put(block, self.get(before))
        self.put(before, block)

    def free(self, payload: int) -> None:
        """Gives a block back; a second time too, as without the allocated bit nothing keeps one from it."""
        block = payload - self.build.header
        size = self.get(block + self.build.word) & ~self.allocated
        self.put(block + self.build.word, size)
        if self.build.clear:
            base = self.parts[self.array]
            base[payload - self.array : block + size - self.array] = bytes(size - self.build.header)
        self.insert(block)
        self.put(self.remaining, self.get(self.remaining) + size)
        self.used.pop(payload, None)

    def blocks(self) -> list[tuple[int, int, bool]]:
        """Payload, size and whether it is used, of every block in address order."""
        found, block, header = [], self.first, self.build.header
        while block < self.first + self.adjusted:
            size = self.get(block + self.build.word) & ~self.allocated
            found.append((block + header, size - header, block + header in self.used))
            block += size
        return found


class Heap1(Array):
    """heap_1: a counter, and nothing in the heap but what its users write."""

    def __init__(self, array: int, total: int, build: Build) -> None:
        super().__init__(array, total, build)
        self.next_byte, self.aligned = STATICS + 4 * build.word, STATICS + 6 * build.word

    def malloc(self, wanted: int) -> int | None:
        """A piece, or None where none is left."""
        build = self.build
        size, taken = (wanted + build.align - 1) // build.align * build.align, self.get(self.next_byte)
        self.put(self.aligned, self.first)
        if not size or taken + size >= self.adjusted:
            return None
        self.put(self.next_byte, taken + size)
        self.used[self.first + taken] = size
        return self.first + taken


def load(heap: Heap2, rng: Random, steps: int, largest: int = 300) -> None:
    """A life of mallocs and frees; users fill their blocks with what they like, small numbers and pointers too."""
    base = heap.parts[heap.array]
    for _ in range(steps):
        if heap.used and rng.random() < 0.45:
            heap.free(rng.choice(list(heap.used)))
            continue
        payload = heap.malloc(rng.choice((1, 8, 24, 40, rng.randrange(1, largest))))
        if payload is not None:
            size = heap.used[payload]
            words = [rng.choice((0, 24, 0xFFFFFFFF, payload, rng.getrandbits(32))) for _ in range(size // 4)]
            base[payload - heap.array : payload - heap.array + 4 * len(words)] = struct.pack(
                f"{heap.build.order}{len(words)}I", *words
            )
