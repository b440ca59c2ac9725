# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF's heaps by heap_t: their ends are known, and what is overwritten in front of the blocks hides none."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.docs.sentences.world import Symbols, ask, changed, world
from tests.support.tlsf_image import Shape, payloads, shaped_image

VARIABLE, NODE, HEAP = 0x3FC8_0000, 0x3FC8_0100, 0x3FC9_0000
BLOCKS = [(64, True), (112, True), (320, False), (200, True), (48, True), (1000, True), (600, False), (96, True)] * 4
SHAPES = [Shape(20, 4), Shape(14, 5), Shape(12, 3), Shape(24, 5, dynamic=False)]


def report(image: bytes, behind: int = 0x800, **writes: Any) -> Any:
    """The report on a heap of the list, with memory of something else behind it."""
    node = struct.pack("<9I", 1 << 12, 0, 0, HEAP, HEAP + len(image), 0, 0, HEAP, 0)
    images = [(HEAP, image + bytes(range(1, 251)) * (behind // 250 + 1)), (NODE, node)]
    statics = [(VARIABLE, NODE.to_bytes(4, "little"))]
    target = world([*images, *statics], program=Symbols(registered_heaps=(VARIABLE, 4)))
    return ask(target, "check", "--blocks")


def test_heaps_are_found_where_memory_begins_if_their_list_is_broken() -> None:
    """registered_heaps is overwritten: the chip's table of memories and the linker's symbols lead to heaps, too."""
    image, other = shaped_image(HEAP, BLOCKS, SHAPES[0]), shaped_image(HEAP + 0x1_0000, BLOCKS, SHAPES[0])
    table = struct.pack("<10I", HEAP, 0x1_0000, 0, 0, 0, HEAP + 0x1_0000, 0x1_0000, 0, 0, 0)
    images = [(HEAP, image), (HEAP + 0x1_0000, other), (NODE, table), (NODE + 0x100, b"text" * 64)]
    for value in (0x4141_4141, NODE + 0x100, NODE + 0x102):
        target = world(
            [*images, (VARIABLE, value.to_bytes(4, "little"))],
            program=Symbols(registered_heaps=(VARIABLE, 4), soc_memory_regions=(NODE, len(table))),
        )
        found = ask(target, "check")
        assert [(heap.address, heap.status) for heap in found.heaps] == [
            (HEAP, "clean"),
            (HEAP + 0x1_0000, "clean"),
        ]
        (why,) = [one.why for one in found.skipped if one.check == "heaps"]
        assert why.key in ("root-absent", "root-leads-nowhere")
    program = Symbols(registered_heaps=(VARIABLE, 4), _heap_start=(HEAP, 0), _heap_end=(HEAP + 0x2_0000, 0))
    target = world([*images, (VARIABLE, bytes(4))], program=program)
    assert [one.why.key for one in ask(target, "check").skipped if one.check == "heaps"] == ["none-registered"]


def damaged(shape: Shape, **bytes_at: bytes) -> Any:
    writes = {int(at, 16): new for at, new in bytes_at.items()}
    images = changed([(HEAP, shaped_image(HEAP, BLOCKS, shape))], writes)
    return report(images[0][1])


@pytest.mark.parametrize("fill", [0x41, 0, 0xFF])
@pytest.mark.parametrize("what", ["struct", "control", "both", "half"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.levels}-{shape.second}-{shape.dynamic}")
def test_blocks_are_walked_behind_what_is_overwritten(shape: Shape, what: str, fill: int) -> None:
    low, high = {
        "struct": (HEAP, HEAP + 20),
        "control": (HEAP + 20, HEAP + 20 + shape.control),
        "both": (HEAP, HEAP + 20 + shape.control),
        "half": (HEAP + 20, HEAP + 20 + shape.control // 2),
    }[what]
    found = damaged(shape, **{hex(low): bytes([fill]) * (high - low)})
    (heap,) = found.heaps
    assert (heap.status, heap.start, heap.end) == ("damaged", HEAP, HEAP + len(shaped_image(HEAP, BLOCKS, shape)))
    assert [block.raw for block in heap.blocks] == payloads(HEAP, BLOCKS, shape)
    first = next(one for one in heap.findings if one.group == 1)
    assert low <= first.address < high


@pytest.mark.parametrize("size", [0, 0x100, 0x1234, 0x0FFF_FFFF])
def test_a_wrong_pool_size_moves_no_end(size: int) -> None:
    shape = SHAPES[0]
    found = damaged(shape, **{hex(HEAP + 12): size.to_bytes(4, "little")})
    (heap,) = found.heaps
    assert heap.end == HEAP + len(shaped_image(HEAP, BLOCKS, shape))
    assert {one.rule for one in heap.findings if one.severity == "damage"} == {"pool-size"}
    assert len(heap.blocks) == len(BLOCKS)


def test_a_heap_that_ends_early_in_the_image_is_incomplete() -> None:
    shape = SHAPES[0]
    image = shaped_image(HEAP, BLOCKS, shape)
    first = HEAP + 20 + shape.control + 4
    for cut in range(first + 8 - HEAP, len(image), 212):
        node = struct.pack("<9I", 1 << 12, 0, 0, HEAP, HEAP + len(image), 0, 0, HEAP, 0)
        images = [(HEAP, image[:cut]), (NODE, node), (VARIABLE, NODE.to_bytes(4, "little"))]
        (heap,) = ask(world(images, program=Symbols(registered_heaps=(VARIABLE, 4))), "check").heaps
        told = [one.text.key for one in heap.findings if one.severity == "damage"]
        assert (told, heap.missing, heap.end_known) == ([], len(image) - cut, True), hex(cut)
