# SPDX-License-Identifier: Apache-2.0
"""What a damaged image costs where FreeRTOS is among the guesses, in calls of functions."""

from __future__ import annotations

import random
import struct
from unittest.mock import patch

import pytest

from gdbext.heap.allocator import Named
from gdbext.heap.registry import read_heap
from gdbext.heap.search import search_file
from gdbext.model.region import Region
from gdbext.model.said import said
from gdbext.target.files import image_target
from tests.support.freertos_image import Shape, heap_4_image, payloads
from tests.support.steps import steps_of

BASE, SIZE = 0x2000_0000, 40 << 10


def damaged(choose: random.Random) -> bytes:
    """A heap_4 of 40 KiB whose blocks hold text, noise or small numbers, with some dozens of damaged places."""
    blocks, left = list[tuple[int, bool]](), SIZE - 16
    while left > 3000:
        used = choose.random() < 0.7 or (bool(blocks) and not blocks[-1][1])
        blocks.append((choose.randrange(8, 300) // 8 * 8, used))
        left -= blocks[-1][0] + 8
    blocks += [(left // 2 // 8 * 8, True), (left // 3 // 8 * 8, False)]
    data, places = bytearray(heap_4_image(BASE, blocks, Shape())), payloads(BASE, blocks, Shape())
    for (size, _), place in zip(blocks, places, strict=True):
        numbers = struct.pack("<8I", *(choose.choice((0, 16, 24, BASE + 8 * choose.randrange(999))) for _ in range(8)))
        filler = choose.choice((b"text of a user ", choose.randbytes(64), numbers))
        data[place - BASE : place - BASE + size] = (filler * (size // len(filler) + 1))[:size]
    for place in choose.sample(places, 30):
        length = choose.choice((8, 8, 40, 400))
        data[place - 8 - BASE : place - 8 - BASE + length] = choose.choice((bytes(length), choose.randbytes(length)))
    return bytes(data)


@pytest.mark.parametrize("kind", ["auto", "freertos_heap_4", "freertos_heap_5"])
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_image_takes_a_bounded_number_of_steps(kind: str, seed: int) -> None:
    """Every pointer size, byte order, kind and alignment is tried, and each walks through the damage."""
    images = [(BASE, damaged(random.Random(seed)))]
    assert steps(images, Region(kind, BASE)) <= (80 if kind == "auto" else 60) * len(images[0][1])


def test_parts_of_a_heap_are_looked_for_in_a_bounded_number_of_bytes() -> None:
    """Free blocks lead to other ranges, whose every word may be a size. Each guess at a part searches through them."""
    blocks = [(96, True), (64, False)] * 40
    image, places = bytearray(heap_4_image(BASE, blocks, Shape())), payloads(BASE, blocks, Shape())
    images = []
    for number, place in enumerate(places[1:9:2], 1):
        far = BASE + (number << 20)
        image[place - 8 - BASE : place - 4 - BASE] = struct.pack("<I", far)
        first = struct.pack("<2I96x", 0, 104 | 1 << 31)
        images.append((far, first * 3 + struct.pack("<2I", 0, 13) + struct.pack("<4I", 16, 24, 2048, 96) * 1000))
    region, most = Region("freertos_heap_5", BASE), 1 << 16
    with patch("gdbext.heap.freertos.heap_4._MOST_SEARCHED", most):
        memory = image_target([(BASE, bytes(image)), *images], [region]).bytes.memory()
        read_heap(memory, region, {})
    assert most < memory.searched <= 8 * most
    assert said("freertos-parts", most=most) in memory.remarks()


def test_variables_in_many_ranges_take_a_bounded_number_of_steps() -> None:
    """A core may have thousands of ranges, and each of their words may be heap_2's end."""
    heap = bytes(4) + struct.pack("<I", 24 | 1 << 31) + bytes(16)
    images = [(BASE, heap * 200), *((BASE + (1 + at << 16), bytes(16)) for at in range(3000))]
    assert steps(images, Region("freertos_heap_2", BASE)) <= 1_600_000


def test_words_that_lead_on_like_headers_take_a_bounded_number_of_steps() -> None:
    """The same page again and again: its sizes lead from each to the next, and many more of its words may be sizes."""
    free = struct.pack("<2I", 0x1234_5678, 32) + struct.pack("<2I", 16, 24) * 3
    page = free * 7 + struct.pack("<2I", 0, 0xF20 | 1 << 31) + struct.pack("<4I", 16, 24, 2048, 96) * 241 + bytes(8)
    images = [(BASE, page * 95 + page[:-16])]
    assert steps_of(lambda: search_file(image_target(images).bytes.memory())) <= 15 * len(images[0][1])


def test_many_ranges_that_may_be_heaps_take_a_bounded_number_of_steps() -> None:
    """Each of 300 ranges begins like a heap; the search looks into some of them, and says so."""
    some = b"".join(struct.pack("<2I8x", 0, 16 | 1 << 31) for _ in range(5)) + struct.pack("<2I", 0x1234_5678, 0)
    images = [(BASE + (at << 16), some + bytes(64)) for at in range(300)]
    found: list[Named] = []
    used = steps_of(lambda: found.append(search_file(image_target(images).bytes.memory())))
    assert used <= 130 * sum(len(data) for _, data in images)
    assert said("freertos-candidates", places=32) in found[0].problems


def steps(images: list[tuple[int, bytes]], region: Region) -> int:
    """What reading one heap takes."""
    return steps_of(lambda: read_heap(image_target(images, [region]).bytes.memory(), region, {}))
