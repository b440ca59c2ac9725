# SPDX-License-Identifier: Apache-2.0
"""Builds the memory of a NuttX program with its TLSF: g_mmheap, struct mm_heap_s, the control block, the regions."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.support.tlsf_image import Blocks, Shape, places_from, pooled_image

STATICS, HEAP = 0x8003_0000, 0x8003_1000
SHAPE = Shape(25, 5, dynamic=False, multi=False)
LOCK_WORDS, PROCFS_WORDS = 4, 6


class NuttX:
    """A program's heap: `blocks` for each region, the first behind the control block, others `apart` further on."""

    def __init__(self, *regions: Blocks, most: int = 1, heap: int = HEAP, apart: int = 0x8000, behind: int = 0) -> None:
        self.heap, self.regions, self.word = heap, regions, SHAPE.word
        self.struct_words = LOCK_WORDS + 3 + 2 * most + (most > 1) + 2 + PROCFS_WORDS
        self.control = heap + 4 * self.struct_words
        self.starts = [self.control + SHAPE.control]
        while len(self.starts) < len(regions):
            self.starts.append((self.end(len(self.starts) - 1) + apart + 15) & -16)
        self.end_of_image = self.end(len(regions) - 1) + behind
        pools = dict(zip(self.starts, regions, strict=True))
        self.data = bytearray(pooled_image(heap, self.end_of_image - heap, pools, SHAPE, self.control))
        ends = [self.end(number) for number in range(len(regions))]
        unused = [0] * (most - len(regions))
        total = sum(end - start for start, end in zip(self.starts, ends, strict=True))
        words = [0] * LOCK_WORDS + [total, total // 2, total // 3]
        self.place_of_start = heap + 4 * len(words)
        words += [*self.starts, *unused, *ends, *unused, *([len(regions)] if most > 1 else [])]
        self.mm_tlsf, self.mm_delaylist = heap + 4 * len(words), heap + 4 * len(words) + 4
        words += [self.control, 0, STATICS + 0x40, heap, 0, 0, 0, 0]
        assert len(words) == self.struct_words
        self.put(heap, *words)
        self.root = heap

    def end(self, number: int) -> int:
        """The address behind a region."""
        return self.starts[number] + sum(size + 4 for size, _ in self.regions[number]) + 4

    def payloads(self, number: int = 0) -> list[int]:
        """Where a region's blocks lie."""
        return places_from(self.starts[number] + 4, self.regions[number], SHAPE)

    def put(self, address: int, *words: int) -> None:
        """Write words."""
        struct.pack_into(f"<{len(words)}I", self.data, address - self.heap, *words)

    def word_at(self, address: int) -> int:
        """Read a word."""
        return int(struct.unpack_from("<I", self.data, address - self.heap)[0])

    def images(self, cut: int | None = None) -> Sequence[tuple[int, bytes]]:
        """The statics, which have g_mmheap and g_idle_topstack, and the heap's memory up to `cut`."""
        statics = struct.pack("<2I", self.root, self.heap) + bytes(0x78)
        data = bytes(self.data if cut is None else self.data[: cut - self.heap])
        return [(STATICS, statics), (self.heap, data)]
