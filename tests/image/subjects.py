# SPDX-License-Identifier: Apache-2.0
"""Intact heaps of every layout, to be damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from tests.image.ask import check
from tests.support import damages, fixtures, freertos_image, tlsf_image
from tests.support.damages import Held, Subject

_LARGEST = 45_000


def of_fixtures() -> Iterator[Subject]:
    """Every clean fixture that is not large and has more than a few blocks."""
    for case in fixtures.load_cases():
        small = case.images[0].length < _LARGEST and len(case.truth.blocks) > 5
        if case.damage_kind == "none" and small and not (case.more_heaps or case.truth.incomplete):
            images = [(image.base, image.data) for image in case.images]
            yield damages.of_case(case, check(images, case.heap.option))


SIZES = [(24, True), (40, False), (64, True), (88, True), (320, False), (200, True), (32, True), (1000, True)]
BASE = 0x2000_0000


BLOCKS = (*SIZES * 8, (4000, False))


def of_tlsf(name: str, shape: tlsf_image.Shape, blocks: Sequence[tuple[int, bool]] = BLOCKS) -> Subject:
    """A TLSF that no fixture has."""
    data = tlsf_image.shaped_image(BASE, blocks, shape)
    places = tlsf_image.payloads(BASE, blocks, shape)
    control, word = BASE + shape.info, shape.word
    return Subject(
        name, f"{'multi_heap' if shape.multi else 'tlsf'}@{BASE:#x}", ((BASE, data),), word, shape.order,
        tuple(Held(place, place, size, used) for place, (size, used) in zip(places, blocks, strict=True)), word,
        align=word, control=control, lists=(control + shape.lists, control + shape.control),
        bitmaps=(control + shape.bitmaps, control + shape.bitmaps + 4 * shape.levels),
        first_bitmap=control + (24 if shape.dynamic else 4 * word), info=BASE if shape.multi else None,
        dynamic=shape.dynamic,
    )  # fmt: skip


HOLE = 4096


def of_two_pools(name: str, shape: tlsf_image.Shape, apart: bool) -> Subject:
    """A TLSF with a hole between its two pools: a block's inside whose header is made an end marker."""
    one = of_tlsf(name, shape, [*SIZES * 3, (HOLE, True), *SIZES * 2, (4000, False)])
    hole = next(block for block in one.blocks if block.size == HOLE)
    ((base, image),) = one.images
    data, end, behind = bytearray(image), hole.raw - base, hole.raw - base + HOLE
    data[end - one.word : behind] = one.packed(one.get(hole.raw - one.word) & 2) + bytes([0xA5]) * HOLE
    parts = ((base, bytes(data[:end])), (base + behind, bytes(data[behind:])))
    blocks = tuple(block for block in one.blocks if block is not hole)
    return replace(one, images=parts if apart else ((base, bytes(data)),), blocks=blocks)


def of_freertos(name: str, shape: freertos_image.Shape) -> Subject:
    """A heap_4 that no fixture has."""
    blocks = [(size + 16 - size % 16, used) for size, used in [*SIZES * 8, (4000, False)]]
    data = freertos_image.heap_4_image(BASE, blocks, shape)
    places = freertos_image.payloads(BASE, blocks, shape)
    held = tuple(Held(place, place, size, used) for place, (size, used) in zip(places, blocks, strict=True))
    return Subject(
        name, f"freertos_heap_4@{BASE:#x}", ((BASE, data),), shape.word, shape.order, held, shape.header,
        freertos=True, align=shape.align,
    )  # fmt: skip


@lru_cache(maxsize=1)
def subjects() -> tuple[Subject, ...]:
    tlsf, heap_4 = tlsf_image.Shape, freertos_image.Shape
    return (
        *of_fixtures(),
        of_tlsf("dynamic-big-endian", tlsf(10, 3, order=">")),
        of_tlsf("static-25-levels", tlsf(25, 5, dynamic=False)),
        of_tlsf("plain-9-levels", tlsf(9, 5, dynamic=False, multi=False)),
        of_tlsf("plain-big-endian", tlsf(24, 5, dynamic=False, multi=False, order=">")),
        of_tlsf("plain-64-big-endian", tlsf(25, 5, dynamic=False, multi=False, word=8, order=">")),
        of_two_pools("pools-apart", tlsf(20, 5, dynamic=False, multi=False), apart=True),
        of_two_pools("pools-together", tlsf(10, 3, multi=False), apart=False),
        of_two_pools("pools-64", tlsf(24, 5, dynamic=False, multi=False, word=8), apart=True),
        of_freertos("heap-4-big-endian", heap_4(order=">")),
        of_freertos("heap-4-align-16", heap_4(align=16)),
        of_freertos("heap-4-64-protector", heap_4(word=8, align=16, canary=0x9E3779B97F4A7C15, masked_null=True)),
    )
