# SPDX-License-Identifier: Apache-2.0
"""The bytes of blocks, decoded, and the free lists: on real heaps, on heaps of every family, and on damaged ones."""

from __future__ import annotations

from typing import Any

from gdbext.report.style import for_terminal
from gdbext.report.text.bins import bins_lines
from gdbext.report.text.blocks import blocks_lines
from gdbext.report.text.view import view_lines
from gdbext.source.memory import Memory
from gdbext.target.files import image_target
from gdbext.target.target import Target
from tests.docs.sentences.world import ask, case, changed, option, world
from tests.support import fixtures
from tests.support.tlsf_image import Shape, payloads, shaped_image
from tests.unit.slow_world import Link, Slow

SEED = "a005"
BASE, FORM, LONG = 0x3000_0000, Shape(16, 4), [(400_000, True), (64, True)]


def viewed(images: Any, heap: str, address: int, *more: str) -> Any:
    return ask(image_target(list(images), []), "view", hex(address), *more, heap=heap)


def test_a_block_is_found_by_any_of_its_bytes() -> None:
    blocks = fixtures.case(SEED).truth.blocks
    for block in blocks[5:8]:
        for address in (block.raw, block.raw + block.size - 1):
            report = viewed(case(SEED), option(SEED), address, "--blocks", "0")
            assert [one.payload for one in report.blocks] == [block.payload]
        assert len(viewed(case(SEED), option(SEED), block.raw, "--blocks", "2").blocks) == 5


def test_canaries_and_lengths_have_their_names() -> None:
    heap = next(one for one in fixtures.select(poisoning="light") if one.truth.status == "clean")
    block = next(one for one in heap.truth.blocks if one.requested)
    images = [(image.base, image.data) for image in heap.images]
    (shown,) = viewed(images, heap.heap.option, block.raw, "--blocks", "0").blocks
    names = {row.name: row.value for row in shown.rows if row.name}
    assert (names["head_canary"], names["tail_canary"]) == (0xABBA1234, 0xBAAD5678)
    assert names["requested"] == block.requested
    broken = changed(images, {block.payload + block.requested: b"oops"})
    report = viewed(broken, heap.heap.option, block.raw, "--blocks", "0")
    (row,) = [row for one in report.blocks for row in one.rows if row.damage]
    assert (row.address, row.name) == (block.payload + block.requested, "tail_canary")
    (line,) = [line for line in view_lines(report) if "DAMAGED" in line]
    assert "6f6f7073" in line
    assert report.next.key == "next-last"


def test_where_no_block_is_proven_bytes_are_shown_all_the_same() -> None:
    block = fixtures.case(SEED).truth.blocks[6]
    images = changed(case(SEED), {block.raw - 4: b"\xff" * 4})
    report = viewed(images, option(SEED), block.raw, "--blocks", "1")
    states = [one.state for one in report.blocks]
    assert "unproven" in states
    assert any("DAMAGED: size word" in line for line in view_lines(report))


def test_an_address_outside_of_all_heaps_is_said_to_be_there() -> None:
    report = viewed(case(SEED), option(SEED), 0x1000_0000)
    assert report.blocks == ()
    assert next(iter(view_lines(report))) == "0x10000000: in no heap that was found"


def test_lists_of_a_tlsf_are_by_size_and_name_where_they_break() -> None:
    (heap,) = ask(world(case(SEED), [option(SEED)]), "bins", "--all", heap=option(SEED)).heaps
    assert heap.unlisted_blocks == 0
    assert [one.smallest for one in heap.bins] == sorted(one.smallest for one in heap.bins)
    full = max(heap.bins, key=lambda one: one.blocks)
    assert full.blocks == len(full.payloads) > 1
    broken = changed(case(SEED), {full.payloads[0]: 0x10})
    report = ask(world(broken, [option(SEED)]), "bins", heap=option(SEED))
    (link,) = report.heaps[0].broken
    assert (link.number, link.address, link.value, link.block) == (
        full.number,
        full.payloads[0],
        0x10,
        full.payloads[0],
    )
    assert any("> ? (broken)" in line for line in bins_lines(report))
    assert report.next.values == (("address", full.payloads[0]),)


def test_lists_are_coloured_by_state_and_say_the_same_without_colours() -> None:
    report = ask(world(case(SEED), [option(SEED)]), "blocks", heap=option(SEED))
    lines = list(blocks_lines(report))
    for state, style in (("free", "\x1b[32m"), ("used", "\x1b[1m")):
        line = next(one for one in lines if f"  {state} " in f"{one} ")
        assert for_terminal(line, None, True).startswith(style)
        assert for_terminal(line, None, False) == line


def long_block(*more: str, holes: tuple[range, ...] = ()) -> Any:
    """A used block of 400,000 bytes, over a link on which only headers are read with the heap."""
    heap, place = f"multi_heap@{BASE:#x}", payloads(BASE, LONG, FORM)[0]
    image = bytearray(shaped_image(BASE, LONG, FORM))
    image[place - BASE : place - BASE + 400_000] = bytes(number % 251 for number in range(400_000))
    memory = Memory(Slow([(BASE, bytes(image))], 0, holes), plan="headers")
    report: Any = ask(Target(Link(memory)), "view", hex(place), "--blocks", "0", *more, heap=heap)
    return report.blocks[0]


def test_both_ends_of_a_long_block_are_read_and_with_all_every_byte() -> None:
    ends = long_block()
    assert ends.left_out == 400_000 - 256 and {row.kind for row in ends.rows} == {"header", "payload"}
    whole = long_block("--all")
    assert whole.left_out == 0 and {row.kind for row in whole.rows} == {"header", "payload"}
    assert sum(row.length for row in whole.rows if row.kind == "payload") == 400_000


def test_bytes_that_cannot_be_read_are_one_row() -> None:
    place = payloads(BASE, LONG, FORM)[0]
    whole = long_block("--all", holes=(range(place + 0x10000, place + 0x30000),))
    (unread,) = [row for row in whole.rows if row.kind == "unread"]
    assert unread.length >= 0x20000 - 32
