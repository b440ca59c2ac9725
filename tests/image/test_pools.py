# SPDX-License-Identifier: Apache-2.0
"""TLSF with several pools, in one memory with gaps between or each in its own; regions of a heap_5 likewise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.image.ask import check
from tests.support import fixtures
from tests.support.tlsf_image import Shape, pooled_image
from tests.support.tlsf_pools import BASE, FULL, LOADED, PLAIN, RAM, WIDE, Images, Pools

GAPS = (0, 8, 40, 600, 5000)


def heap_of(pools: Pools, images: Images | None = None) -> Any:
    (heap,) = check([(BASE, pools.data)] if images is None else images, f"tlsf@{pools.control:#x}")["heaps"]
    return heap


def used(heap: Any) -> set[tuple[int, int]]:
    return {(block["payload"], block["size"]) for block in heap["blocks"] if block["state"] == "used"}


def mended(data: bytes, address: int, word: int) -> bytes:
    return data[: address - BASE] + word.to_bytes(4, "little") + data[address - BASE + 4 :]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("shape", [PLAIN, WIDE], ids=["32", "64"])
def test_clean_pools_are_clean_and_whole(shape: Shape, gap: int) -> None:
    last_free = [*LOADED, (400, False)]
    pools = Pools(shape, [last_free, [*LOADED, (48, False)], [(2000, False)]], gap)
    for images in ([(BASE, pools.data)], pools.apart):
        heap = heap_of(pools, images)
        assert (heap["status"], heap["findings"], heap["gaps"], heap["missing"]) == ("clean", [], [], 0)
        assert used(heap) == pools.used
        assert heap["largest_free"] == 2000


def test_a_pool_may_lie_in_front_of_the_control_block() -> None:
    pools = Pools(PLAIN, [[*LOADED, (400, False)]], 0, control=BASE + 0x4000)
    data = pooled_image(
        BASE, RAM, {pools.starts[0]: pools.blocks[0], BASE + 0x1000: [*LOADED, (64, False)]}, PLAIN, pools.control
    )
    (heap,) = check([(BASE, data)], f"tlsf@{pools.control:#x}")["heaps"]
    assert (heap["status"], len(used(heap))) == ("clean", 10)


@pytest.mark.parametrize("gap", GAPS)
def test_damage_in_the_second_pool_is_seen(gap: int) -> None:
    pools = Pools(PLAIN, [[*LOADED, (400, False)], [*LOADED, (48, False)]], gap)
    victim = pools.places(1)[3]
    pools.data = mended(pools.data, victim - 4, 0x6F6C6C65)
    for images in ([(BASE, pools.data)], pools.apart):
        heap = heap_of(pools, images)
        assert heap["status"] == "damaged"
        assert {finding["block"] for finding in heap["findings"]} == {victim}
        assert pools.used - used(heap) <= {(victim, 32)}


def test_a_cleared_header_is_no_end_of_a_pool() -> None:
    """The image ends with the heap: what follows the zero is the rest of this pool, not another one."""
    pools = Pools(PLAIN, [[*LOADED, *LOADED, (400, False)]], 0)
    victim = pools.places(0)[3]
    data = mended(pools.data, victim - 4, 0)
    heap = heap_of(pools, [(BASE, data[: pools.end(0) - BASE])])
    assert heap["status"] == "damaged"
    assert victim in {finding["block"] for finding in heap["findings"]}


def as_file(tmp_path: Any, data: bytes) -> str:
    (tmp_path / "ram.bin").write_bytes(data)
    return f"--image={BASE:#x}={tmp_path / 'ram.bin'}"


def test_a_full_pool_is_told_of_and_checked_once_it_is_named(tmp_path: Any) -> None:
    pools = Pools(PLAIN, [[*LOADED, (400, False)], FULL], 600)
    image, option = as_file(tmp_path, pools.data), f"--heap=tlsf@{BASE:#x}"
    unnamed = memtrace("check", image, option, "--json", "--blocks").json()
    span = f"{pools.starts[1]:#x},{pools.end(1):#x}"
    assert [one["check"] for one in unnamed["skipped"] if f"--pool {span}" in one["why"]] == ["pools"]
    named = memtrace("check", image, option, f"--pool={span}", "--json", "--blocks").json()
    (heap,) = named["heaps"]
    assert (heap["status"], used(heap)) == ("clean", pools.used)
    assert "pools" not in {one["check"] for one in named["skipped"]}


def test_what_is_wrong_with_a_named_pool_is_said(tmp_path: Any) -> None:
    pools = Pools(PLAIN, [[*LOADED, (400, False)]], 0)
    image, option = as_file(tmp_path, pools.data), f"--heap=tlsf@{BASE:#x}"
    said = memtrace("check", image, option, f"--pool={BASE + 0x8000:#x},{BASE + 0x9000:#x}", "--json")
    assert "pools" in {one["check"] for one in said.json()["skipped"]}
    for wrong in ("0x20008000", "0x20009000,0x20008000"):
        refused = memtrace("check", image, option, f"--pool={wrong}")
        assert (refused.status, refused.err.count("\n")) == (2, 1)
        assert "--pool" in refused.err
    two = memtrace("check", image, option, f"--heap=tlsf@{BASE + 64:#x}", "--pool=0x20008000,0x20009000")
    assert (two.status, two.err.count("\n")) == (2, 1)


def test_a_pool_that_was_not_given_is_no_damage() -> None:
    pools = Pools(PLAIN, [[*LOADED, (400, False)], [*LOADED, (2000, False)]], 5000)
    heap = heap_of(pools, pools.apart[:1])
    assert (heap["status"], heap["findings"]) == ("unreadable", [])
    assert used(heap) == {pair for pair in pools.used if pair[0] < pools.end(0)}


def test_regions_of_a_heap_5_may_lie_in_one_memory() -> None:
    """The fixture's two regions, moved together with their pointers, with memory between that is no heap."""
    case = fixtures.case("a083")
    first, second = case.images[0], case.images[1]
    for gap in (64, 1024):
        start = first.base + first.length + gap
        shift, data = second.base - start, bytearray(first.data + b"\x11" * gap + second.data)
        for place in range(0, len(data) - 3, 8):
            word = int.from_bytes(data[place : place + 4], "little")
            if second.base <= word < second.base + second.length:
                data[place : place + 4] = (word - shift).to_bytes(4, "little")
        (heap,) = check([(first.base, bytes(data))], case.heap.option)["heaps"]
        assert (heap["status"], heap["findings"]) == ("clean", [])
        moved = {block.payload - (shift if block.payload >= second.base else 0) for block in case.truth.blocks}
        assert {payload for payload, _ in used(heap)} == moved
