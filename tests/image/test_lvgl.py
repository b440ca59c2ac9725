# SPDX-License-Identifier: Apache-2.0
"""LVGL's built-in heap: found through lv_global, with the pools of lv_mem_add_pool that its list names."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.docs.sentences.world import Symbols, ask, world
from tests.support.tlsf_pools import BASE, FULL, LOADED, PLAIN, Pools

GLOBAL = 0x3000_0000
BEHIND_OTHERS = 520  # bytes of lv_global in front of its tlsf_state
POOLS = Pools(PLAIN, [[(24, True), (24, True), *LOADED, (400, False)], FULL], 600)


def checked(*nodes: tuple[int, int, int], size: int = 4) -> Any:
    """A program with LVGL. `nodes`: pool, previous and next of the list's nodes, in blocks of the heap."""
    data = bytearray(POOLS.data)
    for place, node in zip(POOLS.places(0), nodes, strict=False):
        struct.pack_into("<3I", data, place - BASE, *node)
    state = struct.pack("<6I", POOLS.control, 1000, 2000, size, POOLS.places(0)[0], POOLS.places(0)[1])
    variable = bytes(BEHIND_OTHERS) + state + bytes(64)
    program = Symbols(lv_global=(GLOBAL, len(variable)))
    return ask(world([(BASE, bytes(data)), (GLOBAL, variable)], program=program), "check", "--blocks")


def listed() -> list[tuple[int, int, int]]:
    """The list as LVGL has it: the newest pool first."""
    one, other = POOLS.places(0)[:2]
    return [(POOLS.starts[1], 0, other), (POOLS.starts[0], one, 0)]


def test_pools_are_those_of_the_list() -> None:
    """The second pool is all used, so no free list leads to it."""
    report = checked(*listed())
    (heap,) = report.heaps
    assert (heap.kind, heap.status, heap.address) == ("tlsf", "clean", POOLS.control)
    assert {(block.payload, block.size) for block in heap.blocks if block.state == "used"} == POOLS.used
    assert not [skip for skip in report.skipped if skip.check == "pools"]


@pytest.mark.parametrize(
    "nodes",
    [
        [(POOLS.starts[1], 77, 0)],  # does not lead back
        [(POOLS.starts[1], 0, POOLS.places(0)[0])],  # leads to itself
        [(3, 0, 0)],  # no pool
        [(0x4141_4141, 0, 0x4141_4141)],
    ],
)
def test_a_list_that_cannot_be_right_names_no_pool(nodes: list[tuple[int, int, int]]) -> None:
    (heap,) = checked(*nodes).heaps
    assert heap.status == "clean"
    assert not {block.payload for block in heap.blocks} - set(POOLS.places(0)) - set(POOLS.places(1))
