# SPDX-License-Identifier: Apache-2.0
"""What heap-free, heap-view and heap-bins say of heaps of every family."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest

from gdbext.report.text.free import free_lines
from gdbext.target.files import image_target
from tests.docs.sentences.world import ask
from tests.support.made import Made, makers


def viewed(images: Any, heap: str, address: int, *more: str) -> Any:
    return ask(image_target(list(images), []), "view", hex(address), *more, heap=heap)


@pytest.mark.parametrize("name", makers())
@pytest.mark.parametrize("seed", range(3))
def test_the_rows_of_every_family_cover_each_block(name: str, seed: int) -> None:
    made: Made = makers()[name](Random(seed))
    middle = made.blocks[len(made.blocks) // 2]
    report = viewed(made.images, made.option, middle.raw, "--blocks", "1000", "--all")
    truth = {block.user if block.used else block.raw: block for block in made.blocks}
    assert {one.payload for one in report.blocks} == set(truth)
    for block in report.blocks:
        assert block.state == ("used" if truth[block.payload].used else "free")
        rows = block.rows
        assert rows[-1].address + rows[-1].length == truth[block.payload].end
        assert all(one.address + one.length == two.address for one, two in pairwise(rows))
        for row in rows:
            data = made.get(row.address, row.length)
            assert row.bytes == data[:16].hex()
            assert row.kind != "fill" or len(set(data)) == 1
    assert not any(row.damage for block in report.blocks for row in block.rows)


@pytest.mark.parametrize("name", makers())
def test_lists_have_every_free_block_of_an_intact_heap(name: str) -> None:
    made: Made = makers()[name](Random(2))
    (heap,) = ask(image_target(list(made.images), []), "bins", "--all", heap=made.option).heaps
    free = {block.raw: block.size for block in made.blocks if not block.used}
    listed = [payload for one in heap.bins for payload in one.payloads]
    assert sorted([*listed, *heap.unlisted]) == sorted(free)
    assert heap.free_bytes == sum(free.values())
    assert heap.broken == ()


@pytest.mark.parametrize("name", makers())
def test_every_family_says_what_fits(name: str) -> None:
    made: Made = makers()[name](Random(1))
    target = image_target(list(made.images), [])
    sizes = [block.size for block in made.blocks if not block.used]
    assert sizes
    for size, fits in ((1, True), (2 * max(sizes) + 64, False)):
        report = ask(target, "free", "--for", str(size), heap=made.option)
        assert [one.fits for one in report.candidates] == [fits], report.candidates
        assert next(iter(free_lines(report))).startswith("why: ")
