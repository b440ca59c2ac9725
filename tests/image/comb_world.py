# SPDX-License-Identifier: Apache-2.0
"""A heap whose free blocks lie between used ones, like the gaps of a comb, with the owners of the used ones."""

from __future__ import annotations

from typing import Any

from gdbext.model.events import Frame
from gdbext.target.target import Target
from tests.docs.sentences.world import Symbols, world
from tests.support.ring import Ring
from tests.support.tlsf_image import Shape, payloads, shaped_image

BASE, RING = 0x3000_0000, 0x8001_0000
FORM = Shape(12, 4)
TOOTH, GAP, TEETH = 200, 600, 6
COMB = [size_used for _ in range(TEETH) for size_used in ((TOOTH, True), (GAP, False))]
HEAP = f"multi_heap@{BASE:#x}"
FRAME_CREATE, LOG_WRITE = 0x4200_1000, 0x4200_2000
NAMES = {FRAME_CREATE: ("frame_create", "src/load.c", 56), LOG_WRITE: ("log_write", "src/log.c", 7)}


class Named(Symbols):
    """A program with two functions."""

    def frames(self, pcs: tuple[int, ...]) -> Any:
        return tuple(Frame(pc, *NAMES[pc]) for pc in pcs)


def places() -> list[int]:
    """The payloads of the used blocks."""
    return [place for place, (_, used) in zip(payloads(BASE, COMB, FORM), COMB, strict=True) if used]


def comb(failed: int | None = None, traced: bool = True) -> Target:
    """The heap. The third block is log_write's, the others are frame_create's. `failed`: a request that failed last."""
    ring = Ring(RING, capacity=64)
    stacks = ring.stack(FRAME_CREATE), ring.stack(LOG_WRITE)
    for number, place in enumerate(places()):
        ring.event("alloc", place, TOOTH, stack=stacks[number == 2])
    if failed is not None:
        ring.event("alloc-failed", 0, failed, stack=stacks[0])
    images = [(BASE, shaped_image(BASE, COMB, FORM)), *([(RING, ring.data())] if traced else [])]
    return world(images, [HEAP], Named())
