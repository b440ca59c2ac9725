# SPDX-License-Identifier: Apache-2.0
"""What a heap is taken for: by its control block, whatever else its bytes look like; and where users' bytes begin."""

from __future__ import annotations

from random import Random

from gdbext.heap.allocator import DECISIVE, Recognised
from gdbext.heap.registry import recognise, weight_of
from gdbext.heap.tlsf.control import recognise_tlsf
from gdbext.heap.tlsf.owner import are_owners
from gdbext.model.region import Region
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from tests.support.tlsf_image import Shape, payloads, shaped_image

BASE = 0x2000_0000
TASKS = (0x3FFB_0154, 0x3FFB_02A8, 0x3FFB_03FC, 0x3FFB_0550, 0x3FFB_06A4)


def memory_of(data: bytes) -> Memory:
    return Memory(snapshot_of([(BASE, data)], 4, "little"))


def test_a_control_block_decides_against_noise() -> None:
    """What users keep may be read as more small FreeRTOS blocks than a TLSF has lists."""
    shape, blocks = Shape(7, 3, multi=False), [(40_000, True), (200, False)]
    data = bytearray(shaped_image(BASE, blocks, shape))
    place = payloads(BASE, blocks, shape)[0] - BASE
    data[place : place + 36_000] = (bytes(4) + (8 | 1 << 31).to_bytes(4, "little")) * 4500
    memory = memory_of(bytes(data))
    found = recognise(memory, Region("auto", BASE))
    assert isinstance(found, Recognised)
    assert (found.allocator.kind, found.layout.name) == ("tlsf", "espressif-dynamic")
    assert weight_of(memory, Region("auto", BASE)) >= DECISIVE


def test_pointers_behind_the_lists_are_no_lists() -> None:
    """An overflow of the first block by pointers to other blocks does not make the control block larger."""
    shape, blocks = Shape(12, 5, dynamic=False, multi=False), [(4000, True), (64, False), (200, True), (900, False)]
    data = bytearray(shaped_image(BASE, blocks, shape))
    places = payloads(BASE, blocks, shape)
    rng = Random(1)
    words = b"".join(rng.choice(places).to_bytes(4, "little") for _ in range(1001))
    start = places[0] - 4 - BASE
    data[start : start + len(words)] = words
    layout = recognise_tlsf(memory_of(bytes(data)), BASE, BASE, BASE + len(data), ("static", "static"), None)
    assert layout is not None
    assert (layout.fl_count, layout.sl_log2) == (12, 5)


def test_few_blocks_of_many_tasks_have_owners() -> None:
    words = [TASKS[at] for at in (0, 1, 2, 0, 1, 0, 3, 4)]
    assert are_owners(words, 4)
    assert not are_owners([*words[:5], 0, 7, 0x1000], 4), "strangers are no tasks"
    assert not are_owners([BASE + 64 * at for at in range(8)], 4), "links of a list are all different"
    assert not are_owners([*words[:2], *(BASE + 64 * at for at in range(8)), TASKS[0]], 4)


def test_blocks_of_before_the_scheduler_have_no_owner() -> None:
    """ESP-IDF 5.5 came with 25 such blocks of 69."""
    words = [TASKS[at % 4] for at in range(44)]
    assert are_owners([*words, *[0] * 25], 4)
    assert are_owners([*words[:12], *[0] * 30], 4)
    assert not are_owners([*words[:4], *[0] * 30], 4), "what is nearly all zeros is what users write"
    assert not are_owners([0] * 40, 4)
