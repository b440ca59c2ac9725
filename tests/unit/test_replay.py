# SPDX-License-Identifier: Apache-2.0
"""What a replay counts: each rule of model/profile.py on a log of a few rows. The engine agrees on random ones."""

from __future__ import annotations

import pytest

from gdbext.model.profile import Owner, Past, Profile, Use
from gdbext.trace.format import parse_header
from gdbext.trace.replay import Replay, TailFilter, Told, Wish
from tests.support.log import Log

A, B, C = 0x1000, 0x2000, 0x3000


def replayed(log: Log, **wish: object) -> Replay:
    replay = Replay(Wish(**wish))
    replay.feed(bytes(log.data))
    return replay


def profile(log: Log, **wish: object) -> Profile:
    return replayed(log, **wish).finish()


def owner(stack: int = 0, context: int = 3) -> Owner:
    return Owner(stack, context, 0, 0)


def test_an_owner_is_what_allocates() -> None:
    log = Log(tick_hz=0)
    log.stack(1, 0x400, 0x500)
    log.name(3, "main")
    log.event("alloc", A, 100, stack=1)
    log.event("alloc", B, 50, stack=1, context=4)
    log.event("free", A)
    found = profile(log)
    assert found.owners == (owner(1), owner(1, 4))
    assert found.uses == (
        Use(1, 100, 1, 0, 2, 0, 0, 100, 1, 100, 1),
        Use(1, 50, 0, 0, 0, 50, 1, 50, 1, 50, 1),
    )
    assert found.stacks == {1: (0x400, 0x500)}
    assert found.names == {3: (1, "main")}
    assert (found.totals.peak_bytes, found.totals.peak_seq, found.totals.at_peak_blocks) == (150, 1, 2)


def test_the_peak_is_the_first_moment_of_the_most() -> None:
    log = Log()
    log.event("alloc", A, 10, stack=1)
    log.event("alloc", B, 20, stack=2)
    log.event("free", A)
    log.event("alloc", C, 10, stack=3)
    found = profile(log)
    assert [use.at_peak_bytes for use in found.uses] == [10, 20, 0]
    assert (found.totals.peak_seq, found.totals.peak_bytes) == (1, 30)


def test_a_block_in_the_place_of_a_live_one_replaces_it() -> None:
    log = Log()
    log.event("alloc", A, 10, stack=1)
    log.event("alloc", A, 30, stack=2)
    found = profile(log)
    assert [use.live_bytes for use in found.uses] == [0, 30]
    assert (found.totals.replaced, found.totals.frees, found.totals.peak_bytes) == (1, 0, 30)
    assert [(one.kind, one.seq, one.block, one.owner.stack) for one in found.oddities] == [("replaced", 1, 0, 2)]


def test_a_reallocation_is_a_free_and_an_allocation() -> None:
    log = Log()
    log.event("alloc", A, 10, stack=1)
    log.event("realloc-begin", A, 40, stack=2)
    log.event("realloc-end", B, 40, stack=1)
    found = profile(log)
    assert [(use.allocations, use.frees, use.live_bytes) for use in found.uses] == [(1, 1, 0), (1, 0, 40)]
    assert found.owners == (owner(1), owner(2))
    assert found.totals.temporary == 1


def test_a_reallocation_that_fails_leaves_the_block() -> None:
    log = Log()
    log.event("alloc", A, 10, stack=1)
    log.event("realloc-begin", A, 40, stack=2)
    log.event("realloc-end", 0, 40, stack=1)
    replay = replayed(log, track=A + 4)
    found = replay.finish()
    assert found.uses == (Use(1, 10, 0, 0, 0, 10, 1, 10, 1, 10, 1),)
    assert (found.totals.failed, found.totals.frees) == (1, 0)
    assert replay.past() == [Past(A, 10, 0, 0, 0, None, None)]


def test_an_end_without_its_begin_has_no_stack() -> None:
    log = Log()
    log.event("realloc-end", A, 40, stack=0)
    assert profile(log).owners == (owner(0),)


def test_only_the_newest_4096_begins_are_remembered() -> None:
    log = Log()
    for number in range(4097):
        log.event("realloc-begin", A + 16 * number, 8, stack=1 + number % 9)
    log.event("realloc-end", 0x80000, 8, stack=4096)  # of the second begin
    log.event("realloc-end", 0x90000, 8, stack=4098)  # of the first
    assert profile(log).owners == (owner(2), owner(0))


def test_frees_that_cannot_be_right() -> None:
    log = Log()
    log.event("alloc", A, 64, stack=1)
    log.event("free", A + 8, stack=2)
    log.event("free", A, stack=3)
    log.event("free", A, stack=4)
    log.event("free", B, stack=5)
    totals = profile(log).totals
    assert (totals.interior_frees, totals.double_frees, totals.unknown_frees, totals.older) == (1, 1, 1, 0)
    found = [(one.kind, one.seq, one.address, one.owner.stack, one.block) for one in profile(log).oddities]
    assert found == [("interior", 1, A + 8, 2, 0), ("double", 3, A, 4, 0), ("unknown", 4, B, 5, None)]


