# SPDX-License-Identifier: Apache-2.0
"""A TLSF with several pools in one memory: what stands where, and its truth."""

from __future__ import annotations

from tests.support.tlsf_image import Blocks, Shape, places_from, pooled_image

BASE, RAM = 0x2000_0000, 0x1_0000
PLAIN, WIDE = Shape(20, 5, dynamic=False, multi=False), Shape(20, 5, dynamic=False, multi=False, word=8)
FULL = [(size, True) for size in (24, 64, 200, 32, 88, 1000, 40, 320) * 3]
LOADED = [(24, True), (64, False), (200, True), (32, True), (320, False), (88, True), (1000, True)]
Images = list[tuple[int, bytes]]


class Pools:
    """A control block with one pool behind it and others further on."""

    def __init__(self, shape: Shape, blocks: list[Blocks], gap: int, control: int = BASE) -> None:
        self.shape, self.control, self.starts = shape, control, list[int]()
        self.blocks = blocks
        place = control + shape.control
        for number in range(len(blocks)):
            self.starts.append(place)
            place = self.end(number) + gap
            place += -place % 16
        self.data = pooled_image(BASE, RAM, dict(zip(self.starts, blocks, strict=True)), shape, control)

    def end(self, number: int) -> int:
        """The address behind a pool."""
        return self.starts[number] + sum(size + self.shape.word for size, _ in self.blocks[number]) + self.shape.word

    def places(self, number: int) -> list[int]:
        """The payloads of a pool's blocks."""
        return places_from(self.starts[number] + self.shape.word, self.blocks[number], self.shape)

    @property
    def used(self) -> set[tuple[int, int]]:
        """Payload and size of every used block."""
        every = (pair for number in range(len(self.blocks)) for pair in self._pairs(number))
        return {(place, size) for place, size, used in every if used}

    def _pairs(self, number: int) -> list[tuple[int, int, bool]]:
        return [(place, *block) for place, block in zip(self.places(number), self.blocks[number], strict=True)]

    @property
    def apart(self) -> Images:
        """Control block and pools as images of their own."""
        spans = [(self.control, self.end(0)), *((self.starts[n], self.end(n)) for n in range(1, len(self.blocks)))]
        return [(low, self.data[low - BASE : high - BASE]) for low, high in spans]
