# SPDX-License-Identifier: Apache-2.0
"""Builds images of TLSF heaps (facts/targets.md 2.1-2.3) of any size, width and table, for what fixtures lack.

Nothing here is shared with the walker, so that a misreading shows.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

INFO_WORDS, DYNAMIC = 5, 36

Blocks = Sequence[tuple[int, bool]]  # size and whether it is used, in address order, no two free ones adjacent


@dataclass(frozen=True)
class Shape:
    """Which TLSF: `levels` first-level lists of 2**second each; dynamic constants, or static ones."""

    levels: int = 20
    second: int = 4
    dynamic: bool = True
    multi: bool = True
    word: int = 4
    order: str = "<"

    @property
    def shift(self) -> int:
        """log2 of the smallest size beyond the first level."""
        if self.dynamic:
            return self.second + 2
        return 7 if self.word == 4 else 8

    @property
    def info(self) -> int:
        """Bytes in front of the control block."""
        return INFO_WORDS * self.word if self.multi else 0

    @property
    def bitmaps(self) -> int:
        """Offset of the second-level bitmaps in the control block."""
        return DYNAMIC if self.dynamic else 4 * self.word + 4

    @property
    def lists(self) -> int:
        """Offset of the lists' heads in the control block."""
        return (self.bitmaps + 4 * self.levels + self.word - 1) // self.word * self.word

    @property
    def control(self) -> int:
        """Size of the control block."""
        return self.lists + (self.word * self.levels << self.second)

    def slot(self, length: int) -> int:
        """The list of a free block."""
        if length < 1 << self.shift:
            return length >> (self.shift - self.second)
        top = length.bit_length() - 1
        return (top - self.shift + 1 << self.second) + ((length >> (top - self.second)) - (1 << self.second))


def heap_image(base: int, blocks: Blocks, levels: int = 20, second: int = 4) -> bytes:
    """A multi_heap over a dynamic TLSF at `base` of exactly these blocks."""
    return shaped_image(base, blocks, Shape(levels, second))


def shaped_image(base: int, blocks: Blocks, shape: Shape) -> bytes:
    """A heap of a shape at `base` of exactly these blocks."""
    data = bytearray(shape.info + shape.control + shape.word + sum(length + shape.word for length, _ in blocks))
    heap = _Heap(base, data, shape)
    heap.fill(blocks)
    if shape.multi:
        used = sum(length + shape.word for length, is_used in blocks if is_used)
        pool_size = len(data) - shape.info
        free = pool_size - shape.control - used
        heap.words(base, 0, free, free, pool_size, base + shape.info)
    return bytes(data)


def pooled_image(base: int, length: int, pools: Mapping[int, Blocks], shape: Shape, control: int) -> bytes:
    """Memory from `base` on that holds a control block and pools, each at the address of its first byte."""
    data = bytearray(bytes(range(1, 251)) * (length // 250 + 1))[:length]
    heap = _Heap(base, data, replace(shape, multi=False))
    heap.control, free = control, dict[int, list[int]]()
    data[control - base : control - base + shape.control] = bytes(shape.control)
    for start, blocks in pools.items():
        heap.fill_pool(start + shape.word, blocks, free)
    heap.link(free)
    return bytes(data)


def payloads(base: int, blocks: Blocks, shape: Shape) -> list[int]:
    """Where the blocks of `shaped_image` lie."""
    return places_from(base + shape.info + shape.control + shape.word, blocks, shape)


def places_from(first: int, blocks: Blocks, shape: Shape) -> list[int]:
    """Where blocks lie that follow each other, the first at `first`."""
    places, place = [], first
    for length, _ in blocks:
        places.append(place)
        place += length + shape.word
    return places


class _Heap:
    def __init__(self, base: int, data: bytearray, shape: Shape) -> None:
        self.base, self.data, self.shape = base, data, shape
        self.control = base + shape.info

    def words(self, address: int, *values: int) -> None:
        kind = "I" if self.shape.word == 4 else "Q"
        struct.pack_into(f"{self.shape.order}{len(values)}{kind}", self.data, address - self.base, *values)

    def words32(self, address: int, *values: int) -> None:
        struct.pack_into(f"{self.shape.order}{len(values)}I", self.data, address - self.base, *values)

    def fill(self, blocks: Blocks) -> None:
        free = dict[int, list[int]]()
        self.fill_pool(self.control + self.shape.control + self.shape.word, blocks, free)
        self.link(free)

    def fill_pool(self, first: int, blocks: Blocks, free: dict[int, list[int]]) -> None:
        word, previous_free = self.shape.word, 0
        for payload, (length, used) in zip(places_from(first, blocks, self.shape), blocks, strict=True):
            self.words(payload - word, length | (0 if used else 1) | previous_free << 1)
            previous_free = 0 if used else 1
            if not used:
                free.setdefault(self.shape.slot(length), []).append(payload)
                self.words(payload + length - word, payload - 2 * word)
        end = first + sum(length + word for length, _ in blocks)
        self.words(end - word, previous_free << 1)

    def link(self, free: dict[int, list[int]]) -> None:
        shape, seconds = self.shape, [0] * self.shape.levels
        for slot in range(shape.levels << shape.second):
            nodes = [payload - 2 * shape.word for payload in free.get(slot, ())]
            chain = [self.control, *nodes, self.control]
            self.words(self.control + shape.lists + shape.word * slot, chain[1])
            for before, node, after in zip(chain, chain[1:], chain[2:], strict=False):
                self.words(node + 2 * shape.word, after, before)
                seconds[slot >> shape.second] |= 1 << (slot & ((1 << shape.second) - 1))
        self.words(self.control, 0, 0, self.control, self.control)
        first = sum(1 << level for level, word in enumerate(seconds) if word)
        self.words32(self.control + shape.bitmaps, *seconds)
        if not shape.dynamic:
            self.words32(self.control + 4 * shape.word, first)
            return
        bits = shape.levels | shape.shift << 5 | (shape.levels + shape.shift - 1) << 8 | 1 << shape.second << 14
        bits |= shape.second << 20 | 1 << shape.shift << 23
        tables = (self.control + shape.bitmaps, self.control + shape.lists)
        self.words32(self.control + 16, bits, shape.control, first, *tables)
