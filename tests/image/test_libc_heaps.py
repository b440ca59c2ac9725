# SPDX-License-Identifier: Apache-2.0
"""The heaps of C libraries byte by byte, and what symbols add to them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.image.ask import check, search
from tests.image.proofs.libc import first_bucket, listed, told
from tests.support.libc_bytes import DL, NANO, PICO, dl, nano, pico
from tests.support.picolibc_image import Form, Picolibc, load


def heap_of(images: list[tuple[int, bytes]], option: str) -> Any:
    return check(images, option)["heaps"][0]


def blocks(heap: Any) -> list[tuple[int, int, int, str]]:
    return [(one["payload"], one["raw"], one["size"], one["state"]) for one in heap["blocks"]]


def test_nano_by_hand() -> None:
    """Users' pointers are multiples of 8; the bytes that align them belong to the chunk."""
    heap = heap_of(nano(), NANO)
    assert (heap["status"], heap["layout"], heap["end"]) == ("clean", "newlib-nano-32", 0x2000_1094)
    assert blocks(heap) == [
        (0x2000_1008, 0x2000_1004, 24, "used"), (0x2000_1020, 0x2000_1020, 16, "used"),
        (0x2000_1034, 0x2000_1034, 20, "free"), (0x2000_1050, 0x2000_104C, 24, "used"),
        (0x2000_1068, 0x2000_1068, 28, "free"), (0x2000_1088, 0x2000_1088, 12, "used"),
    ]  # fmt: skip


def test_picolibc_by_hand() -> None:
    heap = heap_of(pico(), PICO)
    assert (heap["status"], heap["layout"], heap["end"]) == ("clean", "picolibc-32", 0x2000_105C)
    assert blocks(heap) == [
        (0x2000_1008, 0x2000_1008, 20, "used"),
        (0x2000_1020, 0x2000_1020, 20, "free"),
        (0x2000_1038, 0x2000_1038, 36, "used"),
    ]


def test_dlmalloc_by_hand() -> None:
    heap = heap_of(dl(), DL)
    assert (heap["status"], heap["layout"], heap["end"]) == ("clean", "newlib-dl-32", 0x2000_2000)
    assert blocks(heap) == [
        (0x2000_1008, 0x2000_1008, 28, "used"), (0x2000_1028, 0x2000_1028, 20, "free"),
        (0x2000_1040, 0x2000_1040, 28, "used"), (0x2000_1060, 0x2000_1060, 20, "free"),
        (0x2000_1078, 0x2000_1078, 28, "used"), (0x2000_1098, 0x2000_1098, 0xF68, "free"),
    ]  # fmt: skip


def test_an_overflow_into_the_top_chunk() -> None:
    heap = heap_of(dl((0x2000_1078, b"A" * 36)), DL)
    first = heap["findings"][0]
    assert (heap["status"], first["rule"], first["address"]) == ("damaged", "block-size", 0x2000_1094)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", 0x2000_1078)


def test_an_overflow_of_nano_by_hand() -> None:
    """The third used block's user writes 8 bytes too many, from its first byte on."""
    heap = heap_of(nano(0x2000_1050, b"A" * 28), NANO)
    first = heap["findings"][0]
    assert (heap["status"], first["rule"], first["address"]) == ("damaged", "block-size", 0x2000_1064)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", 0x2000_1050)


def test_a_write_in_front_of_a_block_of_nano() -> None:
    """What free would follow to the size is another word."""
    heap = heap_of(nano(0x2000_104C, b"\0\0\0\0"), NANO)
    assert [(one["rule"], one["address"]) for one in heap["findings"]] == []  # it may be a lost chunk's link
    heap = heap_of(nano(0x2000_104C, b"\x7f\0\0\0"), NANO)
    assert [(one["rule"], one["address"], one["block"]) for one in heap["findings"]] == [
        ("user-offset", 0x2000_104C, 0x2000_1050)
    ]
    assert heap["findings"][0]["explanations"][0]["kind"] == "underflow"


def test_a_chunk_that_is_on_the_list_twice() -> None:
    """What free of a freed block leaves: the list never ends. malloc hands the chunk out again and again."""
    heap = heap_of(nano(0x2000_1034, bytes.fromhex("30100020")), NANO)
    assert [(one["rule"], one["address"]) for one in heap["findings"]] == [("list-cycle", 0x2000_1034)]


def test_without_variables_free_chunks_are_not_known() -> None:
    report = check(nano()[1:], NANO)
    assert report["heaps"][0]["status"] == "clean"
    assert any("__malloc_free_list" in one["why"] for one in report["skipped"])


@pytest.mark.parametrize("form", [Form(4, 16, 5), Form(4, 8, 4), Form(8, 16, 5), Form(8, 16, 0)], ids=str)
def test_buckets_by_symbols(form: Form) -> None:
    """With symbols every free chunk is on a known list."""
    heap = Picolibc(0x2000_1000, form)
    load(heap, Random(3), 250)
    report = told(heap)
    assert (report["status"], report["findings"]) == ("clean", [])
    have = [(one["payload"], one["size"], one["state"] == "used") for one in report["blocks"]]
    assert have == heap.blocks()


def test_a_write_into_a_chunk_in_a_bucket() -> None:
    heap = Picolibc(0x2000_1000, Form(buckets=5))
    load(heap, Random(7), 300)
    chunk = listed(heap, first_bucket(heap))[0]
    heap.write(chunk, b"still mine")
    first = told(heap)["findings"][0]
    assert (first["rule"], first["address"]) == ("list-link", chunk)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("write-after-free", chunk)


def test_they_do_not_show_themselves() -> None:
    """Sizes and a list have no mark: nothing is claimed without a name."""
    assert search(nano()).regions == search(pico()).regions == search(dl()).regions == []
