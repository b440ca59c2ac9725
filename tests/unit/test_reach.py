# SPDX-License-Identifier: Apache-2.0
"""Who points at a block, and what nobody points at: on memory that the test writes word by word."""

from __future__ import annotations

import pytest

from gdbext.analyse.reach import Reach, Root, UsedBlock
from gdbext.source.snapshot import ByteOrder, Snapshot

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))
HEAP, GLOBALS, STACK = 0x2000_0000, 0x1000_0000, 0x3000_0000
BYTES = 64  # of each block, behind a header of one word


class World:
    """Eight blocks without contents, some globals, a stack."""

    def __init__(self, width: int, order: ByteOrder) -> None:
        self.width, self.order = width, order
        self.heap, self.globals, self.stack = bytearray(8 * (BYTES + width)), bytearray(64), bytearray(64)
        starts = [HEAP + width + number * (BYTES + width) for number in range(8)]
        self.blocks = [UsedBlock(start, start + BYTES, start, HEAP, start + BYTES - width) for start in starts]
        self.roots = [Root("global", "globals", GLOBALS, GLOBALS + 64), Root("stack", "stack", STACK, STACK + 64)]

    def put(self, address: int, value: int) -> None:
        for base, data in ((HEAP, self.heap), (GLOBALS, self.globals), (STACK, self.stack)):
            if base <= address < base + len(data):
                data[address - base : address - base + self.width] = value.to_bytes(self.width, self.order)

    def reach(self) -> Reach:
        held = Snapshot(self.width, self.order)
        for base, data in ((HEAP, self.heap), (GLOBALS, self.globals), (STACK, self.stack)):
            held.add(base, bytes(data))
        return Reach(held, self.blocks)


@pytest.fixture(params=FORMATS, ids=lambda one: f"{one[0]}-{one[1]}")
def world(request: pytest.FixtureRequest) -> World:
    width, order = request.param
    return World(width, order)


def test_what_roots_lead_to_is_reachable_and_the_rest_is_not(world: World) -> None:
    blocks, width = world.blocks, world.width
    world.put(GLOBALS + 8, blocks[0].start)
    world.put(blocks[0].start + 3 * width, blocks[1].start + 17)  # an interior pointer
    world.put(STACK + 2 * width, blocks[2].end - 1)
    world.put(blocks[4].start + 4 * width, blocks[5].start)  # from one that is lost itself
    world.put(GLOBALS, blocks[6].end)  # behind a block is outside of it
    reach = world.reach()
    lost = reach.unreachable(world.roots, [("thread 1 a0", blocks[3].start + 8)])
    assert lost == [4, 5, 6, 7]
    assert reach.holders(lost) == {5: 4}


def test_a_circle_that_nobody_points_at_is_lost(world: World) -> None:
    blocks, width = world.blocks, world.width
    world.put(blocks[0].start + 2 * width, blocks[1].start)
    world.put(blocks[1].start + 2 * width, blocks[0].start)
    assert world.reach().unreachable(world.roots, []) == list(range(8))


def test_links_of_free_lists_that_were_left_behind_are_no_pointers(world: World) -> None:
    blocks, width = world.blocks, world.width
    world.put(GLOBALS, blocks[0].start)
    header = blocks[2].end - width  # where the header of the block behind begins
    for place in (blocks[0].start, blocks[0].start + width, blocks[0].end - width):
        world.put(place, header)
    assert 2 in world.reach().unreachable(world.roots, [])
    world.put(blocks[0].start + 2 * width, header)  # where no link ever stands
    assert 2 not in world.reach().unreachable(world.roots, [])


def test_every_place_that_points_at_a_block_is_named(world: World) -> None:
    blocks, width = world.blocks, world.width
    world.put(GLOBALS + 16, blocks[3].start + 4)
    world.put(STACK, blocks[3].start)
    world.put(blocks[6].start + 2 * width, blocks[3].start)
    found = list(world.reach().pointers_to(*blocks[3][:2], world.roots, [("thread 2 a1", blocks[3].start)]))
    assert [(one.kind, one.block, one.address) for one in found] == [
        ("register", None, None),
        ("global", None, GLOBALS + 16),
        ("stack", None, STACK),
        ("block", blocks[6].payload, blocks[6].start + 2 * width),
    ]
    assert found[0].name == "thread 2 a1"


def test_what_could_not_be_read_is_not_scanned() -> None:
    world = World(4, "little")
    world.put(GLOBALS + 32, world.blocks[0].start)
    held = Snapshot()
    held.add(HEAP, bytes(world.heap))
    held.add(GLOBALS, bytes(world.globals[:30]))
    held.add(GLOBALS + 34, bytes(world.globals[34:]))
    assert Reach(held, world.blocks).unreachable(world.roots, []) == list(range(8))
    assert Reach(held, []).unreachable(world.roots, []) == []
