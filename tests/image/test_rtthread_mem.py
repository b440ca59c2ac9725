# SPDX-License-Identifier: Apache-2.0
"""A heap of RT-Thread's small memory, byte by byte, in every form."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.image.ask import check, places, search
from tests.support.made import DAMAGES, damaged, judged
from tests.support.makers.rtthread_mem import ALL_OPTIONS, Options, make_with

BASE = 0x2000_0000
# Written by hand from mem.c of 3.1: RT_ALIGN_SIZE 4, RT_USING_MEMTRACE.
OLD = bytes.fromhex(
    "a01e" "0100" "20000000" "00000000" "6d61696e" + "61" * 16 +  # 0x00: magic, used, next 0x20, prev 0, "main"
    "a01e" "0100" "40000000" "00000000" "6e657420" + "62" * 16 +  # 0x20: used, next 0x40, prev 0x00, "net "
    "a01e" "0000" "90000000" "20000000" "20202020" + "00" * 64 +  # 0x40: free, next 0x90, prev 0x20, blank; 64 bytes
    "a01e" "0100" "90000000" "40000000" "494e4954"  # 0x90: the last item leads to itself, "INIT"; prev is an old join's
)  # fmt: skip
# The same of 4.1 without RT_USING_MEMTRACE: the object is at BASE, the first item behind it.
NEW = bytes.fromhex(
    "6865617000000000" "8a80" "0000" "00900020" "00900020" "00120008" +  # name "heap", type, flag; list; algorithm
    "38000020" "60000000" "38000000" "50000000" +  # address, total 0x60, used 0x38, max 0x50
    "38000020" "a4000020" "70000020" "60000000" +  # heap_ptr, heap_end, lfree, mem_size_aligned
    "01000020" "1c000000" "00000000" + "61" * 16 +  # 0x00: used, next 0x1c, prev 0
    "01000020" "38000000" "00000000" + "62" * 16 +  # 0x1c: used, next 0x38, prev 0
    "00000020" "6c000000" "1c000000" + "00" * 40 +  # 0x38: free, next 0x6c, prev 0x1c; 40 bytes
    "01000020" "6c000000" "6c000000"  # 0x6c: the last item leads to itself
)  # fmt: skip
FIRST = 0x38  # where the first item of NEW is


def report(heap: bytes) -> Any:
    return check([(BASE, heap)], f"rtthread_mem@{BASE:#x}")["heaps"][0]


def blocks(heap: Any) -> list[tuple[int, int, str]]:
    return [(block["payload"] - BASE, block["size"], block["state"]) for block in heap["blocks"]]


def test_bytes_of_3_1_by_hand() -> None:
    heap = report(OLD)
    assert (heap["status"], heap["layout"]) == ("clean", "rtthread-mem-magic-32-align-4-named")
    assert blocks(heap) == [(0x10, 16, "used"), (0x30, 16, "used"), (0x50, 64, "free")]
    assert places(search([(BASE - 64, bytes(64) + OLD)])) == {("rtthread_mem", BASE)}


def test_bytes_of_4_1_by_hand() -> None:
    heap = report(NEW)
    assert (heap["status"], heap["layout"]) == ("clean", "rtthread-mem-object-32-align-4")
    assert blocks(heap) == [(0x44, 16, "used"), (0x60, 16, "used"), (0x7C, 40, "free")]
    assert (heap["start"], heap["end"]) == (BASE, BASE + 0xB0)
    assert places(search([(BASE - 64, bytes(64) + NEW)])) == {("rtthread_mem", BASE)}


@pytest.mark.parametrize(("heap", "first", "header"), [(OLD, 0, 16), (NEW, FIRST, 12)], ids=["3.1", "4.1"])
def test_an_overflow_by_hand(heap: bytes, first: int, header: int) -> None:
    """The first block's user writes 24 bytes: mark and next of the second block are gone, and all behind is found."""
    told = report(heap[: first + header] + b"A" * 24 + heap[first + header + 24 :])
    second = BASE + first + header + 16
    finding = told["findings"][0]
    likely = finding["explanations"][0]
    assert (told["status"], finding["rule"], finding["block"]) == ("damaged", "block-next", second + header)
    assert (likely["kind"], likely["payload"]) == ("overflow", BASE + first + header)
    assert [suspect["task"] for suspect in finding["suspects"]] == (["main", None] if heap is OLD else [None, None])
    assert [block["payload"] for block in told["blocks"]] == [BASE + first + header, second + 16 + 2 * header]


def test_a_block_that_is_freed_by_a_write_is_named() -> None:
    """Bit 0 of the first block's mark is cleared: `used` of the object says that it was in use, and lfree which one."""
    told = report(NEW[:FIRST] + b"\0" + NEW[FIRST + 1 :])
    assert [(finding["rule"], finding["block"]) for finding in told["findings"]] == [("used-bytes", BASE + 0x44)]


def test_words_of_the_object() -> None:
    told = report(NEW[:40] + b"AAAA" + NEW[44:])
    assert [(finding["rule"], finding["address"]) for finding in told["findings"]] == [("object-members", BASE + 40)]
    assert blocks(told) == [(0x44, 16, "used"), (0x60, 16, "used"), (0x7C, 40, "free")]


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=repr)
def test_every_form(options: Options) -> None:
    """Release, width, alignment and names are recognised, and damage is told as it is. A cleared bit for `in use` shows
    in the counter alone where several blocks have the same size.
    """
    made = make_with(Random(repr(options)), options)
    told = check(list(made.images), made.option)
    assert judged(made, None, told).status
    assert told["heaps"][0]["layout"].endswith("-named") == options.named
    assert places(search(made.images, options.word)) == {("rtthread_mem", made.address)}
    for what in DAMAGES:
        damage = damaged(made, what, Random(f"{options}/{what}"))
        verdict = judged(made, damage, check(damage.images(made), made.option))
        assert (what, verdict.status) == (what, True), verdict.told
        assert verdict.place or verdict.told.startswith("damaged; used at"), verdict.told
