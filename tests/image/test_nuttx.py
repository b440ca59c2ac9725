# SPDX-License-Identifier: Apache-2.0
"""NuttX's heaps by the words of struct mm_heap_s: their ends are known, and a wrong pointer to them is said."""

from __future__ import annotations

from typing import Any

import pytest

from gdbext.model.said import Said, said
from gdbext.report.sentences import words
from gdbext.source.known import Known
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.target import Target
from tests.docs.sentences.world import Distant, Link, Symbols, ask, linked, world
from tests.support.nuttx_image import SHAPE, STATICS, NuttX

BLOCKS = [(64, True), (112, True), (320, False), (200, True), (48, True), (1000, True), (600, False), (96, True)]
LARGE = [*BLOCKS * 6, (9000, False)]
SYMBOLS = Symbols(g_mmheap=(STATICS, 4), g_idle_topstack=(STATICS + 4, 4))


def check(nuttx: NuttX, cut: int | None = None) -> Any:
    return ask(world(nuttx.images(cut), program=SYMBOLS), "check", "--blocks")


def damage(report: Any) -> list[tuple[str, int]]:
    (heap,) = report.heaps
    return [(one.rule, one.address) for one in heap.findings if one.severity == "damage"]


def problems(report: Any) -> list[tuple[str, str]]:
    return [(one.check, one.why.key) for one in report.skipped if isinstance(one.why, Said)]


@pytest.mark.parametrize("most", [1, 2, 4])
def test_regions_end_where_the_struct_says(most: int) -> None:
    """Whatever lies behind: here 64 KiB of bytes that count up, and no end marker is looked for in them."""
    nuttx = NuttX(LARGE, *[BLOCKS] * (most - 1), most=most, behind=0x1_0000)
    report = check(nuttx)
    (heap,) = report.heaps
    assert (heap.status, heap.end, heap.missing) == ("clean", nuttx.end(most - 1), 0)
    assert {block.raw for block in heap.blocks} == {place for n in range(most) for place in nuttx.payloads(n)}


def test_a_size_that_is_plausibly_too_large_hides_no_other_block() -> None:
    """Finding 2: the end is known, so only the one size is wrong."""
    nuttx = NuttX([*BLOCKS * 6, (0x2_0000, False)], behind=0x1000)
    places = nuttx.payloads()
    nuttx.put(places[-1] + 8, *[0] * 0x7E00)  # memory that nobody has used: zeros look like an end marker
    nuttx.put(places[1] - 4, 0x1_0070)
    (heap,) = check(nuttx).heaps
    assert {one.group for one in heap.findings} == {1}
    assert heap.findings[0].block == places[1]
    assert heap.end == nuttx.end(0)


@pytest.mark.parametrize("word", [0xFFFF_FFFF, 0, 0x4141_4141, 0x0001_0070])
def test_the_last_header_moves_no_end(word: int) -> None:
    nuttx = NuttX(LARGE, behind=0x2_0000)
    last = nuttx.payloads()[-1]
    nuttx.put(last - 4, word)
    (heap,) = check(nuttx).heaps
    assert (heap.end, {one.block for one in heap.findings if one.group == 1}) == (nuttx.end(0), {last})
    assert {one.group for one in heap.findings} == {1}


@pytest.mark.parametrize("word", [0xFFFF_FFFF, 0x4141_4141, 0x0010_0070])
def test_an_overwritten_end_marker_moves_no_end(word: int) -> None:
    """Finding 7."""
    nuttx = NuttX(LARGE, behind=0x2_0000)
    nuttx.put(nuttx.end(0) - 4, word)
    report = check(nuttx)
    assert damage(report) == [("end-marker", nuttx.end(0) - 4)]
    assert report.heaps[0].end == nuttx.end(0)


@pytest.mark.parametrize("value", [0x4141_4141, 0, 0x8003_1004, 0xFFFF_FFFF])
def test_a_wrong_pointer_to_the_control_block_is_damage(value: int) -> None:
    """Finding 15."""
    nuttx = NuttX(LARGE)
    nuttx.put(nuttx.mm_tlsf, value)
    report = check(nuttx)
    (heap,) = report.heaps
    assert damage(report) == [("root-pointer", nuttx.mm_tlsf)]
    assert (heap.findings[0].actual, heap.findings[0].expected) == (value, nuttx.control)
    assert len(heap.blocks) == len(LARGE)


