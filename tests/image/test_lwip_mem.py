# SPDX-License-Identifier: Apache-2.0
"""A heap of lwIP, byte by byte, in every form."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import pytest

from tests.image.ask import check, places, search
from tests.support.made import DAMAGES, damaged, judged
from tests.support.makers.lwip_mem import ALL_OPTIONS, Options, heap_with, make_with

# Written by hand from mem.c: MEM_SIZE 112, MEM_ALIGNMENT 4.
HEAP = bytes.fromhex(
    "1800" "0000" "01" "5a5a5a" + "61" * 16 +  # 0x00: next 0x18, prev 0 (the first), used; old bytes; 16 bytes
    "3000" "0000" "01" "000000" + "62" * 16 +  # 0x18: next 0x30, prev 0x00, used; 16 bytes
    "7000" "1800" "00" "000000" + "00" * 56 +  # 0x30: next 0x70, prev 0x18, free; 56 bytes
    "7000" "7000" "01" "000000"  # 0x70: the last header, in use, leads to itself
)  # fmt: skip
BASE = 0x2000_0000


def report(heap: bytes = HEAP) -> Any:
    return check([(BASE, heap)], f"lwip_mem@{BASE:#x}")["heaps"][0]


def test_bytes_by_hand() -> None:
    heap = report()
    assert (heap["status"], heap["layout"]) == ("clean", "lwip-mem-16-align-4")
    assert [(block["payload"] - BASE, block["size"], block["state"]) for block in heap["blocks"]] == [
        (0x08, 16, "used"), (0x20, 16, "used"), (0x38, 56, "free"),
    ]  # fmt: skip
    assert (heap["start"], heap["end"]) == (BASE, BASE + 0x78)
    assert places(search([(BASE - 64, bytes(64) + HEAP)])) == {("lwip_mem", BASE)}


def test_an_overflow_by_hand() -> None:
    """The first block's user writes 22 bytes: next, prev and half of used of the second block are gone."""
    heap = report(HEAP[:8] + b"A" * 22 + HEAP[30:])
    first = heap["findings"][0]
    assert (heap["status"], first["rule"], first["block"]) == ("damaged", "block-next", BASE + 0x20)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", BASE + 8)
    assert [block["payload"] - BASE for block in heap["blocks"]] == [0x08, 0x38]


def test_an_overwritten_last_header_is_no_end_of_the_walk() -> None:
    heap = report(HEAP[:0x70] + b"A" * 8)
    assert {finding["rule"] for finding in heap["findings"]} == {"end-marker"}
    assert [block["payload"] - BASE for block in heap["blocks"]] == [0x08, 0x20, 0x38]


def test_two_blocks_at_multiples_of_8_by_hand() -> None:
    """Of MEM_ALIGNMENT 4, the user's bytes begin behind 12; of 8, behind 16. Only what mem.c never writes tells."""
    numbers = [struct.pack("<IIB3x", *one) for one in ((0x48, 0, 1), (0x70, 0, 0), (0x70, 0x70, 1))]
    for user, align, payload in ((b"user", 4, 12), (bytes(4), 8, 16)):
        heap = numbers[0] + user + bytes(0x38) + numbers[1] + bytes(0x1C) + numbers[2] + bytes(4)
        found = report(heap)
        assert (found["status"], found["layout"]) == ("clean", f"lwip-mem-32-align-{align}")
        assert found["blocks"][0]["payload"] == BASE + payload


def test_many_headers_that_lead_to_themselves_hide_no_heap() -> None:
    """In a broken heap, a user's bytes look like last headers; the true one is the one that most blocks are before."""
    options = Options(4, 4)
    heap = heap_with(Random("many ends"), options)
    data = bytearray(heap.data)
    spans = [(one.at + 12, heap.behind(n)) for n, one in enumerate(heap.blocks[:-1])]
    low, high = max(spans, key=lambda span: span[1] - span[0])
    for at in range(low, high - 12, 12):
        data[at : at + 12] = struct.pack("<IIB3x", at, at, 1)
    data[:4] = b"AAAA"
    found = report(bytes(data))
    assert (found["status"], found["end"]) == ("damaged", BASE + heap.size + 12)


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=repr)
def test_every_form(options: Options) -> None:
    """Width, alignment, guards and byte order are recognised, and damage is told as it is."""
    made = make_with(Random(repr(options)), options)
    assert judged(made, None, check(list(made.images), made.option)).status
    assert places(search(made.images, 4, options.order)) == {("lwip_mem", made.address)}
    for what in DAMAGES:
        damage = damaged(made, what, Random(f"{options}/{what}"))
        verdict = judged(made, damage, check(damage.images(made), made.option))
        assert (what, verdict.status, verdict.place) == (what, True, True), verdict.told
