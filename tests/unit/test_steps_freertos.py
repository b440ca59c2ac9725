# SPDX-License-Identifier: Apache-2.0
"""What a damaged image costs where FreeRTOS is among the guesses, in calls of functions."""

from __future__ import annotations

import random
import struct
import sys
from typing import Any

import pytest

from gdbext.heap.registry import read_heap
from gdbext.model.region import Region
from gdbext.target.files import image_target
from tests.support.freertos_image import Shape, heap_4_image, payloads

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
    images, region = [(BASE, damaged(random.Random(seed)))], Region(kind, BASE)
    calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        calls[0] += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read_heap(image_target(images, [region]).bytes.memory(), region, {})
    finally:
        sys.setprofile(before)
    assert calls[0] <= 60 * len(images[0][1])