def test_what_is_unknown_in_a_log_with_gaps_is_older() -> None:
    log = Log(seq=7)
    log.event("free", B)
    log.event("free", B)
    found = profile(log)
    assert (found.totals.unknown_frees, found.totals.older, found.totals.double_frees) == (0, 1, 1)
    assert [one.kind for one in found.oddities] == ["double"]
    assert found.totals.lost == 7


def test_a_free_before_anyone_allocates_again_is_temporary() -> None:
    log = Log()
    for address in (A, B):
        log.event("alloc", address, 8)
    log.event("free", B)
    log.event("free", A)
    assert profile(log).totals.temporary == 1


def test_lifetimes_are_times_or_events() -> None:
    log = Log(time=5)
    log.event("alloc", A, 8)
    log.time = 25
    log.event("mark", 2)
    log.event("free", A)
    assert profile(log).uses[0].lifetime == 20
    log.data[36:40] = bytes(4)
    assert profile(log).uses[0].lifetime == 2


def test_live_blocks_are_older_than_the_log() -> None:
    log = Log()
    log.live(A, 30, stack=1)
    log.event("alloc", B, 5)
    log.event("free", A)
    found = profile(log)
    assert (found.totals.allocations, found.totals.frees, found.totals.peak_bytes) == (1, 1, 35)
    assert found.by_time.live[0] == (30, 0)
    replay = replayed(log)
    assert replay.finish() == found and [one.address for one in replay.live()] == [B]


def test_maps_are_cut_by_unmaps() -> None:
    log = Log()
    log.event("map", 0x10000, 0x4000, stack=1)
    log.event("unmap", 0x11000, 0x1000)
    replay = replayed(log)
    found = replay.finish()
    assert [(one.address, one.size, one.mapped) for one in replay.live()] == [
        (0x10000, 0x1000, True),
        (0x12000, 0x2000, True),
    ]
    assert (found.totals.live_bytes, found.totals.live_blocks, found.totals.frees) == (0x3000, 2, 1)
    log.event("map", 0x10800, 0x2000, stack=2)
    log.event("free", 0x10000)
    log.event("unmap", 0, 0x100000)
    found = profile(log)
    assert (found.totals.live_bytes, found.totals.frees, found.totals.unknown_frees) == (0, 2, 1)
    assert [use.peak_bytes for use in found.uses] == [0x4000, 0x2000]


def marked() -> Log:
    log = Log()
    log.name(5, "start", kind=2)
    log.name(6, "stop", kind=2)
    log.event("mark", 6)
    log.event("alloc", A, 10, stack=1)
    log.event("mark", 5)
    log.event("free", A)
    log.event("alloc", B, 20, stack=2)
    log.event("mark", 6)
    log.event("free", B)
    return log


@pytest.mark.parametrize(
    ("since", "until"),
    [(("mark", "start"), ("mark", "stop")), (("seq", 3), ("seq", 4)), (("seq", 3), ("mark", "stop"))],
)
def test_a_window(since: object, until: object) -> None:
    found = profile(marked(), since=since, until=until)
    assert (found.totals.events, found.totals.older, found.owners) == (2, 1, (owner(2),))
    assert (found.uses[0].live_bytes, found.totals.first_seq, found.totals.last_seq) == (20, 3, 4)


def test_times_of_a_window() -> None:
    log = Log()
    for log.time in range(10, 20):
        log.event("alloc", A + 16 * log.time, 8)
    totals = profile(log, since=("time", 12), until=("time", 15)).totals
    assert (totals.first_time, totals.last_time, totals.live_blocks) == (12, 15, 4)


def test_sizes_that_do_not_count() -> None:
    log = Log()
    for number, size in enumerate((4, 8, 16)):
        log.event("alloc", A * (1 + number), size)
    log.event("free", A)
    totals = profile(log, least=5, most=10).totals
    assert (totals.allocations, totals.older, totals.live_bytes) == (1, 1, 8)


def test_nodes_of_a_grouping() -> None:
    log = Log()
    log.stack(1, 0x400)
    log.event("alloc", A, 10, stack=1)
    log.event("free", A)
    log.event("alloc", B, 7, stack=2)
    log.event("alloc", C, 1, stack=3)
    asked = []

    def group(one: Owner, stack: tuple[int, ...]) -> list[int] | None:
        asked.append((one.stack, stack))
        return {1: [0, 2], 2: [2], 3: None}[one.stack]

    found = profile(log, group=group)
    assert asked == [(1, (0x400,)), (2, ()), (3, ())]
    assert [(node.bytes, node.peak_bytes, node.at_peak_bytes) for node in found.nodes] == [
        (10, 10, 10),
        (0, 0, 0),
        (17, 10, 10),
    ]
    assert found.totals.peak_bytes == 10


