# SPDX-License-Identifier: Apache-2.0
"""rlsf's heap, byte by byte; found without a name; the model of it against the real crate."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.image.ask import check, places, search
from tests.support.makers.rlsf import POOL, TLSF, Model, model, real
from tests.support.rlsf_heap import live

# Written by hand from tlsf.rs, as a first block at 0x20000000.
POOL_BYTES = bytes.fromhex(
    "21000000" "00000000" + "61" * 24 +  # 0x20000000: 32 bytes, used; none before it
    "51000000" "00000020" +  # 0x20000020: 80 bytes, used; 0x20000000 before it
    "00000000" * 5 + "20000020" + "62" * 48 +  # a padding that ends with the header's address: aligned to 64
    "20000000" "20000020" "00000000" "00000000" + "00" * 16 +  # 0x20000070: 32 bytes, free; on a list alone
    "13000000" "70000020" "00000000" "00000000"  # 0x20000090: the last one: 16 bytes, both flags
)  # fmt: skip
FIRST = 0x2000_0000


def report(images: list[tuple[int, bytes]], at: int) -> Any:
    return check(images, f"rlsf@{at:#x}")["heaps"][0]


def test_bytes_by_hand() -> None:
    heap = report([(FIRST, POOL_BYTES)], FIRST)
    assert heap["status"] == "clean"
    assert [(block["payload"], block["state"]) for block in heap["blocks"]] == [
        (FIRST + 8, "used"), (FIRST + 0x40, "used"), (FIRST + 0x78, "free"),
    ]  # fmt: skip


def test_an_overflow_by_hand() -> None:
    """The first block's user writes 32 bytes: the second block's header is gone."""
    heap = report([(FIRST, POOL_BYTES[:8] + b"A" * 32 + POOL_BYTES[40:])], FIRST)
    first = heap["findings"][0]
    assert (heap["status"], first["rule"], first["address"]) == ("damaged", "block-size", FIRST + 0x20)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", FIRST + 8)


@pytest.mark.parametrize("seed", range(3))
def test_a_tlsf_is_found_without_a_name(seed: int) -> None:
    for made, width in ((real(Random(seed)), 8), (model(Random(seed)), 4)):
        assert any(not block.used for block in made.blocks)
        is_big = made.name == "rlsf-32" and _is_big(made.get(made.blocks[0].raw - 8, 4))
        assert places(search(made.images, width, "big" if is_big else "little")) == {("rlsf", TLSF)}


def _is_big(size: bytes) -> bool:
    return int.from_bytes(size, "big") < int.from_bytes(size, "little")


def test_a_pool_is_found_without_its_tlsf() -> None:
    made = real(Random(1))
    found = places(search(made.images[1:], 8))
    firsts = {base for base, _ in made.images[1:]}
    assert {place for _, place in found} == firsts
    assert {report(list(made.images[1:]), place)["status"] for place in firsts} == {"clean"}


def test_the_model_does_what_the_crate_does() -> None:
    """It lives lives of the real crate: the same calls leave the same bytes in the Tlsf, and the same blocks."""
    for seed in range(1, 6):
        life = live(seed, 200, 1, 8192)
        heap = Model(word=8)
        heap.add_pool(POOL, 8192)
        for user, size, align in life.calls:
            if size:
                assert heap.allocate(size, align) == user
            else:
                heap.deallocate(user, align)
        assert heap.images()[0] == life.images[0]
        assert [(place, size, used) for place, (size, used) in sorted(heap.blocks.items())][:-1] == list(life.blocks)
