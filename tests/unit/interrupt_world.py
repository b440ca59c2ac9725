# SPDX-License-Identifier: Apache-2.0
"""Heaps whose blocks an interrupt has allocated, by the trace."""

from __future__ import annotations

from typing import Any

from tests.docs.sentences.world import ask, check, option, world
from tests.image.proofs.threadx_pool import sound
from tests.support import fixtures
from tests.support.freertos_image import Shape, heap_4_image, payloads
from tests.support.ring import Ring

HEAP, RING = 0x2000_0000, 0x8001_0000
BLOCKS = [(64, True), (48, False), (64, True), (32, True), (128, False)]
PLACES = payloads(HEAP, BLOCKS, Shape())
INTERRUPT, TASK = 1, 3


def ring(*calls: tuple[str, int, int]) -> tuple[int, bytes]:
    """A trace with these calls: kind, address and context."""
    made = Ring(address=RING, capacity=32, names=[(1, ""), (1, ""), (1, ""), (1, "main")])
    for number, (kind, address, context) in enumerate(calls):
        stack = made.stack(0x4200_1000 + 16 * number)
        made.event(kind, address, 8 if kind == "alloc" else 0, stack=stack, context=context)
    return RING, made.data()


def in_heap_4(*calls: tuple[str, int, int], link: int | None = None) -> Any:
    """The report on a heap_4. `link`: where its first free block's next pointer leads, in place of the last block."""
    image = bytearray(heap_4_image(HEAP, BLOCKS, Shape()))
    if link is not None:
        at = PLACES[1] - 8 - HEAP
        image[at : at + 4] = link.to_bytes(4, "little")
    return check([(HEAP, bytes(image)), ring(*calls)], f"freertos_heap_4@{HEAP:#x}", None, "--ring", hex(RING))[0]


def in_byte_pool() -> Any:
    """The report on a byte pool of ThreadX."""
    made = sound()
    block = next(one.user for one in made.blocks if one.used)
    return check([*made.images, ring(("alloc", block, INTERRUPT))], made.option, None, "--ring", hex(RING))[0]


def in_multi_heap() -> Any:
    """The report on a heap of ESP-IDF, whose calls keep interrupts out."""
    case = fixtures.case("a005")
    images = [(image.base, image.data) for image in case.images]
    blocks = ask(world(images, [option("a005")]), "check", "--blocks", heap=option("a005")).heaps[0].blocks
    block = next(one.payload for one in blocks if one.state == "used")
    return check([*images, ring(("alloc", block, INTERRUPT))], option("a005"), None, "--ring", hex(RING))[0]
