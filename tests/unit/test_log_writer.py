# SPDX-License-Identifier: Apache-2.0
"""The writer of logs: what it writes is what a log built by hand has, and what it wrote comes back the same."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gdbext.trace.convert import Conversion
from gdbext.trace.format import Header, parse_header
from gdbext.trace.log import LogEvent, LogReader, items_of
from gdbext.trace.log_definitions import Definitions
from gdbext.trace.log_writer import LogWriter, wide_header
from tests.support.log import HEADER, Log

shapes = pytest.mark.parametrize(("pointer_size", "byte_order"), [(4, "little"), (4, "big"), (8, "little"), (8, "big")])


def convert(data: bytes, packs: bool = False, level: int | None = None) -> bytes:
    """The same log, written again."""
    return b"".join(piece or b"" for piece in Conversion(LogWriter(packs, level), "all").pieces([data]))


def told(data: bytes) -> list[Any]:
    """The events of a log, each with what its numbers mean, and the run that it is of."""
    reader, found = LogReader(), []
    for item in items_of(reader, [data]):
        if isinstance(item, Header):
            found.append((item.run, item.pointer_size, item.byte_order, item.tick_hz))
            continue
        meaning = reader.stacks.get(item.stack), reader.names.get(item.context), reader.tags.get(item.tag)
        mark = reader.names.get(item.address) if item.kind == 6 else None
        found.append((item, *meaning, mark, reader.heaps.get(item.heap), reader.failure if item.kind == 7 else None))
    return [*found, reader.lost, reader.unread, reader.modules, reader.counts, reader.failure]


def random_log(pointer_size: int, byte_order: str, seed: int, clock: bool = True) -> bytes:
    """A log of rows with everything that rows can have."""
    chosen = random.Random(seed)
    log = Log(pointer_size, byte_order, required=4, tick_hz=1000 * clock, run=3)
    log.module(0x1000, "ab" * 20, "/bin/true")
    log.live(0x900, 77, stack=0, context=2)
    for number in range(4, 9):
        log.name(number, f"task {number}")
        log.name(number, f"module {number}", kind=3)
        log.heap_name(number, f"heap {number}", 1, number)
    begun: list[int] = []
    for _ in range(3000):
        deed = chosen.randrange(100)
        log.time += chosen.choice([0, 1, 2, 50, 900]) * clock
        if deed < 10:
            log.stack(chosen.randrange(1, 40), *(chosen.randrange(1 << 30) for _ in range(chosen.randrange(1, 9))))
        if deed == 10:
            log.sync((log.time + chosen.randrange(1 << 33)) * clock, log.seq + chosen.randrange(1 << 20))
        elif log.time % 512 < 900 and clock:
            log.sync(log.time)
        if deed == 11:
            log.seq += chosen.randrange(1 << 12)
        kind = chosen.choice(["alloc", "alloc", "free", "realloc-begin", "alloc-failed", "mark", "assert", "control"])
        stack = chosen.randrange(40)
        if begun and deed > 70:
            kind, stack = "realloc-end", log.seq - begun.pop()
            stack *= stack < 1 << 16
        seq = log.event(
            chosen.choice([kind, kind, kind, "map", "unmap"]) if kind == "alloc" else kind,
            chosen.randrange(1 << 32) if kind != "mark" else chosen.randrange(4, 9),
            chosen.randrange(1 << 27),
            stack=stack,
            context=chosen.randrange(12),
            heap=chosen.randrange(12),
            core=chosen.randrange(8),
        )
        if kind == "realloc-begin":
            begun.append(seq)
        if kind == "assert":
            log.failure("tlsf_free", f"number {seq}")
    log.counts(*range(8))
    return bytes(log.data)


@shapes
@pytest.mark.parametrize("clock", [True, False], ids=["clock", "no clock"])
def test_rows_and_packs_come_back_as_they_were(pointer_size: int, byte_order: str, clock: bool) -> None:
    for seed in range(2):
        data = random_log(pointer_size, byte_order, seed, clock)
        rows = convert(data)
        packs = convert(rows, packs=True)
        squeezed = convert(packs, packs=True, level=3)
        assert told(data) == told(rows) == told(packs) == told(squeezed) == told(convert(squeezed))
        assert convert(squeezed) == rows
        assert told(data)[-4] == 0


@shapes
def test_rows_are_those_of_a_log_built_by_hand(pointer_size: int, byte_order: str) -> None:
    log = Log(pointer_size, byte_order, run=2)
    log.stack(7, 0x1000, 0x2000)
    log.name(3, "main")
    log.heap_name(5, "psram", 2, 9)
    log.time = 9
    log.event("alloc", 0x100, 33, stack=7, heap=5, core=1)
    log.time = 1 << 33
    log.sync(log.time)
    log.event("realloc-begin", 0x100, 44)
    log.sync(log.time, 100_000 if pointer_size == 4 else 1 << 30)
    distance = log.seq - 1
    log.event("realloc-end", 0x200, 44, stack=distance)
    log.event("mark", 4)
    log.live(0x300, 1)
    log.failure("f", "text")
    assert convert(bytes(log.data)) == log.data


def test_a_pack_is_that_of_a_log_built_by_hand() -> None:
    rows, packs = Log(), Log(required=1)
    words = []
    for number in range(300):
        rows.time += number % 2
        words.append(rows.words("alloc", 16 * number, 8, 0, 3, 0, 0))
        rows.event("alloc", 16 * number, 8)
    packs.pack(0, 0, words, [number % 2 for number in range(300)])
    assert convert(bytes(rows.data), packs=True) == packs.data


def test_a_pack_has_65536_events_at_most() -> None:
    log = Log(8)
    for number in range(70_000):
        log.event("alloc", number, 8)
    packs = convert(bytes(log.data), packs=True)
    assert told(packs) == told(log.data)
    assert int.from_bytes(packs[HEADER : HEADER + 8], "little") == 65_536


def test_streams_become_one() -> None:
    log = Log(required=2)
    for stream in (1, 2):
        inside = log.inside()
        for number in range(5):
            inside.time = 2 * number + stream
            inside.seq += stream == 2  # each second number of stream 2 is missing
            inside.event("alloc", inside.time, 8)
        log.region(stream, 0, inside.data)
    rows = convert(bytes(log.data))
    assert parse_header(rows).required == 0
    assert [event[:-1] for event in told(rows)[1:11]] == [event[:-1] for event in told(log.data)[1:11]]
    assert told(rows)[11:] == told(log.data)[11:]


def test_a_log_of_something_else() -> None:
    writer, told_of = LogWriter(), Definitions()
    writer.begin(wide_header(tick_hz=5))
    told_of.stacks[70_000] = (1, 2, 3)
    writer.event(LogEvent(1, 1 << 40, 1 << 33, 0, 70_000, 0, 0, 0, 0, 1 << 62), told_of)
    writer.nonsense()
    writer.end(told_of)
    reader = LogReader()
    header, event = reader.feed(writer.taken())
    assert isinstance(header, Header) and isinstance(event, LogEvent)
    assert (event.address, event.size, event.time, reader.stacks) == (1 << 40, 1 << 33, 1 << 62, {70_000: (1, 2, 3)})
    assert (reader.unread, reader.lost) == (1, 0)