def test_windows_are_joined_when_there_are_65() -> None:
    log = Log()
    for number in range(65 * 64):
        log.event("alloc", A + 16 * number, 1)
    found = profile(log).by_time
    assert [end.seq for end in found.ends] == [0, *range(127, 64 * 64, 128), 65 * 64 - 1]
    assert found.live[0] == (*range(128, 64 * 64 + 1, 128), 65 * 64)
    log.event("mark", 5)
    assert [(end.seq, end.name) for end in profile(log).by_mark.ends] == [(0, 0), (4160, 5)]


def test_the_timeline_keeps_its_peaks() -> None:
    log = Log(tick_hz=0)
    for number in range(1500):
        log.event("alloc", A, 1 + (number == 700) * 99)
        log.event("free", A)
    buckets = profile(log).timeline
    assert len(buckets) <= 1024 and [one.end for one in buckets] == [*range(3, 3001, 4), 3003]
    assert max(one.most_bytes for one in buckets) == 100 and {one.least_bytes for one in buckets} == {0}


def two_runs() -> Log:
    log = Log(time=50)
    log.stack(1, 0x400)
    log.event("alloc", A, 10, stack=1)
    log.event("assert", 0, 812)
    log.failure("tlsf_free", "block")
    log.seq = log.time = 0
    log.header()
    log.stack(1, 0x800)
    log.stack(2, 0x400)
    log.event("alloc", A, 20, stack=1)
    log.event("alloc", B, 30, stack=2)
    return log


@pytest.mark.parametrize(
    ("run", "stacks", "lives", "failure"),
    [
        ("last", {1: (0x800,), 2: (0x400,)}, [20, 30], None),
        (2, {1: (0x800,), 2: (0x400,)}, [20, 30], None),
        (1, {1: (0x400,)}, [10], (1, 812, "tlsf_free", "block")),
        ("all", {1: (0x400,), 1 + (1 << 32): (0x800,)}, [30, 20], (1, 812, "", "")),
    ],
)
def test_runs(run: object, stacks: object, lives: list[int], failure: object) -> None:
    found = profile(two_runs(), run=run)
    assert (found.runs, found.stacks, found.failure) == (2, stacks, failure)
    assert [use.live_bytes for use in found.uses] == lives


def test_a_history() -> None:
    log = Log()
    log.event("free", A, stack=1)
    log.event("alloc", A - 8, 64, stack=2)
    log.event("free", A - 8, stack=3)
    log.event("alloc", A, 16, stack=4)
    replay = replayed(log, track=A)
    replay.finish()
    assert replay.past() == [
        Past(A, 16, 1, 3, 0, None, None),
        Past(A - 8, 64, 0, 1, 0, 2, owner(3)),
        Past(A, None, -1, None, None, 0, owner(1)),
    ]


def test_a_tail() -> None:
    log = Log()
    for number in range(9):
        log.event("alloc", A + number, number, stack=number % 2)
    replay = replayed(log, tail=2, tail_filter=TailFilter(most=7, last=6, owner=lambda one, _: one.stack == 1))
    replay.finish()
    assert [event.seq for event in replay.tail()] == [3, 5]


def test_events_of_anything_else() -> None:
    log = Log()
    log.event("alloc", A, 10, stack=1)
    first = replayed(log, tail=1)
    first.finish()
    replay = Replay(Wish(), Told(stacks={1: (0x400,)}, lost=3))
    replay.begin(parse_header(bytes(log.data)))
    replay.event(first.tail()[0])
    found = replay.finish()
    assert (found.stacks, found.totals.lost, found.totals.live_bytes) == ({1: (0x400,)}, 3, 10)


def test_a_tag_and_a_task_of_one_number_have_names_of_their_own() -> None:
    log = Log(8)
    log.name(3, "main")
    log.name(3, "network", kind=3)
    log.row(A, 100, 3 | 3 << 24, 1)
    found = profile(log)
    assert [found.names[number] for number in (found.owners[0].context, found.owners[0].tag)] == [
        (1, "main"),
        (3, "network"),
    ]


def test_what_lived_before_a_restart_is_not_told() -> None:
    """Nothing was freed: it is not known. A free of what was allocated before, or meanwhile, is no double free."""
    log = Log()
    for address in (A, B, C):
        log.event("alloc", address, 10)
    log.event("free", C)
    log.event("control", 2, 0)
    log.event("control", 0x200, 0)
    log.event("alloc", B, 40)
    for address in (A, C, 0x4000):
        log.event("free", address)
    totals = profile(log).totals
    assert (totals.restarts, totals.live_blocks, totals.live_bytes, totals.frees) == (1, 1, 40, 1)
    assert (totals.older, totals.unknown_frees, totals.double_frees, totals.replaced) == (3, 0, 0, 0)
