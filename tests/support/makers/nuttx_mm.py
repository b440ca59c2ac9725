# SPDX-License-Identifier: Apache-2.0
"""NuttX's default allocator, by its model: every generation, small and of 64 bits, with backtraces, several regions."""

from __future__ import annotations

from random import Random

from tests.support.made import Made
from tests.support.nuttx_mm_image import FORMS, NuttxMm, load

PLACE = 0x2000_1000


def make(rng: Random) -> Made:
    """A heap with some hundred calls behind it.

    Left out of `own`: pids, sequence numbers and backtraces (any value is legal), mm_nregions and what heads hold
    besides a size and links (nobody reads it).
    """
    name = rng.choice([*FORMS])
    heap = heap_of(name, rng)
    load(heap, rng, rng.randrange(60, 300))
    if {block.used for block in heap.blocks()} != {True, False}:
        return make(rng)  # the last call has freed all there was
    return Made(name, "nuttx_mm", heap.place, tuple(heap.images()), tuple(heap.blocks()), tuple(heap.own()))


def heap_of(name: str, rng: Random) -> NuttxMm:
    """A fresh heap: with one region or some, its struct in front of the first or elsewhere."""
    form, place = FORMS[name], PLACE + rng.choice((0, 8, 24))
    most = rng.choice((1, 1, 2, 3))
    regions, start = [], (0x2000_3000 if rng.random() < 0.3 else None)
    for _ in range(rng.randrange(1, most + 1)):
        size = rng.choice((6000, 12000, 16000))
        if start is None:
            probe = NuttxMm(form, place, [(PLACE + 0x8000, 4096)], most, 5)
            start = -(-probe.end // 8) * 8
        regions.append((start, size))
        start += size + 0x3000
    return NuttxMm(form, place, regions, most, 5, rng)
