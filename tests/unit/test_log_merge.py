# SPDX-License-Identifier: Apache-2.0
"""The streams of a log whose regions stand in any order are merged by time, in little memory."""

from __future__ import annotations

import struct
from random import Random

import pytest

from gdbext.trace.engine import EngineReplay
from gdbext.trace.format import Header
from gdbext.trace.log import LogEvent, LogReader, items_of
from gdbext.trace.log_regions import sorted_regions
from gdbext.trace.replay import Wish
from tests.support.log import Log
from tests.support.process_log import PACK_EVENTS, REQUIRED, ProcessLog
from tests.unit.random_log import broken

Known = list[tuple[int, int, int, int]]  # time, number, stream, address


def merged(data: bytes) -> list[bytes]:
    return list(sorted_regions(lambda at, size: data[at : at + size], len(data)))


def events_of(data: bytes) -> list[LogEvent]:
    reader = LogReader()
    found = [item for item in items_of(reader, merged(data)) if isinstance(item, LogEvent)]
    assert (reader.lost, reader.unread) == (0, 0)
    return found


def process_with(threads: int, events: int, random: Random, **more: int) -> tuple[ProcessLog, Known]:
    """A log whose threads work in turns of random length, and what is in it."""
    log, time, known = ProcessLog(**more), 1000, []
    for number in range(16, 16 + threads):
        log.thread(number, f"worker-{number - 16}")
    while len(known) < events:
        thread = random.randrange(16, 16 + threads)
        for _ in range(random.choice((1, 2, 30, 900))):
            time += random.choice((0, 0, 1, 3))
            address = 0x1000 + 16 * len(known)
            known.append((time, log.event(thread, time, "alloc", address, 16), thread, address))
    return log, sorted(known)


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_all_events_come_in_the_order_of_their_times(pointer_size: int) -> None:
    for seed in range(2):
        log, known = process_with(7, 9_000, Random(seed), pointer_size=pointer_size)
        data = log.finish()
        found = events_of(data)
        assert [(event.time, event.address, event.context) for event in found] == [
            (time, address, thread) for time, _, thread, address in known
        ]
        replay = EngineReplay(Wish(tail=len(known)))
        for piece in merged(data):
            replay.feed(piece)
        profile = replay.finish()
        assert [event.address for event in replay.tail()] == [address for *_, address in known]
        assert (profile.totals.lost, profile.totals.unread, profile.totals.live_blocks) == (0, 0, len(known))


def test_definitions_come_before_all_events() -> None:
    log, _ = process_with(3, 3000, Random(1))
    log.define("stack", 9, 0x401000)
    log.define("name", 17, "a better name", 1)
    reader, first = LogReader(), False
    for item in items_of(reader, merged(log.finish())):
        if isinstance(item, LogEvent) and not first:
            first = True
            assert reader.stacks == {9: (0x401000,)} and reader.names[17] == (1, "a better name")
            assert reader.heaps == {0: ("host", 4, 0), 1: ("mmap", 5, 0), 2: ("dma", 6, 0)}
            assert reader.process is not None and reader.process.command == "./app\0--fast"
    assert first


def test_a_reader_waits_for_a_pack_of_each_thread_alone() -> None:
    threads = 12
    log = ProcessLog(region_bytes=1 << 20)
    for number in range(16, 16 + threads):
        log.thread(number)
    for turn in range(2 * PACK_EVENTS):
        for number in range(16, 16 + threads):
            log.event(number, turn, "alloc", 0x1000 + 16 * turn, 8)
    reader, most, count = LogReader(), 0, 0
    for item in items_of(reader, merged(log.finish())):
        count += not isinstance(item, Header)
        most = max(most, len(reader._waiting))
    assert count == 2 * PACK_EVENTS * threads and reader.lost == 0
    assert most <= (threads + 1) * PACK_EVENTS


def test_torn_rows_are_counted_and_lose_nothing_else() -> None:
    log, known = process_with(5, 4000, Random(3))
    replay = EngineReplay(Wish(tail=len(known)))
    for piece in merged(log.finish(torn=True)):
        replay.feed(piece)
    profile = replay.finish()
    assert (profile.totals.events, profile.totals.unread, profile.totals.lost) == (len(known), 5, 0)
    assert [event.address for event in replay.tail()] == [address for *_, address in known]


def test_rows_before_a_window_are_in_order_too() -> None:
    """A writer may have no packs: rows behind a SYNC, far more than a slice has."""
    log = Log(8, required=REQUIRED)
    known = []
    for stream in (16, 17):
        inside = log.inside()
        for turn in range(5000):
            if turn % 1500 == 0:
                inside.sync(turn * (1 << 16))
            inside.time = turn * (1 << 16)
            inside.event("alloc", 0x1000 * stream + turn, 8, context=stream)
            known.append((inside.time, turn, stream))
        log.region(stream, 0, bytes(inside.data))
    assert [(event.time, event.address & 0xFFF, event.context) for event in events_of(bytes(log.data))] == [
        (time, turn & 0xFFF, stream) for time, turn, stream in sorted(known)
    ]


def test_long_skips_and_zeros_are_passed_over() -> None:
    log = Log(8, required=REQUIRED)
    inside = log.inside()
    inside.skip(2 << 20)
    inside.data += bytes(3 << 20)
    inside.sync(50)
    inside.event("alloc", 0x1000, 8)
    inside.data += bytes(1 << 20)
    log.region(16, 0, bytes(inside.data))
    log.data += bytes(1 << 20)
    pieces = merged(bytes(log.data))
    assert sum(map(len, pieces)) < 1 << 16
    assert [event.address for event in items_of(LogReader(), pieces) if isinstance(event, LogEvent)] == [0x1000]


def changed(data: bytes, random: Random) -> bytes:
    """The log with sizes and times of its records made large, small or random."""
    made = bytearray(data)
    for _ in range(random.randrange(1, 20)):
        at = random.randrange(416 // 32, len(made) // 32) * 32 + random.choice((0, 8, 16, 24))
        struct.pack_into("<Q", made, at, random.choice((0, 1, 31, 1 << 20, 1 << 59, (1 << 64) - 1, 19, 20, 24, 8)))
    return broken(random, bytes(made)) if random.random() < 0.5 else bytes(made)


def test_whatever_is_wrong_both_readers_say_the_same() -> None:
    whole = process_with(4, 3000, Random(4), region_bytes=1 << 12)[0].finish(torn=True)
    for seed in range(30):
        random = Random(seed)
        data = changed(whole, random)
        pieces = merged(data)
        assert sum(map(len, pieces)) <= 3 * len(data) + (1 << 16)
        reader, replay = LogReader(), EngineReplay(Wish())
        count = sum(isinstance(item, LogEvent) and item.seq is not None for item in items_of(reader, pieces))
        for piece in pieces:
            replay.feed(piece)
        totals = replay.finish().totals
        assert (totals.events, totals.lost) == (count, reader.lost), f"seed {seed}"
