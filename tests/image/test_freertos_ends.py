# SPDX-License-Identifier: Apache-2.0
"""The end of FreeRTOS's heap_4 by pxEnd and by the size of ucHeap; images that end before their heap does."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.target.files import FileBytes
from gdbext.target.target import Target
from tests.docs.sentences.world import Symbols, ask
from tests.image.ask import check
from tests.support.freertos_image import Shape, heap_4_image, payloads

BASE, STATICS = 0x2000_1000, 0x2000_0000
SHAPES = [Shape(), Shape(align=4), Shape(), Shape(canary=0x5A5A_1234, masked_null=True)]
FILLS = (0, 0xA5, None)


class Array:
    """A heap_4 in the array ucHeap, by a seed, with memory of other things behind it."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.shape, fill = SHAPES[seed % len(SHAPES)], FILLS[seed // len(SHAPES) % len(FILLS)]
        self.blocks = [(random.randrange(1, 5) * 16, True), (random.randrange(1, 20) * 16, False)]
        while sum(size for size, _ in self.blocks) < random.choice((2048, 8192)):
            size = random.choice((random.randrange(1, 8), random.randrange(8, 90))) * 16
            self.blocks.append((size, not self.blocks[-1][1] or random.random() < 0.6))
        self.image = bytearray(heap_4_image(BASE, self.blocks, self.shape))
        self.payloads = payloads(BASE, self.blocks, self.shape)
        for place, (size, _) in zip(self.payloads, self.blocks, strict=True):
            inside = random.randbytes(size) if fill is None else bytes([fill]) * size
            self.put(place, inside)
        self.end = BASE + len(self.image)
        self.marker = self.px_end = self.end - self.shape.header
        self.behind = random.randbytes(0x1000)

    def put(self, address: int, data: bytes) -> None:
        self.image[address - BASE : address - BASE + len(data)] = data

    def check(self, cut: int | None = None, behind: bool = False) -> Any:
        """The report, with the program's symbols."""
        data = bytes(self.image[:cut]) + (self.behind if behind else b"")
        images = [(BASE, data), (STATICS, self.px_end.to_bytes(4, "little"))]
        program = Symbols(ucHeap=(BASE, len(self.image)), pxEnd=(STATICS, 4))
        return ask(Target(FileBytes(Memory(snapshot_of(images, 4, ORDER))), program), "check", "--blocks")


ORDER: ByteOrder = "little"


def damage(report: Any) -> list[tuple[str, int]]:
    (heap,) = report.heaps
    return [(one.rule, one.address) for one in heap.findings if one.severity == "damage"]


@pytest.mark.parametrize("seed", range(24))
def test_what_is_cut_off_is_missing_and_no_damage(seed: int) -> None:
    array = Array(seed)
    whole, random = len(array.image), Random(seed)
    anywhere = random.randrange(array.payloads[2] - BASE + 8, whole)
    for cut in (whole * 3 // 4, whole // 2, whole - random.randrange(1, 64), anywhere):
        report = array.check(cut)
        assert damage(report) == [], hex(cut)
        assert (report.heaps[0].missing, report.heaps[0].end) == (whole - cut, array.end)
        named = check([(BASE, bytes(array.image[:cut]))], f"freertos_heap_4@{BASE:#x}")["heaps"][0]
        assert [one["text"] for one in named["findings"] if one["severity"] == "damage"] == [], hex(cut)


@pytest.mark.parametrize("seed", range(12))
def test_no_damage_moves_the_end_that_px_end_tells(seed: int) -> None:
    """The last block's size, then the end marker: whatever stands behind the array is no block of it."""
    array = Array(seed)
    last = array.payloads[-1]
    sound = array.check(behind=True)
    assert (damage(sound), sound.heaps[0].end) == ([], array.end)
    place = last - array.shape.header + 4
    before = bytes(array.image[place - BASE : place - BASE + 4])
    array.put(place, b"ABCD")
    report = array.check(behind=True)
    assert (report.heaps[0].end, damage(report)[0]) == (array.end, ("block-size", place))
    array.put(place, before)
    array.put(array.marker + 4, b"EFGH")
    report = array.check(behind=True)
    assert (report.heaps[0].end, damage(report)) == (array.end, [("end-marker", array.marker + 4)])


@pytest.mark.parametrize("value", [0x4141_4141, BASE + 16, 0xFFFF_FFF8])
def test_a_wrong_px_end_is_damage(value: int) -> None:
    array = Array(1)
    array.px_end = value
    report = array.check(behind=True)
    assert damage(report) == [("root-pointer", STATICS)]
    assert report.heaps[0].findings[0].expected == array.marker


def test_a_heap_that_is_not_in_the_files_is_said() -> None:
    array = Array(1)
    program = Symbols(ucHeap=(BASE, len(array.image)), pxEnd=(STATICS, 4))
    for images, key in (
        ([(BASE, bytes(array.image))], "root-unreadable"),
        ([(STATICS, array.px_end.to_bytes(4, "little"))], "array-absent"),
        ([(STATICS, array.px_end.to_bytes(4, "little")), (BASE, bytes(range(1, 251)) * 4)], "array-without-heap"),
    ):
        target = Target(FileBytes(Memory(snapshot_of(images, 4, ORDER))), program)
        report = ask(target, "status")
        assert [one.why.key for one in report.skipped if one.check == "heaps"] == [key]


@pytest.mark.parametrize("fill", [0xA5, 0x5A, 0xFF])
def test_another_byte_order_is_not_read_into_filled_memory(fill: int) -> None:
    """With an alignment of 4 every word counted as a block there, which made the wrong order win."""
    for seed in (1, 5, 9):
        array = Array(seed)
        for place, (size, _) in zip(array.payloads, array.blocks, strict=True):
            array.put(place, bytes([fill]) * size)
        heap = check([(BASE, bytes(array.image))], f"freertos_heap_4@{BASE:#x}")["heaps"][0]
        assert (heap["status"], heap["used_blocks"]) == ("clean", sum(used for _, used in array.blocks))
