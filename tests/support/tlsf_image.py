# SPDX-License-Identifier: Apache-2.0
"""Builds images of multi_heap over the dynamic TLSF (facts/targets.md 2.1-2.3) of any size, for what the fixtures lack.

Nothing here is shared with the walker, so that a misreading shows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

INFO, CONTROL = 20, 36


def heap_image(base: int, blocks: Sequence[tuple[int, bool]], levels: int = 20, second: int = 4) -> bytes:
    """A heap at `base` of exactly these blocks (size, used) in address order, no two free ones adjacent."""
    lists = CONTROL + 4 * levels
    size = lists + (4 * levels << second)
    data = bytearray(INFO + size + 4 + sum(length + 4 for length, _ in blocks))
    heap = _Heap(base, data, levels, second, base + INFO + size)
    heap.fill(blocks)
    used = sum(length + 4 for length, is_used in blocks if is_used)
    pool_size = len(data) - INFO
    heap.words(base, 0, pool_size - size - used, pool_size - size - used, pool_size, base + INFO)
    return bytes(data)


class _Heap:
    def __init__(self, base: int, data: bytearray, levels: int, second: int, pool: int) -> None:
        self.base, self.data, self.levels, self.second, self.pool = base, data, levels, second, pool
        self.control = base + INFO
        self.bitmaps = self.control + CONTROL
        self.lists = self.bitmaps + 4 * levels

    def words(self, address: int, *values: int) -> None:
        struct.pack_into(f"<{len(values)}I", self.data, address - self.base, *values)

    def fill(self, blocks: Sequence[tuple[int, bool]]) -> None:
        free: dict[int, list[int]] = {}
        payload, previous_free = self.pool + 4, 0
        for length, used in blocks:
            self.words(payload - 4, length | (0 if used else 1) | previous_free << 1)
            previous_free = 0 if used else 1
            if not used:
                free.setdefault(self.slot(length), []).append(payload)
                self.words(payload + length - 4, payload - 8)
            payload += length + 4
        self.words(payload - 4, previous_free << 1)
        self.link(free)

    def slot(self, length: int) -> int:
        shift = self.second + 2
        if length < 1 << shift:
            return length >> 2
        top = length.bit_length() - 1
        return (top - shift + 1 << self.second) + ((length >> (top - self.second)) - (1 << self.second))

    def link(self, free: dict[int, list[int]]) -> None:
        shift = self.second + 2
        bits = self.levels | shift << 5 | (self.levels + shift - 1) << 8 | 1 << self.second << 14
        bits |= self.second << 20 | 1 << shift << 23
        seconds = [0] * self.levels
        for slot in range(self.levels << self.second):
            chain = [self.control, *(payload - 8 for payload in free.get(slot, ())), self.control]
            self.words(self.lists + 4 * slot, chain[1])
            for before, node, after in zip(chain, chain[1:], chain[2:], strict=False):
                self.words(node + 8, after, before)
                seconds[slot >> self.second] |= 1 << (slot & ((1 << self.second) - 1))
        first = sum(1 << level for level, word in enumerate(seconds) if word)
        size = self.pool - self.control
        self.words(self.control, 0, 0, self.control, self.control, bits, size, first, self.bitmaps, self.lists)
        self.words(self.bitmaps, *seconds)
