# SPDX-License-Identifier: Apache-2.0
"""Damage that leads the walk over blocks to the begin of another one, and canaries that are all a heap has."""

from __future__ import annotations

import struct
from typing import Any

from gdbext.heap.tlsf.poison import HEAD, TAIL
from tests.image.ask import check
from tests.support.tlsf_image import Shape, payloads, shaped_image

BASE = 0x2000_0000
PLAIN = Shape(10, 3, multi=False)
BLOCKS = [(40, True), (24, True), (16, True), (32, True), (28, True), (100, True), (64, True), (2000, False)]


def heap_with(words: dict[int, int], blocks: list[tuple[int, bool]], shape: Shape) -> Any:
    """The report on a heap some of whose words were changed."""
    data = bytearray(shaped_image(BASE, blocks, shape))
    for address, word in words.items():
        struct.pack_into("<I", data, address - BASE, word)
    kind = "multi_heap" if shape.multi else "tlsf"
    (heap,) = check([(BASE, bytes(data))], f"{kind}@{BASE:#x}")["heaps"]
    return heap


def used(heap: Any) -> set[int]:
    return {block["payload"] for block in heap["blocks"] if block["state"] == "used"}


def test_flags_that_nothing_confirms_are_part_of_a_wrong_size() -> None:
    """One byte, all ones, makes a small block a free one that ends with a block further on."""
    places = payloads(BASE, BLOCKS, PLAIN)
    size = places[6] - 4 - places[1]
    heap = heap_with({places[1] - 4: size | 3}, BLOCKS, PLAIN)
    assert {finding["block"] for finding in heap["findings"]} == {places[1]}
    assert set(places[2:7]) <= used(heap)


def test_a_size_that_leads_into_the_free_rest_is_no_end() -> None:
    """What the last free block holds reads as an end marker; its list and the real one say that the heap goes on."""
    places = payloads(BASE, BLOCKS, PLAIN)
    size = places[7] + 200 - places[5] - 4
    heap = heap_with({places[5] - 4: size}, BLOCKS, PLAIN)
    assert heap["status"] == "damaged"
    assert places[5] in {finding["block"] for finding in heap["findings"]}
    assert (places[6] in used(heap), heap["largest_free"]) == (True, 2000)


def test_a_damaged_canary_of_the_only_block_is_told() -> None:
    shape, blocks = Shape(10, 3), [(32, True), (600, False)]
    place = payloads(BASE, blocks, shape)[0]
    heap = heap_with({place: HEAD, place + 4: 20, place + 28: TAIL}, blocks, shape)
    assert (heap["poisoning"], heap["status"]) == ("light", "clean")
    heap = heap_with({place: HEAD ^ 1, place + 4: 20, place + 28: TAIL}, blocks, shape)
    assert [finding["rule"] for finding in heap["findings"]] == ["poison-head"]


def test_zeros_up_to_the_end_are_no_wrong_pool_size() -> None:
    """The last blocks are used: the counters are right for a heap that ends in front of the zeros, too."""
    shape, blocks = Shape(10, 3), [(40, True), (800, False), (24, True), (64, True), (32, True)]
    places = payloads(BASE, blocks, shape)
    heap = heap_with({place - 4: 0 for place in places[3:]}, blocks, shape)
    assert {finding["block"] for finding in heap["findings"]} == {places[3]}
