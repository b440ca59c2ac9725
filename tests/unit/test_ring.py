# SPDX-License-Identifier: Apache-2.0
"""The reader of rings, on rings that were built byte by byte: events, order, losses, times, and garbage."""

from __future__ import annotations

import random

import pytest

from gdbext.model.reports.base import Cost
from gdbext.model.said import Said, Trouble, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.ring import find_rings, read_ring
from gdbext.trace.trace import Trace
from tests.support.ring import Ring

SHAPES = [(4, "little"), (4, "big"), (8, "little"), (8, "big")]


def read(ring: Ring, data: bytes | None = None) -> Trace:
    image = [(ring.address, ring.data() if data is None else data)]
    return read_ring(Memory(snapshot_of(image, ring.pointer_size, ring.byte_order)), ring.address)  # type: ignore[arg-type]


@pytest.mark.parametrize(("pointer_size", "byte_order"), SHAPES)
def test_an_event_comes_back_whole(pointer_size: int, byte_order: str) -> None:
    ring = Ring(pointer_size=pointer_size, byte_order=byte_order)
    ring.names.append((1, "main"))
    ring.time = 5
    stack = ring.stack(0x80001000, 0x80002000)
    ring.event("alloc", 0x80100010, 33 << 20, stack=stack, context=3, heap=7, core=1)
    event = read(ring).events[0]
    assert (event.seq, event.kind, event.address, event.size) == (0, "alloc", 0x80100010, 33 << 20)
    assert (event.heap, event.core, event.task, event.time) == (7, 1, "main", 5)
    assert event.stack == (0x80001000, 0x80002000)


@pytest.mark.parametrize("byte_order", ["little", "big"])
@pytest.mark.parametrize(
    ("abi", "region", "first"), [(2, 0x40000000, 0x400D1234), (2, 0, 0x400D1234), (3, 0, 0x800D1234)]
)
def test_window_increments_are_no_part_of_an_address(byte_order: str, abi: int, region: int, first: int) -> None:
    """CALL8 leaves 2 in the top bits of a windowed return address; without windows they are the address's own."""
    ring = Ring(byte_order=byte_order, arch=2, abi=abi, code_region=region)
    ring.event("alloc", 0x3FFB0000, 8, stack=ring.stack(0x800D1234, 0x400D5678))
    ring.event("free", 0x3FFB0000)
    ring.event("caller", 0x800D1234, context=3, size=0, stack=1)
    events = read(ring).events
    assert events[0].stack == (first, 0x400D5678)
    assert events[1].stack == (first,)


def test_kept_and_lost_are_issued() -> None:
    ring = Ring(capacity=8)
    for number in range(20):
        ring.event("alloc", 0x1000 + number, 4)
    ring.skip()
    ring.busy()
    trace = read(ring)
    assert [event.seq for event in trace.events] == [14, 15, 16, 17, 18, 19]
    assert (trace.info.kept, trace.info.lost) == (6, 16)
    assert (trace.info.overwritten, trace.info.dropped, trace.info.half_written) == (14, 1, 1)


def test_a_slot_of_another_lap_is_not_an_event() -> None:
    ring = Ring(capacity=4)
    for number in range(4):
        ring.event("alloc", 0x1000 + number, 4)
    ring.issued += 2  # two writers have reserved and not written: their slots hold the lap before
    assert [event.seq for event in read(ring).events] == [2, 3]


def test_laps_beyond_twelve_bits() -> None:
    ring = Ring(capacity=4, issued=4 * 5000 + 2)
    ring.event("free", 0x1000)
    trace = read(ring)
    assert [event.seq for event in trace.events] == [20002]
    assert trace.info.kept + trace.info.lost == 20003


def times(ring: Ring) -> list[int | None]:
    return [event.time for event in read(ring).events]


def span(ring: Ring) -> int:
    """How far an event's own bits of its time reach."""
    return 1 << (28 if ring.wide else 12)


