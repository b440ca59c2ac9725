# SPDX-License-Identifier: Apache-2.0
"""The births and ends that exports read event by event: on any log they add up to what its report counts."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from gdbext.model.record import replace
from gdbext.model.said import Trouble
from gdbext.trace.moves import MoveReplay, moves_in
from gdbext.trace.replay import Replay, Wish
from tests.support.log import Log
from tests.unit.random_log import broken, random_log, random_wish

LOGS = 40


def compared(data: bytes, wish: Wish) -> None:
    """Live bytes and blocks of each owner are the same, and there are no fewer births than allocations."""
    reference = Replay(wish)
    try:
        reference.feed(data)
        profile = reference.finish()
    except Trouble:
        return
    sizes: Counter[int] = Counter()
    blocks: Counter[int] = Counter()
    born = 0
    replay = MoveReplay(replace(wish, run=profile.runs))
    for move in moves_in(replay, [data[at : at + 999] for at in range(0, len(data), 999)]):
        sign = 1 if move.born else -1
        sizes[move.sample] += sign * move.size
        blocks[move.sample] += sign
        born += move.born
        assert sizes[move.sample] >= 0 and blocks[move.sample] >= 0
    held = {number: use for number, use in enumerate(profile.uses) if use.live_bytes or use.live_blocks}
    assert {number: size for number, size in sizes.items() if size} == {
        number: use.live_bytes for number, use in held.items() if use.live_bytes
    }
    assert +blocks == Counter({number: use.live_blocks for number, use in held.items()})
    assert born >= profile.totals.allocations


@pytest.mark.parametrize("share", range(4))
def test_moves_add_up_to_what_is_live(share: int) -> None:
    for seed in range(share * LOGS, share * LOGS + LOGS):
        random = Random(seed)
        data, wish = random_log(random, 300), replace(random_wish(random), run="last")
        compared(data, wish)
        compared(broken(random, data), wish)


def moves(log: Log) -> list[tuple[bool, int, int]]:
    return [(one.born, one.address, one.size) for one in moves_in(MoveReplay(Wish()), [bytes(log.data)])]


@pytest.mark.parametrize("fails", [False, True])
def test_a_reallocation_waits_for_its_end(fails: bool) -> None:
    """What another task does meanwhile keeps its place."""
    log = Log()
    log.event("alloc", 0x1000, 40)
    begin = log.event("realloc-begin", 0x1000)
    log.event("alloc", 0x2000, 8, context=4)
    log.event("realloc-end", 0 if fails else 0x3000, 90, stack=log.seq - begin)
    log.event("free", 0x2000, context=4)
    moved = [] if fails else [(False, 0x1000, 40)]
    grown = [] if fails else [(True, 0x3000, 90)]
    assert moves(log) == [(True, 0x1000, 40), *moved, (True, 0x2000, 8), *grown, (False, 0x2000, 8)]


def test_an_unmapped_part_ends_a_range_and_leaves_pieces() -> None:
    log = Log(required=4)
    log.event("map", 0x10000, 0x3000)
    log.event("unmap", 0x11000, 0x1000)
    assert moves(log) == [
        (True, 0x10000, 0x3000), (False, 0x10000, 0x3000), (True, 0x10000, 0x1000), (True, 0x12000, 0x1000),
    ]  # fmt: skip


def test_an_allocation_of_what_is_live_ends_it() -> None:
    log = Log()
    log.event("alloc", 0x1000, 40)
    log.event("alloc", 0x1000, 50)
    assert moves(log) == [(True, 0x1000, 40), (False, 0x1000, 40), (True, 0x1000, 50)]