@pytest.mark.parametrize("fill", [0x4141_4141, 0, 0xA5A5_A5A5])
@pytest.mark.parametrize("length", [256, 1024, SHAPE.control])
def test_blocks_are_walked_behind_an_overwritten_control_block(fill: int, length: int) -> None:
    """Finding 6, case 23: the regions tell where blocks begin, and how large the control block is."""
    nuttx = NuttX(LARGE, behind=0x1000)
    nuttx.put(nuttx.control, *[fill] * (length // 4))
    report = check(nuttx)
    (heap,) = report.heaps
    assert (heap.status, heap.start, heap.end) == ("damaged", nuttx.control, nuttx.end(0))
    assert [block.raw for block in heap.blocks] == nuttx.payloads()
    first = next(one for one in heap.findings if one.group == 1)
    assert nuttx.control <= first.address < nuttx.control + SHAPE.control


@pytest.mark.parametrize("value", [0x4141_4140, 0x8003_0010, 0x8003_2000])
def test_a_wrong_root_pointer_is_damage_of_the_heap_that_memory_begins_with(value: int) -> None:
    """Finding 6, case 25."""
    nuttx = NuttX(LARGE)
    nuttx.root = value
    report = check(nuttx)
    assert damage(report) == [("root-pointer", STATICS)]
    assert report.heaps[0].findings[0].text.values[0][1] == "g_mmheap"
    assert len(report.heaps[0].blocks) == len(LARGE)


def test_a_root_pointer_that_leads_to_no_heap_is_named() -> None:
    """Without a second variable that knows where the heap begins."""
    nuttx = NuttX(LARGE)
    nuttx.root = 0x8003_0010
    live = linked(nuttx.images(), Symbols(g_mmheap=(STATICS, 4)))
    assert ("heaps", "root-leads-nowhere") in problems(ask(live, "check"))
    assert ("heaps", "root-leads-nowhere") in problems(check_without_topstack(nuttx))


def check_without_topstack(nuttx: NuttX) -> Any:
    return ask(world(nuttx.images(), program=Symbols(g_mmheap=(STATICS, 4))), "status")


def test_a_heap_outside_of_the_known_memory_is_named_with_what_to_type() -> None:
    """Finding 3: external memory, far from what the program's sections tell."""
    far = NuttX(LARGE, heap=0x8080_0000)
    source = Distant(snapshot_of(far.images()))
    known = Known([(STATICS, STATICS + 0x80)], [(STATICS, STATICS + 0x80)])
    report = ask(Target(Link(Memory(source, known=known)), SYMBOLS), "check")
    (why,) = [one.why for one in report.skipped if one.check == "heaps"]
    assert why == said("root-outside", name="g_mmheap", place=STATICS, value=far.heap, end=far.heap + 0x1_0000)
    assert f"set memtrace memory {far.heap:#x},{far.heap + 0x1_0000:#x}" in words(why)
    known.allow(far.heap, far.heap + 0x1_0000)
    report = ask(Target(Link(Memory(source, known=known)), SYMBOLS), "check")
    assert (report.heaps[0].status, report.heaps[0].end) == ("clean", far.end(0))


def test_free_that_is_delayed_is_said() -> None:
    """Finding 14."""
    nuttx = NuttX(LARGE)
    first, second = nuttx.payloads()[0], nuttx.payloads()[3]
    nuttx.put(nuttx.mm_delaylist, second)
    nuttx.put(second, first)
    nuttx.put(first, 0)
    report = check(nuttx)
    (why,) = [one.why for one in report.skipped if one.why.key == "mm-free-delayed"]
    assert dict(why.values)["blocks"] == 2
    assert report.heaps[0].status == "clean"


@pytest.mark.parametrize("most", [1, 2])
def test_an_image_that_ends_early_is_incomplete(most: int) -> None:
    nuttx = NuttX(LARGE, *[BLOCKS] * (most - 1), most=most)
    begin, end = nuttx.starts[0], nuttx.end_of_image
    for cut in range(begin + 8, end, 452):
        (heap,) = check(nuttx, cut).heaps
        told = [one.text.key for one in heap.findings if one.severity == "damage"]
        inside = sum(max(0, min(end, high) - max(cut, low)) for low, high in spans(nuttx))
        assert (told, heap.missing, heap.end_known) == ([], inside, True), hex(cut)


def spans(nuttx: NuttX) -> list[tuple[int, int]]:
    return [(start, nuttx.end(number)) for number, start in enumerate(nuttx.starts)]
