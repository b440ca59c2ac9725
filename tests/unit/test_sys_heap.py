# SPDX-License-Identifier: Apache-2.0
"""Zephyr's sys_heap: bytes that were written by hand, and heaps that symbols and bytes lead to."""

from __future__ import annotations

import struct
from random import Random

import pytest

from gdbext.collect.collect import find_heaps
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.files import FileBytes
from gdbext.target.target import Target
from tests.docs.sentences.world import Symbols
from tests.image.ask import asked, check, places, search
from tests.support.makers.sys_heap import Build, SysHeap

BASE = 0x2000_0000
WIDE = [Build(word=8, order=order, big=True, stats=True, usable=usable) for order in "<>" for usable in (False, True)]

# A small heap of 72 bytes, 32 bits, without counters: 8 units and the header of the end marker.
BY_HAND = bytes.fromhex(
    "0000 0900 a5a5a5a5"  # chunk 0: nothing to its left; 4 units, used; 4 bytes that are never used
    "08000000 02000000"  # end_chunk 8; avail_buckets: list 1
    "00000000 06000000"  # the heads of lists 0 and 1: none, chunk 6
    "00000000 00000000"  # of lists 2 and 3: none
    "0400 0500 11223344"  # chunk 4: 4 units to its left; 2 units, used
    "55667788 99aabbcc"
    "0200 0400 0600 0600"  # chunk 6: 2 units to its left; 2 units, free; prev and next: itself
    "00000000 00000000"
    "0200 0100"  # the end marker: 2 units to its left; size 0, used
)


def test_the_bytes_of_a_small_heap_are_read_as_they_were_written() -> None:
    (heap,) = check([(BASE, BY_HAND)], f"sys_heap@{BASE:#x}")["heaps"]
    assert (heap["status"], heap["layout"]) == ("clean", "sys-heap-small-32")
    assert [(one["payload"] - BASE, one["size"], one["state"]) for one in heap["blocks"]] == [
        (0x24, 12, "used"),
        (0x34, 12, "free"),
    ]


def heap_at(address: int, build: Build) -> SysHeap:
    heap = SysHeap(address, 4096, build, Random(7))
    for size in (20, 300, 40):
        heap.malloc(size)
    return heap


def found(images: list[tuple[int, bytes]], **variables: tuple[int, int]) -> list[tuple[str | None, int]]:
    target = Target(FileBytes(Memory(snapshot_of(images))), Symbols(**variables))
    return [(region.name, region.address) for region in find_heaps(target).regions]


def test_symbols_lead_to_each_heap_under_its_name() -> None:
    """k_malloc's, the C library's, and two that K_HEAP_DEFINE made: the section holds k_malloc's, too."""
    heaps = [heap_at(BASE + 0x1000 * number, Build()) for number in (1, 2, 3, 4)]
    structs = b"".join(struct.pack("<3I", heap.address, heap.address, 4096) + bytes(12) for heap in heaps)
    images = [(BASE, structs), *((heap.address, bytes(heap.data)) for heap in heaps)]
    names = {
        "_system_heap": (BASE, 24),
        "z_malloc_heap": (BASE + 24, 12),
        "sensor_pool": (BASE + 48, 24),
        "net_pool": (BASE + 72, 24),
        "_k_heap_list_start": (BASE + 48, 0),
        "_k_heap_list_end": (BASE + 96, 0),
    }
    assert found(images, **names) == [
        ("_system_heap", heaps[0].address),
        ("z_malloc_heap", heaps[1].address),
        ("sensor_pool", heaps[2].address),
        ("net_pool", heaps[3].address),
    ]


def test_the_pointer_that_k_malloc_keeps_is_not_its_callers() -> None:
    heap = heap_at(BASE + 0x1000, Build())
    user = heap.malloc(30)
    assert user is not None
    heap.write(user, struct.pack("<I", BASE))  # k_malloc stores where its k_heap is
    structs = struct.pack("<3I", heap.address, heap.address, 4096) + bytes(12)
    target = Target(
        FileBytes(Memory(snapshot_of([(BASE, structs), (heap.address, bytes(heap.data))]))),
        Symbols(_system_heap=(BASE, 24)),
    )
    (block,) = [one for one in asked(target)["heaps"][0]["blocks"] if one["raw"] == user]
    assert (block["payload"], block["state"]) == (user + 4, "used")


def test_heaps_show_themselves_in_memory() -> None:
    for build in (Build(), Build(big=True, stats=True), Build(trailer=8), Build(order=">", stats=True)):
        heap = heap_at(BASE + 0x800, build)
        noise = Random(3).randbytes(0x800)
        image = [(BASE, noise + bytes(heap.data) + noise)]
        assert places(search(image, 4, "little" if build.order == "<" else "big")) == {("sys_heap", heap.address)}
    wide = heap_at(BASE + 0x800, Build(word=8, big=True))
    assert places(search([(BASE, bytes(0x800) + bytes(wide.data))], 8)) == {("sys_heap", wide.address)}


@pytest.mark.parametrize("build", WIDE, ids=repr)
def test_a_heap_of_64_bits_is_none_of_32_bits_with_trailers(build: Build) -> None:
    """Chunk 0 of both may have the same size; the lists' heads lie elsewhere."""
    heap = SysHeap(BASE, 5000, build, Random(7))
    while heap.malloc(40):
        pass
    (told,) = check([(BASE, bytes(heap.data))], f"sys_heap@{BASE:#x}")["heaps"]
    assert (told["status"], told["layout"]) == ("clean", "sys-heap-big-64")


def test_a_wrong_end_is_told_where_memory_ends_with_the_heap() -> None:
    """The byte behind the end marker's header is in no file."""
    broken = BY_HAND[:0x0A] + b"\x80" + BY_HAND[0x0B:]  # end_chunk is 8
    (heap,) = check([(BASE, broken)], f"sys_heap@{BASE:#x}")["heaps"]
    assert (heap["status"], [one["rule"] for one in heap["findings"]]) == ("damaged", ["control-constants"])
    assert [one["payload"] - BASE for one in heap["blocks"]] == [0x24, 0x34]


def test_a_small_heap_of_the_other_byte_order_is_read_though_its_bitmap_is_wrong() -> None:
    heap = heap_at(BASE, Build(order=">", big=True))
    heap.put32(12, 0xFF)
    (told,) = check([(BASE, bytes(heap.data))], f"sys_heap@{BASE:#x}")["heaps"]
    assert (told["status"], [one["rule"] for one in told["findings"]]) == ("damaged", ["bitmap"])
