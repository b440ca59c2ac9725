# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS's heap_2, by its model."""

from __future__ import annotations

from random import Random

from tests.support.heap_2_image import Build, Heap2, load
from tests.support.made import Made, MadeBlock


def make(rng: Random) -> Made:
    """A heap of one width and alignment with some hundred calls behind it."""
    build = Build(align=rng.choice((8, 16)))
    heap = Heap2(0x2000_1000 + rng.choice((0, 4, 8)), rng.choice((4096, 8192, 16384)), build)
    load(heap, rng, rng.randrange(60, 400))
    header = build.header
    blocks = tuple(MadeBlock(payload, payload, size, used) for payload, size, used in heap.blocks())
    words = tuple((one.raw - header, one.raw - header + 2 * build.word) for one in blocks)
    return Made(
        "heap_2", "freertos_heap_2", heap.first, tuple(heap.images()), blocks, words
    )  # xStart and xEnd are known by their symbols alone
