# SPDX-License-Identifier: Apache-2.0
"""The reader of logs, on logs that were built byte by byte from docs/reference/format.md."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence

import pytest
import zstandard

from gdbext.model.said import Trouble, said
from gdbext.trace.format import KINDS, Header
from gdbext.trace.log import LogEvent, LogReader
from tests.support.log import HEADER, STACK, Log
from tests.support.ring import Ring

SHAPES = [(4, "little"), (4, "big"), (8, "little"), (8, "big")]
shapes = pytest.mark.parametrize(("pointer_size", "byte_order"), SHAPES)


def read_items(data: bytes, cuts: Sequence[int] = ()) -> tuple[LogReader, list[LogEvent | Header]]:
    """What a reader gives of a log that comes in pieces."""
    reader, items = LogReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        items += list(reader.feed(data[start:end]))
    return reader, items + list(reader.finish())


def read(data: bytes, cuts: Sequence[int] = ()) -> tuple[LogReader, list[LogEvent]]:
    reader, items = read_items(data, cuts)
    return reader, [item for item in items if isinstance(item, LogEvent)]


def numbers(events: list[LogEvent]) -> list[int | None]:
    return [event.seq for event in events]


@shapes
def test_an_event_comes_back_whole(pointer_size: int, byte_order: str) -> None:
    log = Log(pointer_size, byte_order)
    log.time = 5
    log.event("alloc", 0x80100010, 33 << 20, stack=7, context=9, heap=11, core=3)
    _, (event,) = read(log.data)
    assert event == LogEvent(1, 0x80100010, 33 << 20, 11, 7, 9, 0, 3, 0, 5, None)


@shapes
def test_definitions_come_before_what_uses_them(pointer_size: int, byte_order: str) -> None:
    log = Log(pointer_size, byte_order)
    log.stack(3, 0x8000_1000, 0x8000_2000)
    log.stack(4, *range(1, 256))
    log.name(5, "größe")
    log.name(6, "boot", kind=2)
    log.name(5, "network", kind=3)
    log.heap_name(1, "psram", 2, 0x400)
    log.module(0x4000_0000, "ab" * 20, "/lib/libc.so")
    log.counts(*range(1, 9))
    log.event("assert", 0, 812, stack=3)
    log.failure("tlsf_free", "!block_is_free(block)")
    reader, events = read(log.data)
    assert (len(events), reader.lost, reader.unread) == (1, 0, 0)
    assert reader.stacks == {3: (0x8000_1000, 0x8000_2000), 4: tuple(range(1, 256))}
    assert reader.names == {5: (1, "größe"), 6: (2, "boot")}
    assert reader.tags == {5: (3, "network")}
    assert reader.heaps == {1: ("psram", 2, 0x400)}
    assert reader.modules == [(0x4000_0000, "ab" * 20, "/lib/libc.so")]
    assert reader.counts == (1, 2, 3, 4, 5, 6, 7, 8)
    assert reader.failure == ("tlsf_free", "!block_is_free(block)")


def test_a_number_that_is_defined_again_is_new_from_there_on() -> None:
    log, reader, seen = Log(), LogReader(), []
    for pc in (0x100, 0x200):
        log.stack(1, pc)
        log.event("alloc", pc, 8, stack=1)
    for item in reader.feed(log.data):
        if isinstance(item, LogEvent):
            seen.append(reader.stacks[item.stack])
    assert seen == [(0x100,), (0x200,)]


@shapes
def test_pieces_may_be_cut_anywhere(pointer_size: int, byte_order: str) -> None:
    data = everything(pointer_size, byte_order)
    whole, items = read_items(data)
    for start in range(1, 7):
        reader, found = read_items(data, range(start, len(data), 7))
        assert found == items
        assert (reader.lost, reader.unread, reader.stacks) == (whole.lost, whole.unread, whole.stacks)


def everything(pointer_size: int = 4, byte_order: str = "little", squeeze: object = None) -> bytes:
    """A log of two runs with rows, definitions, a pack, losses, streams, ranges and zeros."""
    log = Log(pointer_size, byte_order, run=1)
    log.live(0x500, 16)
    log.stack(1, 0x1000, 0x1004)
    for number in range(20):
        log.time += 3
        log.event("alloc", 0x1000 + 16 * number, 8 + number, stack=1)
    log.sync(100_000, 70_000, own=69_999)
    log.event("realloc-begin", 0x1000, 40, stack=1)
    log.event("map", 0x7000, 4096)
    log.event("realloc-end", 0x2000, 40, stack=2)
    rows = [(0x3000 + 16 * n, 24, 3 | 1 << (log.bits // 2), 1 if n % 2 else 2) for n in range(50)]
    log.pack(log.seq, 100_500, rows, [n % 3 for n in range(50)], 1 if squeeze else 0, squeeze)
    log.sync(200_000)
    log.name(3, "main")
    log.event("unmap", 0x7000, 100)
    log.data += bytes(8 * pointer_size)
    log.required, log.run, log.seq, log.time = 2, 2, 0, 0
    log.header()
    for number, times in enumerate([(1, 5, 9), (2, 6, 7)]):
        inside = log.inside()
        for time in times:
            inside.time = time
            inside.event("alloc", time, 8, core=number)
        log.region(number, 1, inside.data)
    return bytes(log.data)


@shapes
def test_a_cut_at_any_byte_loses_nothing_before_it(pointer_size: int, byte_order: str) -> None:
    data = everything(pointer_size, byte_order, zstandard.ZstdCompressor().compress)
    _, items = read_items(data)
    first_run = next(n for n, item in enumerate(items) if n and isinstance(item, Header))
    known = 0
    for cut in range(HEADER, len(data), 5):
        found = read_items(data[:cut])[1][:first_run]  # what streams have of a part is in another order
        assert found == items[: len(found)]
        assert len(found) >= known
        known = len(found)
    assert known == first_run > 70


def test_numbers_that_jump_are_losses() -> None:
    log = Log()
    log.event("alloc", 0x10, 8)
    log.seq += 5
    log.event("alloc", 0x20, 8)
    log.event("caller", 0x4000)
    log.seq += 4094
    log.event("free", 0x20)
    reader, events = read(log.data)
    assert numbers(events) == [0, 6, 6 + 4096]
    assert reader.lost == 5 + 4094


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_a_sync_tells_the_number_behind_it(pointer_size: int) -> None:
    log = Log(pointer_size)
    log.event("alloc", 0x10, 8)
    log.sync(1 << 40, 1_000_000)  # without a number: 1 to 999,999 are lost
    log.event("alloc", 0x20, 8)
    log.sync(2 << 40, 1_000_006, own=1_000_005)  # 1 to 4 behind it are lost, and the sync is no event
    log.event("free", 0x20)
    reader, events = read(log.data)
    assert numbers(events) == [0, 1_000_000, 1_000_006]
    assert [event.time for event in events] == [0, 1 << 40, 2 << 40]
    assert reader.lost == 999_999 + 4


def test_numbers_beyond_32_bits() -> None:
    log = Log()
    for seq in (3 << 30, (1 << 32) + 5):
        log.sync(10, seq)
        log.event("alloc", 0x10, 8)
    _, events = read(log.data)
    assert numbers(events) == [3 << 30, (1 << 32) + 5]


def test_times_lie_around_the_sync() -> None:
    log = Log()
    log.sync(100_000)
    for time in (99_000, 100_000, 103_071):
        log.time = time
        log.event("alloc", 0x10, 8)
    _, events = read(log.data)
    assert [event.time for event in events] == [99_000, 100_000, 103_071]


def test_without_a_clock_there_are_no_times() -> None:
    log = Log(tick_hz=0)
    log.event("alloc", 0x10, 8)
    assert read(log.data)[1][0].time is None


def test_a_reallocation_is_linked_to_its_begin() -> None:
    log = Log()
    log.event("realloc-begin", 0x10, 40)
    log.event("alloc", 0x80, 4)
    log.event("realloc-begin", 0x20, 50)
    log.event("realloc-end", 0x30, 40, stack=3)
    log.event("realloc-end", 0, 50, stack=2)
    log.event("realloc-end", 0x40, 8)  # its begin is not in the log
    log.event("realloc-end", 0x50, 8, stack=5)  # event 1 was none
    _, events = read(log.data)
    assert [event.link for event in events] == [None, None, None, 0, 2, None, None]
    assert {event.stack for event in events} == {0}


def test_a_link_is_the_newest_begin_with_these_bits() -> None:
    log = Log()
    log.event("realloc-begin", 0x10, 40)
    for _ in range(70_000):
        log.event("alloc", 0x20, 8)
    log.event("realloc-end", 0x30, 40, stack=(70_001) % (1 << 16))
    assert read(log.data)[1][-1].link == 0


def test_live_blocks_have_neither_number_nor_time() -> None:
    log = Log()
    log.live(0x500, 64, stack=2)
    log.event("free", 0x500)
    reader, (live, freed) = read(log.data)
    assert (live.kind, live.address, live.size, live.stack) == (14, 0x500, 64, 2)
    assert (live.seq, live.time, freed.seq, reader.unread) == (None, None, 0, 0)


@shapes
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "zstd"])
def test_a_pack_is_its_rows(pointer_size: int, byte_order: str, packed: bool) -> None:
    rows, log = Log(pointer_size, byte_order), Log(pointer_size, byte_order)
    chosen, words, deltas = random.Random(5), [], []
    for number in range(1000):
        deltas.append(chosen.randrange(3))
        rows.time += deltas[-1]
        kind = ["alloc", "free", "realloc-begin", "mark"][number % 4]
        fields = kind, chosen.randrange(1 << 32), chosen.randrange(1 << 20), number % 90, number % 30, number % 20, 5
        words.append(rows.words(*fields))
        rows.row(*words[-1])
        rows.seq += 1
    squeeze = zstandard.ZstdCompressor().compress if packed else None
    log.pack(0, 0, words, deltas, int(packed), squeeze)
    reader, events = read(log.data)
    assert events == read(rows.data)[1]
    assert (len(events), reader.lost, reader.unread) == (1000, 0, 0)


def test_a_pack_after_losses() -> None:
    log = Log()
    log.event("alloc", 1, 1)
    log.pack(10, 1 << 40, [(1, 1, 0, 1), (1, 0, 0, 2)], [0, 0xFFFFFFFF])
    log.event("alloc", 2, 2)
    reader, events = read(log.data)
    assert numbers(events) == [0, 10, 11, 12]
    assert events[2].time == (1 << 40) + 0xFFFFFFFF
    assert reader.lost == 9


BOMB = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 24))
ROWS = [(n, n, 0, 1) for n in range(2)]


@pytest.mark.parametrize(
    ("squeeze", "compression"),
    [
        (lambda columns: BOMB, 1),
        (lambda columns: zstandard.compress(bytes(1 << 24)), 1),
        (lambda columns: zstandard.compress(columns)[:-3], 1),
        (lambda columns: b"no zstd", 1),
        (lambda columns: columns[:-1], 0),
        (lambda columns: columns, 2),
    ],
    ids=["bomb", "bomb that says so", "cut", "garbage", "short", "unknown"],
)
def test_a_pack_that_makes_no_sense_is_passed_over(squeeze: object, compression: int) -> None:
    log = Log()
    log.pack(0, 0, ROWS, [0, 0], compression, squeeze)
    log.seq = 0
    log.event("alloc", 0x10, 8)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread, reader.lost) == ([0], 1, 0)


def test_a_bomb_takes_no_memory() -> None:
    log = Log()
    for bomb in (BOMB, zstandard.compress(bytes(1 << 24))):
        log.pack(0, 0, ROWS, [0, 0], 1, lambda columns, bomb=bomb: bomb)  # type: ignore[misc]
    tracemalloc.start()
    try:
        read(log.data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_pack_says_how_long_its_columns_are() -> None:
    log = Log()
    log.pack(0, 0, ROWS, [0, 0])
    place = HEADER + 16 + 28
    log.data[place] += 1
    log.data[HEADER + 4] += 1
    reader, events = read(log.data)
    assert (events, reader.unread) == ([], 1)


def test_kinds_that_a_pack_does_not_have() -> None:
    log = Log()
    log.pack(0, 0, [(1, 1, 0, kind) for kind in (1, 8, 9, 11, 14, 0, 2)], [0] * 7)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread, reader.lost) == ([0, 6], 5, 0)


def test_a_pack_of_the_past_is_passed_over() -> None:
    log = Log()
    log.event("alloc", 1, 1)
    log.event("alloc", 1, 1)
    log.pack(1, 0, ROWS, [0, 0])
    assert read(log.data)[0].unread == 1


@shapes
def test_a_header_again_begins_a_run(pointer_size: int, byte_order: str) -> None:
    log = Log(pointer_size, byte_order, run=1)
    log.stack(1, 0x100)
    log.event("alloc", 0x10, 8)
    other = Log(12 - pointer_size, "big" if byte_order == "little" else "little", run=2)
    other.event("free", 0x10)
    log.data += bytes(-len(log.data) % 32)
    reader, items = read_items(log.data + other.data)
    assert [item.run for item in items if isinstance(item, Header)] == [1, 2]
    assert [KINDS[item.kind] for item in items if isinstance(item, LogEvent)] == ["alloc", "free"]
    assert (reader.stacks, reader.unread, reader.lost) == ({}, 0, 0)


def test_a_payload_is_cut_where_a_header_stands() -> None:
    log, other = Log(), Log(run=2)
    log.event("alloc", 0x10, 8)
    log.row(1, 200, 0, STACK)
    log.data += bytes(range(1, 33))
    other.event("alloc", 0x20, 8)
    reader, items = read_items(log.data + other.data)
    assert [getattr(item, "address", None) for item in items] == [0, 0x10, 0, 0x20]
    assert (reader.unread, reader.stacks) == (0, {})


def test_a_magic_that_is_no_header_is_passed_over() -> None:
    log = Log()
    log.data += log.data[:12] + b"\7" + log.data[13:416]  # version 7
    log.event("alloc", 0x10, 8)
    with pytest.raises(Trouble) as refused:
        read(log.data)
    assert refused.value.why == said("format-version", stored=7, known=1)
    log = Log()
    log.data += b"\x89MEMTRC\n\7" + bytes(7)
    for number in range(40):
        log.event("alloc", 16 * number, 8)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread) == (list(range(40)), 1)


def test_zeros_are_no_records() -> None:
    log = Log()
    log.event("alloc", 0x10, 8)
    log.data += bytes(16 * 100)
    log.event("free", 0x10)
    log.data += bytes(16 * 100 + 3)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread, reader.lost) == ([0, 1], 0, 0)


@pytest.mark.parametrize(
    "row",
    [
        (1, 0, 0, 0),
        (1, 2, 3, 15),
        (0xFFFFFFFF,) * 4,
        (1, 4, 0, 16 | 1 << 8),
        (1, 4, 0, 14 | 1 << 20),
        (1, 1021, 0, 16),
        (1, (1 << 16) + 1, 0, 17),
        (1, (1 << 21) + 1, 0, 30),
    ],
    ids=["nothing", "kind 15", "busy", "numbered stack", "numbered live", "stack", "name", "unknown"],
)
def test_garbage_is_counted_and_passed_over(row: tuple[int, ...]) -> None:
    log = Log()
    log.row(*row)
    log.event("alloc", 0x10, 8)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread, reader.lost) == ([0], 1, 0)


@pytest.mark.parametrize(
    ("kind", "number", "payload", "heap"),
    [
        (STACK, 1, b"", 0),
        (STACK, 1, bytes(7), 0),
        (STACK, 0, bytes(8), 0),
        (17, 1, b"x", 0),
        (17, 1, b"x", 4),
        (18, 1, b"", 0),
        (18, 1, b"\x14abc", 0),
        (20, 1, bytes(16), 0),
        (21, 0, bytes(31), 0),
    ],
)
def test_a_definition_without_sense(kind: int, number: int, payload: bytes, heap: int) -> None:
    log = Log()
    log.record(kind, number, payload, heap)
    log.event("alloc", 0x10, 8)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread) == ([0], 1)
    assert (reader.stacks, reader.names, reader.heaps, reader.modules, reader.counts) == ({}, {}, {}, [], ())


def test_a_payload_of_a_kind_to_come_is_passed_over() -> None:
    log = Log()
    log.record(27, 3, bytes(range(100)))
    log.event("alloc", 0x10, 8)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread) == ([0], 0)


@shapes
def test_streams_are_merged_by_time_number_and_stream(pointer_size: int, byte_order: str) -> None:
    log, expected = Log(pointer_size, byte_order, required=2), []
    chosen, now = random.Random(3), [0, 0, 0]
    insides = [log.inside() for _ in range(3)]
    for _ in range(40):
        floor = min(now)
        stream = now.index(floor)
        inside = insides[stream]
        inside.data.clear()
        for _ in range(chosen.randrange(1, 6)):
            now[stream] += chosen.randrange(3)
            inside.time = now[stream]
            number = inside.event("alloc", 16 * len(expected), 8, core=stream)
            expected.append((now[stream], number, stream, 16 * len(expected)))
        log.region(stream, floor, inside.data)
    reader, events = read(log.data)
    assert [(event.core, event.address) for event in events] == [entry[2:] for entry in sorted(expected)]
    assert numbers(events) == list(range(len(expected)))
    assert (reader.lost, reader.unread) == (0, 0)


def test_what_a_region_has_is_given_out_when_the_next_is_later() -> None:
    log, reader = Log(required=2), LogReader()
    for time in range(0, 1000, 10):
        inside = log.inside()
        inside.seq, inside.time = time // 10, time
        inside.event("alloc", 1, 1)
        log.region(time // 10 % 2, time, inside.data)
    events = list(reader.feed(log.data))
    assert len(events) == 1 + 99
    assert len(list(reader.finish())) == 1


def test_the_begin_of_a_stream_is_found_at_its_place() -> None:
    log, one, two = Log(required=2), Log().inside(), Log().inside()
    one.time = 1
    one.event("realloc-begin", 0x10, 4)
    one.time = 9
    one.event("realloc-end", 0x20, 4, stack=1)
    for two.time in range(2, 8):
        two.event("realloc-begin", two.time, 4)
    log.region(1, 0, one.data)
    log.region(2, 0, two.data)
    _, events = read(log.data)
    assert [event.seq for event in events] == list(range(8))
    assert (events[7].address, events[7].link) == (0x20, 0)


def test_a_region_without_an_end_goes_up_to_the_next() -> None:
    log, other = Log(required=2), Log(required=2, run=2)
    log.event("alloc", 0x100, 1)
    for stream in (1, 2):
        log.stream(stream, 0, 0)
        log.seq = 0
        log.event("alloc", stream, 1)
    other.event("alloc", 0x200, 1)
    reader, events = read(log.data + other.data)
    assert [event.address for event in events] == [0x100, 1, 2, 0x200]
    assert reader.lost == 0


def test_behind_a_region_is_stream_0() -> None:
    log, inside = Log(required=2), Log().inside()
    inside.event("alloc", 1, 1)
    inside.data += bytes(64)  # a region may be longer than what was written
    log.event("alloc", 0x100, 1)
    log.region(1, 0, inside.data)
    log.event("alloc", 0x200, 1)
    reader, events = read(log.data)
    assert [event.address for event in events] == [0x100, 1, 0x200]
    assert (reader.lost, reader.unread) == (0, 0)


def test_a_payload_does_not_leave_its_region() -> None:
    log, inside = Log(required=2), Log().inside()
    inside.row(1, 64, 0, STACK)
    log.region(1, 0, inside.data)
    log.event("alloc", 0x200, 1)
    reader, events = read(log.data)
    assert ([event.address for event in events], reader.unread) == ([0x200], 1)


def test_too_many_streams_are_refused() -> None:
    log = Log(required=2)
    for number in range((1 << 16) + 1):
        log.stream(number, 0, 0)
    with pytest.raises(Trouble) as refused:
        read(log.data)
    assert refused.value.why == said("streams-many", most=1 << 16)


def test_what_needs_more_than_this_reader_knows_is_refused() -> None:
    data = bytes(Log(required=16).data)
    for log in (data, bytes(Log().data) + data):
        with pytest.raises(Trouble) as refused:
            read(log)
        assert refused.value.why == said("features-unknown", bits=16)


def test_a_ring_is_no_log() -> None:
    ring = Ring()
    ring.event("alloc", 0x10, 8)
    with pytest.raises(Trouble) as refused:
        read(ring.data())
    assert refused.value.why == said("no-log")


def test_a_longer_header_is_passed_over() -> None:
    log = Log(header_size=430)
    log.data += bytes(-len(log.data) % 16)
    log.event("alloc", 0x10, 8)
    reader, events = read(log.data)
    assert (numbers(events), reader.unread) == ([0], 0)


@pytest.mark.parametrize("data", [b"", b"\x89MEMTRC\n", b"text\n" * 100], ids=["empty", "cut", "text"])
def test_no_log(data: bytes) -> None:
    with pytest.raises(Trouble):
        read(data)


def in_order(pointer_size: int, byte_order: str, form: str) -> tuple[bytes, list[tuple[int, int]]]:
    """A log of numbered events, and for each of them where it is whole in the file, and its address."""
    log = Log(pointer_size, byte_order, required=2 if form == "streams" else 1)
    ends, chosen, number = [], random.Random(11), 0
    while number < 600:
        count = chosen.randrange(1, 30)
        if chosen.randrange(3) == 0:
            log.stack(number + 1, *range(1, chosen.randrange(2, 40)))
        if form == "packs":
            words = [log.words("alloc", 64 * (number + one), 8, 0, 3, 0, 0) for one in range(count)]
            log.pack(number, 5 * number, words, [5] * count, 1, zstandard.ZstdCompressor().compress)
            ends += [(len(log.data), 64 * (number + one)) for one in range(count)]
        else:
            inside = log.inside() if form == "streams" else log
            inside.time = number
            start = len(log.data) + 4 * pointer_size * 2 if form == "streams" else 0
            for one in range(count):
                inside.seq = one + (0 if form == "streams" else number)
                inside.event("alloc", 64 * (number + one), 8)
                ends.append((start + len(inside.data), 64 * (number + one)))
            if form == "streams":
                log.region(number, number, inside.data)
        number += count
    return bytes(log.data), ends


@shapes
@pytest.mark.parametrize("form", ["rows", "packs", "streams"])
def test_cuts_lose_nothing_before_them(form: str, pointer_size: int, byte_order: str) -> None:
    """84 cuts each of twelve logs: a thousand."""
    data, ends = in_order(pointer_size, byte_order, form)
    chosen = random.Random(form)
    for cut in chosen.sample(range(HEADER, len(data)), 84):
        reader, events = read(data[:cut])
        assert [event.address for event in events] == [address for end, address in ends if end <= cut]
        assert (reader.lost, reader.unread) == (0, 0)
