# SPDX-License-Identifier: Apache-2.0
"""What a heap_4 on a live target costs in bytes, and that it is judged as if all of it were read."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from gdbext.analyse.rules import run_rules
from gdbext.heap.facts import HeapFacts
from gdbext.heap.registry import read_heap
from gdbext.model.region import Region
from gdbext.source.memory import Memory
from tests.support.freertos_image import Shape, heap_4_image, payloads
from tests.unit.live import Live

BASE, SIZE = 0x2000_0000, 2 << 20


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read must not hang on how busy the machine is."""
    monkeypatch.setattr("gdbext.source.memory.time.monotonic", lambda: 0.0)


def sound_heap() -> tuple[bytearray, list[int]]:
    """Some dozens of blocks, a free one of 1.9 MB, and a used one behind it."""
    choose = random.Random(4)
    blocks = [(choose.randrange(8, 3000) // 8 * 8, number % 5 != 4) for number in range(44)]
    left = SIZE - len(heap_4_image(BASE, [*blocks, (64, True)], Shape()))
    blocks += [((left - 8) // 8 * 8, False), (64, True)]
    return bytearray(heap_4_image(BASE, blocks, Shape())), payloads(BASE, blocks, Shape())


def judged(data: bytearray, plan: str) -> tuple[Live, Any]:
    source = Live(BASE, data)
    heap = read_heap(Memory(source, plan=plan), Region("freertos_heap_4", BASE, end=BASE + SIZE), {})
    assert isinstance(heap, HeapFacts)
    faults, _ = run_rules(heap)
    return source, (list(heap.walk.payloads), list(heap.walk.words), [(one.rule, one.address) for one in faults])


def test_the_inside_of_a_free_block_is_not_read() -> None:
    data, places = sound_heap()
    source, found = judged(data, "auto")
    _, whole = judged(data, "bulk")
    assert found == whole == (places, found[1], [])
    assert source.bytes < SIZE // 8


@pytest.mark.parametrize("what", ["pointer", "marker", "size", "overflow"])
def test_damage_is_judged_as_if_all_were_read(what: str) -> None:
    data, places = sound_heap()
    at = places[20] - 8 - BASE
    if what == "pointer":
        free = places[44] - 8 - BASE
        data[free : free + 4] = struct.pack("<I", BASE + 64)
    elif what == "marker":
        data[-4:] = b"\x07\0\0\0"
    elif what == "size":
        data[at + 4 : at + 8] = struct.pack("<I", 0x4141_4141)
    else:
        data[at - 16 : at + 8] = b"\xa5" * 24
    _, found = judged(data, "auto")
    _, whole = judged(data, "bulk")
    assert found == whole
    assert found[2]
