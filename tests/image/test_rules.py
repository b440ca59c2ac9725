# SPDX-License-Identifier: Apache-2.0
"""Every invariant fires: a clean real heap, one thing broken, and the finding that must come of it."""

from __future__ import annotations

import json
import struct
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest

from gdbext.commands.check import run_check
from gdbext.commands.cli import ImageHost
from gdbext.heap.registry import ALLOCATORS
from gdbext.report.as_json import to_json
from tests.support import fixtures
from tests.support.paths import ROOT

CASE = fixtures.case("a005")
BASE = CASE.images[0].base
HEAP = CASE.heap.address
CONTROL = HEAP + 20


class Heap:
    """The image as words to read and to break."""

    def __init__(self) -> None:
        self.data = bytearray(CASE.images[0].data)

    def word(self, address: int) -> int:
        return int(struct.unpack_from("<I", self.data, address - BASE)[0])

    def put(self, address: int, value: int) -> None:
        struct.pack_into("<I", self.data, address - BASE, value)

    def blocks(self, free: bool) -> list[tuple[int, int]]:
        """Payload and size of the used or the free blocks."""
        report = check(self)
        state = "free" if free else "used"
        return [(block["payload"], block["size"]) for block in report["heaps"][0]["blocks"] if block["state"] == state]

    def free_with_used_behind(self) -> tuple[int, int, int]:
        """A free block, its size, and the used block behind it."""
        used = {payload for payload, _ in self.blocks(free=False)}
        for payload, size in self.blocks(free=True):
            if payload + size + 4 in used and size > 40:
                return payload, size, payload + size + 4
        raise AssertionError("no such blocks in this image")


def check(heap: Heap) -> dict[str, Any]:
    host = ImageHost([(BASE, bytes(heap.data))])
    report = run_check(host, Namespace(heap=[CASE.heap.option], pool=[], ring=None, blocks=True))
    parsed = json.loads(to_json(report))
    assert isinstance(parsed, dict)
    return parsed


def break_size(heap: Heap) -> None:
    heap.put(heap.blocks(free=False)[5][0] - 4, 0xFFFFFFF0)


def break_end(heap: Heap) -> None:
    heap.put(check(heap)["heaps"][0]["end"] - 4, 0x41414141)


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


BREAKS: list[tuple[str, Callable[[Heap], None]]] = [
    ("block-size", break_size),
    ("end-marker", break_end),
    ("free-flag", break_flag),
    ("list-link", break_link),
    ("back-link", break_back_link),
    ("previous-link", break_previous),
    ("free-neighbours", free_by_hand),
    ("free-not-listed", free_by_hand),
    ("listed-not-free", list_a_used_block),
    ("wrong-list", move_to_a_wrong_list),
    ("bitmap-second", clear_second_bitmap),
    ("bitmap-first", set_first_bitmap),
    ("control-null", lambda heap: heap.put(CONTROL + 8, 0x41414141)),
    ("control-constants", lambda heap: heap.put(CONTROL + 20, 7)),
    ("heap-pointer", lambda heap: heap.put(HEAP + 16, 7)),
    ("pool-size", lambda heap: heap.put(HEAP + 12, heap.word(HEAP + 12) + 0x100000)),
    ("free-bytes", lambda heap: heap.put(HEAP + 4, heap.word(HEAP + 4) + 8)),
    ("minimum-free", lambda heap: heap.put(HEAP + 8, heap.word(HEAP + 4) + 4)),
]


@pytest.mark.parametrize(("rule", "break_it"), BREAKS, ids=[rule for rule, _ in BREAKS])
def test_the_rule_fires(rule: str, break_it: Callable[[Heap], None]) -> None:
    heap = Heap()
    assert check(heap)["heaps"][0]["findings"] == []
    break_it(heap)
    report = check(heap)["heaps"][0]
    assert report["status"] == "damaged"
    assert rule in {finding["rule"] for finding in report["findings"]}


ELSEWHERE = {
    "owner-word": "image/test_explanations.py",
    "list-end": "rsp/test_named_older.py",
    "next-byte": "rsp/test_named_older.py",
}


def test_every_rule_of_the_table_is_tried() -> None:
    elsewhere = {"list-cycle", "used-link"}  # by the fixtures a046 and a075
    for rule, test in ELSEWHERE.items():
        assert f'"{rule}"' in (ROOT / "tests" / test).read_text()
    rules = {rule.id for one in ALLOCATORS.values() for rule in one.rules}
    poisoning = {rule for rule in rules if rule.startswith("poison-")}  # by a022 to a033, a086 to a090
    assert rules - elsewhere - ELSEWHERE.keys() - poisoning <= {rule for rule, _ in BREAKS}
