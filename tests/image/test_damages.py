# SPDX-License-Identifier: Apache-2.0
"""Seeded damage to clean heaps of every layout: verdict, place and the blocks that were not hit must be right.

The seeds are a sample; `tests.support.damages` says what is done. What no walk can decide is left out: behind a size
word that was overwritten, what is left of an older block may look like a block as much as the true one does. So blocks
may be missing in few cases, counted over all; a wrong verdict or place never.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from random import Random

import pytest

from tests.image.ask import check
from tests.support import damages, fixtures, freertos_image, tlsf_image
from tests.support.damages import Held, Subject

SEEDS = range(1)
_LARGEST = 45_000
# One case in so many, and one more, may lack a block; between two damages no chain may lead to the end.
_RARE = 25
_MAY_LACK = {"two-at-once": 4}


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


def cases(kind: str) -> Iterator[tuple[str, list[str]]]:
    """What is wrong with the report of each seed and subject."""
    for subject in subjects():
        for seed in SEEDS:
            damage = damages.make(kind, subject, Random(f"{subject.name}/{kind}/{seed}"))
            if damage is not None:
                report = check(damage.images(subject), subject.option)
                yield f"{subject.name} {seed}", damages.problems(subject, damage, report)


def test_the_intact_heaps_are_clean() -> None:
    for subject in subjects():
        (heap,) = check(list(subject.images), subject.option)["heaps"]
        assert (subject.name, heap["status"], heap["findings"]) == (subject.name, "clean", [])
        listed = {(block["payload"], block["size"]) for block in heap["blocks"] if block["state"] == "used"}
        assert listed == {(block.payload, block.size) for block in subject.used}


NEAR_THE_END = [("a069", 1), ("a071", 1), ("a073", 1), ("a073", 2), ("a073", 3), ("a083", 2), ("a083", 3), ("a102", 1)]


@pytest.mark.parametrize(("case_id", "from_end"), NEAR_THE_END)
def test_a_cleared_header_is_no_end(case_id: str, from_end: int) -> None:
    """Where few blocks or none follow, a variable that leads to the true end tells, or the chain past the false one."""
    case = fixtures.case(case_id)
    region = case.images[0]
    images = [(image.base, bytearray(image.data)) for image in case.images]
    before = check([(base, bytes(data)) for base, data in images], case.heap.option)["heaps"][0]["blocks"]
    block = [one for one in before if region.base <= one["raw"] < region.base + region.length][-from_end]
    header = block["raw"] - case.heap.header_bytes - region.base
    images[0][1][header : header + case.heap.header_bytes] = bytes(case.heap.header_bytes)
    (heap,) = check([(base, bytes(data)) for base, data in images], case.heap.option)["heaps"]
    assert heap["status"] == "damaged"
    told = {finding["block"] for finding in heap["findings"]}
    assert block["raw"] in told
    used = [one for one in before if one["state"] == "used" and one is not block]
    assert [one for one in used if one not in heap["blocks"]] == []


@pytest.mark.parametrize("kind", damages.MAKERS)
def test_damage_is_told_as_it_is(kind: str) -> None:
    found = dict(cases(kind))
    wrong = {name: [text for text in problems if "block 0x" not in text] for name, problems in found.items()}
    assert {name: problems for name, problems in wrong.items() if problems} == {}
    missing = [name for name, problems in found.items() if problems]
    assert len(missing) <= _MAY_LACK.get(kind, 1) + len(found) // _RARE, missing
