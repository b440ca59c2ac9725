# SPDX-License-Identifier: Apache-2.0
"""What a large damaged TLSF costs a live target, in reads and bytes, and that it is judged as if all were read."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any

import pytest

from gdbext.heap.facts import HeapFacts
from gdbext.heap.registry import read_heap
from gdbext.model.region import Region
from gdbext.source.memory import Memory
from tests.support.tlsf_image import Shape, payloads, shaped_image
from tests.unit.live import Live

BASE, SIZE = 0x8010_0000, 8 << 20
SHAPE = Shape()
Blocks = list[tuple[int, bool]]


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read must not hang on how busy the machine is."""
    monkeypatch.setattr("gdbext.source.memory.time.monotonic", lambda: 0.0)


def few(choose: random.Random) -> Blocks:
    """Some dozens of blocks, and a free one of nearly 8 MB."""
    return [(choose.randrange(12, 8000) // 4 * 4, number % 9 != 8) for number in range(35)]


def large(choose: random.Random) -> Blocks:
    """Buffers of 260 KB."""
    return [(choose.randrange(200_000, 320_000) // 4 * 4, number % 2 == 0) for number in range(25)]


def thousands(choose: random.Random) -> Blocks:
    return [(choose.randrange(12, 3000) // 4 * 4, number % 8 != 7) for number in range(4001)]


def heap_of(blocks: Blocks, choose: random.Random) -> tuple[bytearray, list[int]]:
    """A heap of 8 MB of these blocks and a free one behind; used blocks hold noise, text or small numbers."""
    blocks[-1] = (blocks[-1][0], True)
    left = SIZE - SHAPE.info - SHAPE.control - 4 - sum(size + 4 for size, _ in blocks)
    blocks.append(((left - 4) // 4 * 4, False))
    data, places = bytearray(shaped_image(BASE, blocks, SHAPE)), payloads(BASE, blocks, SHAPE)
    for (size, used), place in zip(blocks, places, strict=True):
        if used:
            filler = choose.choice((choose.randbytes(512), b"some text of a user ", bytes(range(0, 256, 4))))
            data[place - BASE : place - BASE + size] = (filler * (size // len(filler) + 1))[:size]
    return data, places


@lru_cache(maxsize=1)
def sound_heap(build: Callable[[random.Random], Blocks]) -> tuple[bytearray, list[int]]:
    choose = random.Random(build.__name__)
    return heap_of(build(choose), choose)


def damage(data: bytearray, header: int, kind: str) -> None:
    """Breaks what lies around the header at an offset."""
    word = int.from_bytes(data[header : header + 4], "little")
    value = {"zero": 0, "larger": word + 0x10000, "ones": 0xFFFF_FFFF, "end": 0x4141_4141}.get(kind)
    if kind == "end":
        header = len(data) - 4
    if value is not None:
        data[header : header + 4] = value.to_bytes(4, "little")
    elif kind == "overflow":
        data[header - 16 : header + 4] = b"\xa5" * 20
    elif kind == "zeros":
        data[header - 64 : header + 4032] = bytes(4096)


def judged(data: bytearray, plan: str) -> tuple[Live, Any]:
    source = Live(BASE, data)
    memory = Memory(source, plan=plan)
    heap = read_heap(memory, Region("multi_heap", BASE, start=BASE, end=BASE + SIZE), {})
    assert isinstance(heap, HeapFacts)
    return source, (heap.walk.payloads, heap.walk.words, heap.walk.gaps(), [one.payload for one in heap.walk.resumed])


@pytest.mark.parametrize("kind", ["overflow", "zero", "larger", "ones", "zeros", "end"])
@pytest.mark.parametrize("where", ["start", "middle", "end"])
@pytest.mark.parametrize("blocks", [few, large, thousands], ids=lambda build: build.__name__)
def test_damage_costs_what_lies_around_it(blocks: Any, where: str, kind: str) -> None:
    sound, places = sound_heap(blocks)
    data = sound[:]
    number = {"start": 2, "middle": len(places) // 2, "end": len(places) - 3}[where]
    damage(data, places[number] - 4 - BASE, kind)
    source, found = judged(data, "auto")
    assert found == judged(data, "bulk")[1]
    assert (
        source.bytes <= (5.5 if kind == "end" else 3) * 2**20
    )  # without an end marker blocks are first followed by pages
    assert source.reads <= 300 + 1.2 * len(places)


def test_a_size_that_swallows_blocks_is_looked_into() -> None:
    """It leads into the large free block, whose old bytes look like blocks for a while."""
    choose = random.Random(123)
    data, places = heap_of(few(choose), choose)
    stale = struct.pack("<64I", *(choose.choice((0, choose.randrange(12, 400) // 4 * 4)) for _ in range(64)))
    data[places[-1] + 8 - BASE : -8] = (stale * (SIZE // 256))[: len(data) - 16 - places[-1] + BASE]
    header = places[3] - 4 - BASE
    data[header : header + 4] = (places[-1] + 4096 - places[3]).to_bytes(4, "little")
    source, (found, _, gaps, _) = judged(data, "auto")
    assert list(found) == [*places[:3], *places[4:]]
    assert [(gap.start, gap.end) for gap in gaps] == [(places[3] - 4, places[4] - 4)]
    assert source.bytes <= 3 << 20


def test_progress_tells_what_is_and_foretells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """35 blocks are not 101,395; and a command that reads nothing says nothing."""
    choose, now, said = random.Random(1), count(), list[str]()
    data, places = heap_of(few(choose), choose)
    damage(data, places[3] - 4 - BASE, "zero")
    monkeypatch.setattr("gdbext.source.memory.time.monotonic", lambda: next(now) / 30)
    memory = Memory(Live(BASE, data), said.append)
    region = Region("multi_heap", BASE, start=BASE, end=BASE + SIZE)
    read_heap(memory, region, {})
    assert said and not any("headers" in line for line in said)
    assert said[-1].endswith(f"; 1 damaged so far, the first at {places[3] - 4:#x}")
    said.clear()
    memory.mark()
    read_heap(memory, region, {})
    assert said == []


def test_much_damage_does_not_search_for_ever() -> None:
    """At some number of damaged headers all is read, once."""
    choose = random.Random(3)
    data, places = heap_of(thousands(choose), choose)
    for place in places[100::10]:
        data[place - 4 - BASE : place - BASE] = b"\xff" * 4
    source, found = judged(data, "auto")
    assert found == judged(data, "bulk")[1]
    assert source.bytes <= SIZE
    assert source.reads <= 20_000


def test_small_blocks_behind_damage_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof behind the damage may be thousands of blocks away: each of them is not a round trip of its own."""
    choose, now = random.Random(2), count()
    data, places = heap_of([(choose.randrange(200, 400) // 4 * 4, number % 8 != 7) for number in range(20_001)], choose)
    damage(data, places[10_000] - 4 - BASE, "overflow")
    monkeypatch.setattr("gdbext.source.memory.time.monotonic", lambda: next(now) / 4000)  # each read takes as long
    source, found = judged(data, "auto")
    assert found == judged(data, "bulk")[1]
    assert source.reads <= 1500