@pytest.mark.parametrize(("pointer_size", "byte_order"), SHAPES)
def test_an_events_time_is_told_by_the_sync_record_before_it(pointer_size: int, byte_order: str) -> None:
    ring = Ring(pointer_size=pointer_size, byte_order=byte_order)
    expected = []
    for start, gap in ((0, 0), ((1 << 31) + 5, (1 << 31) + 5), (1 << 40, None)):
        if start:
            ring.sync(start, gap)
        for step in (span(ring) // 2 - 1, 0, span(ring) * 3 // 4 - 1, 7):
            ring.time = start + step
            expected.append(ring.time)
            ring.event("alloc", 0x1000, 4)
    assert times(ring) == expected


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_a_clock_that_is_behind_the_one_of_the_sync_record(pointer_size: int) -> None:
    ring = Ring(pointer_size=pointer_size)
    ring.sync(1 << 33, None)
    ring.time = (1 << 33) - span(ring) // 4
    ring.event("alloc", 0x1000, 4)
    assert times(ring) == [(1 << 33) - span(ring) // 4]


def test_lost_events_make_no_time_wrong() -> None:
    """What is missing may have come at any time before or after its neighbours."""
    ring = Ring(capacity=32)
    ring.sync(1 << 33, None)
    expected = []
    for step in (0, 1500, 3000, 100):
        ring.time = (1 << 33) + step
        expected.append(ring.time)
        ring.event("alloc", 0x1000, 4)
        ring.skip()
        ring.busy()
    assert times(ring) == expected


def test_the_first_sync_record_that_is_left_tells_of_the_one_before_it() -> None:
    ring = Ring(capacity=4, issued=4)
    for ring.time in (1 << 33, (1 << 33) + 1500, (1 << 33) + 3000):
        ring.event("alloc", 0x1000, 4)
    ring.sync((1 << 33) + 9000, 9000)
    assert times(ring) == [1 << 33, (1 << 33) + 1500, (1 << 33) + 3000]


def test_times_before_a_sync_record_of_an_unknown_gap_are_unknown() -> None:
    ring = Ring(capacity=4, issued=4)
    ring.event("alloc", 0x1000, 4)
    ring.sync(1 << 40, None)
    ring.event("free", 0x1000)
    assert times(ring) == [None, 1 << 40]
    ring.tick_hz = 0
    assert times(ring) == [None, None]


def test_without_a_sync_record_the_header_tells() -> None:
    ring = Ring(capacity=4, time=1 << 33, issued=70)
    for ring.time in ((1 << 33) + 3000, (1 << 33) + 10):
        ring.event("alloc", 0x1000, 4)
    assert times(ring) == [(1 << 33) + 3000, (1 << 33) + 10]


def test_no_header_tells_while_a_sync_record_is_entered_there() -> None:
    ring = Ring(capacity=4, time=1 << 33, issued=70)
    ring.event("alloc", 0x1000, 4)
    data = bytearray(ring.data())
    data[376] ^= 1  # sync_low
    assert [event.time for event in read(ring, bytes(data)).events] == [None]


def test_a_record_of_an_events_own_time() -> None:
    ring = Ring()
    ring.sync(1 << 33, None)
    late = (1 << 33) + 50_000
    ring.event("alloc", 0x1000, 4)
    ring.time = late
    seq = ring.event("alloc", 0x2000, 4)
    ring.whole_time(late, seq)
    ring.time = (1 << 33) + 9
    ring.event("alloc", 0x3000, 4)
    assert times(ring) == [1 << 33, late, (1 << 33) + 9]


def test_a_time_record_is_of_no_other_event_in_its_slot() -> None:
    ring = Ring(capacity=4)
    ring.sync(1 << 33, None)
    ring.event("alloc", 0x1000, 4)
    ring.whole_time((1 << 33) + 50_001, 1)  # the event that it was written for never came: its slot has an older one
    assert times(ring) == [1 << 33]


def link(seq: int, ring: Ring) -> int:
    return seq % ring.capacity


def test_a_reallocation_is_linked_to_its_begin() -> None:
    ring = Ring()
    stack = ring.stack(0x4000)
    begin = ring.event("realloc-begin", 0x1000, 80, stack=stack)
    ring.event("alloc", 0x9000, 4, context=1)
    ring.event("realloc-end", 0x2000, 80, stack=link(begin, ring))
    end = read(ring).events[-1]
    assert (end.kind, end.link, end.stack) == ("realloc-end", begin, ())


def test_a_reallocation_is_linked_across_the_end_of_a_lap() -> None:
    ring = Ring(capacity=4, issued=7)
    begin = ring.event("realloc-begin", 0x1000, 80)
    ring.event("realloc-end", 0x2000, 80, stack=link(begin, ring))
    assert read(ring).events[-1].link == 7


@pytest.mark.parametrize(("kind", "context"), [("realloc-begin", 4), ("alloc", 3), (None, 3)])
def test_a_reallocation_whose_begin_is_gone_has_no_link(kind: str | None, context: int) -> None:
    ring = Ring(capacity=4)
    begin = ring.event(kind, 0x1000, 80, context=context) if kind else ring.skip()
    ring.event("realloc-end", 0x2000, 80, stack=link(begin, ring))
    assert read(ring).events[-1].link is None


def test_a_link_finds_its_slot_in_a_ring_of_more_slots_than_it_can_name() -> None:
    ring = Ring(capacity=70_000, issued=69_000)
    begin = ring.event("realloc-begin", 0x1000, 80)
    ring.event("realloc-end", 0x2000, 80, stack=link(begin, ring) & 0xFFFF)
    assert read(ring).events[-1].link == 69_000


def test_a_link_means_the_newest_slot_of_those_that_it_can_name() -> None:
    """In a ring of 70,000 slots, 65,536 names two: the same context has an older reallocation in the other one."""
    ring = Ring(capacity=70_000)
    ring.event("realloc-begin", 0x1000, 80)
    ring.issued = 65_536
    begin = ring.event("realloc-begin", 0x1000, 80)
    ring.event("realloc-end", 0x2000, 80, stack=0)
    assert read(ring).events[-1].link == begin


def test_a_link_passes_over_a_newer_slot_that_cannot_be_meant() -> None:
    ring = Ring(capacity=70_000)
    begin = ring.event("realloc-begin", 0x1000, 80)
    ring.issued = 65_536
    ring.event("realloc-begin", 0x1000, 80, context=4)
    ring.event("realloc-end", 0x2000, 80, stack=0)
    assert read(ring).events[-1].link == begin


def test_the_caller_of_an_event_whose_stack_found_no_room() -> None:
    ring = Ring()
    first = ring.event("alloc", 0x1000, 4)
    ring.event("free", 0x3000, context=1)
    ring.event("caller", 0x80001234, stack=link(first, ring))
    second = ring.event("alloc", 0x2000, 4)
    ring.event("caller", 0x80005678, context=1, stack=link(second, ring))
    assert [event.stack for event in read(ring).events] == [(0x80001234,), (), ()]


def test_the_assertion() -> None:
    ring = Ring(state=3, assertion=(12, "!block_is_free(block)", "tlsf_free"))
    ring.event("free", 0x1000)
    ring.event("assert")
    trace = read(ring)
    assert trace.assertion is not None
    assert (trace.assertion.function, trace.assertion.seq) == ("tlsf_free", 1)
    assert trace.info.state == "frozen"
    assert not trace.info.running


@pytest.mark.parametrize(("pointer_size", "byte_order"), SHAPES)
def test_no_bytes_make_it_raise_anything_else(pointer_size: int, byte_order: str) -> None:
    ring = Ring(pointer_size=pointer_size, byte_order=byte_order, live_slots=2)
    for number in range(40):
        ring.event(random.Random(number).choice(["alloc", "free", "realloc-end", "caller"]), number, 4, stack=1)
    good = ring.data()
    chance = random.Random(20261121)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(8, len(data))] = chance.randrange(256)
        try:
            trace = read(ring, bytes(data[: chance.randrange(416, len(data) + 1)]))
        except Trouble:
            continue
        assert trace.info.kept + trace.info.lost >= trace.info.kept >= 0


def test_every_truncation_is_said() -> None:
    ring = Ring()
    ring.event("alloc", 1, 2)
    data = ring.data()
    for length in range(416):
        with pytest.raises(Trouble):
            read(ring, data[:length])


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        (0, 0, said("no-magic")),
        (8, 9, said("byte-order", stored=9)),
        (9, 5, said("event-size", pointer=5, event=16)),
        (12, 2, said("format-version", stored=2, known=1)),
        (24, 1, said("ring-copy", home=Ring().address + 1)),
    ],
    ids=lambda why: why.key if isinstance(why, Said) else None,
)
def test_a_bad_header_is_refused_with_its_reason(offset: int, value: int, why: Said) -> None:
    data = bytearray(Ring().data())
    data[offset] = value
    with pytest.raises(Trouble) as refused:
        read(Ring(), bytes(data))
    assert refused.value.why == why


def test_a_ring_is_found_by_its_magic_and_its_own_address() -> None:
    ring = Ring(address=0x20000100)
    copy = Ring(address=0x20009000).data()  # a header that says that it lies elsewhere
    memory = b"\0" * 0x100 + ring.data() + copy
    held = Memory(snapshot_of([(0x20000000, memory)]))
    held.fetch(0x20000000, len(memory))
    assert find_rings(held.snapshot, 0x20000000, 0x20000000 + len(memory)) == [0x20000100]
    assert find_rings(held.snapshot, 0x20000104, 0x20000000 + len(memory)) == []


def test_over_a_slow_link_only_what_was_written_is_read() -> None:
    ring = Ring(capacity=4096)
    for number in range(10):
        ring.event("alloc", 0x1000 + number, 4)
    data = ring.data()
    memory = Memory(snapshot_of([(ring.address, data)]))
    memory.link.learn(1000, 1.0)
    slow = read_ring(memory, ring.address)
    assert slow.events == read(ring).events
    assert memory.cost_since(Cost(0, 0, 0.0)).bytes < 1024 < len(data)
