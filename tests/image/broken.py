# SPDX-License-Identifier: Apache-2.0
"""A fixture's heap as words to read and to break, and a break for each rule of multi_heap."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.image.ask import check
from tests.support import fixtures

SOUND = fixtures.case("a005")
BASE = SOUND.images[0].base
HEAP = SOUND.heap.address
CONTROL = HEAP + 20


class Heap:
    """A fixture's image as words to read and to break."""

    def __init__(self, case: fixtures.Case = SOUND) -> None:
        self.case = case
        self.parts = [(image.base, bytearray(image.data)) for image in case.images]

    def write(self, address: int, data: bytes) -> None:
        base, part = next(pair for pair in self.parts if pair[0] <= address < pair[0] + len(pair[1]))
        part[address - base : address - base + len(data)] = data

    def word(self, address: int) -> int:
        base, part = next(pair for pair in self.parts if pair[0] <= address < pair[0] + len(pair[1]))
        return int(struct.unpack_from("<I", part, address - base)[0])

    def put(self, address: int, value: int) -> None:
        self.write(address, struct.pack("<I", value))

    def images(self) -> list[tuple[int, bytes]]:
        return [(base, bytes(part)) for base, part in self.parts]

    def report(self) -> Any:
        return check(self.images(), self.case.heap.option)["heaps"][0]

    def blocks(self, free: bool) -> list[tuple[int, int]]:
        """Payload and size of the used or the free blocks."""
        state = "free" if free else "used"
        return [(block["payload"], block["size"]) for block in self.report()["blocks"] if block["state"] == state]

    def free_with_used_behind(self) -> tuple[int, int, int]:
        """A free block, its size, and the used block behind it."""
        used = {payload for payload, _ in self.blocks(free=False)}
        for payload, size in self.blocks(free=True):
            if payload + size + 4 in used and size > 40:
                return payload, size, payload + size + 4
        raise AssertionError("no such blocks in this image")


def break_size(heap: Heap) -> None:
    heap.put(heap.blocks(free=False)[5][0] - 4, 0xFFFFFFF0)


def break_end(heap: Heap) -> None:
    heap.put(heap.report()["end"] - 4, 0x41414141)


def break_flag(heap: Heap) -> None:
    payload = heap.blocks(free=False)[5][0]
    heap.put(payload - 4, heap.word(payload - 4) | 1)


def break_link(heap: Heap) -> None:
    heap.put(heap.free_with_used_behind()[0], 0x12345678)


def break_back_link(heap: Heap) -> None:
    heap.put(heap.free_with_used_behind()[0] + 4, heap.blocks(free=False)[0][0] - 8)


def break_previous(heap: Heap) -> None:
    heap.put(heap.free_with_used_behind()[2] - 8, 0)


def free_by_hand(heap: Heap) -> None:
    """Marks the used block behind a free one as free, consistently, without joining or listing it."""
    _, _, used = heap.free_with_used_behind()
    size = heap.word(used - 4) & ~3
    heap.put(used - 4, heap.word(used - 4) | 1)
    heap.put(used + size, heap.word(used + size) | 2)
    heap.put(used + size - 4, used - 8)


def list_a_used_block(heap: Heap) -> None:
    levels = heap.word(CONTROL + 16) & 0x1F
    lists = CONTROL + 36 + 4 * levels
    empty = next(slot for slot in range(lists, HEAP + 700, 4) if heap.word(slot) == CONTROL)
    heap.put(empty, heap.blocks(free=False)[3][0] - 8)


def move_to_a_wrong_list(heap: Heap) -> None:
    """The first block of a list moves to the head of an empty one."""
    levels = heap.word(CONTROL + 16) & 0x1F
    heads = range(CONTROL + 36 + 4 * levels, HEAP + 700, 4)
    filled = next(head for head in heads if heap.word(head) != CONTROL)
    empty = next(head for head in heads if heap.word(head) == CONTROL)
    heap.put(empty, heap.word(filled))
    heap.put(filled, CONTROL)


def clear_second_bitmap(heap: Heap) -> None:
    word = next(address for address in range(CONTROL + 36, CONTROL + 36 + 28, 4) if heap.word(address))
    heap.put(word, 0)


def set_first_bitmap(heap: Heap) -> None:
    heap.put(CONTROL + 24, heap.word(CONTROL + 24) ^ 1 << 3)


def add(place: int, number: int, heap: Heap) -> None:
    heap.put(place, heap.word(place) + number)


BY_HAND: dict[str, Callable[[Heap], None]] = {
    "block-size": break_size,
    "end-marker": break_end,
    "free-flag": break_flag,
    "list-link": break_link,
    "back-link": break_back_link,
    "previous-link": break_previous,
    "free-neighbours": free_by_hand,
    "free-not-listed": free_by_hand,
    "listed-not-free": list_a_used_block,
    "wrong-list": move_to_a_wrong_list,
    "bitmap-second": clear_second_bitmap,
    "bitmap-first": set_first_bitmap,
    "control-null": lambda heap: heap.put(CONTROL + 8, 0x41414141),
    "control-constants": lambda heap: heap.put(CONTROL + 20, 7),
    "heap-pointer": lambda heap: heap.put(HEAP + 16, 7),
    "pool-size": partial(add, HEAP + 12, 0x100000),
    "free-bytes": partial(add, HEAP + 4, 8),
    "minimum-free": lambda heap: heap.put(HEAP + 8, heap.word(HEAP + 4) + 4),
}
