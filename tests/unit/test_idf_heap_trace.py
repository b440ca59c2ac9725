# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF's records and task lists as bytes that the test writes: order, what they cannot say, and hostile ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from gdbext.source.images import ImageSource
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.trace.idf_heap_trace import Books, RecordsError, books_of, read_records
from gdbext.trace.idf_task_stats import read_owners
from gdbext.trace.trace import Trace
from tests.support.mutate import mutated

STATICS, BUFFER, CODE = 0x3FC8_0000, 0x3FC9_0000, 0x4200_0000
NUMBERS = ("buffer", "list", "capacity", "count", "has_overflowed", "tracing", "mode", "total_allocations")
RECORD = ("ccount", "address", "size", "freed", "alloced_by", "freed_by", "tailq_list")
DEPTH = 3
MODES, STATES = {0: "HEAP_TRACE_ALL", 1: "HEAP_TRACE_LEAKS"}, {0: "TRACING_STARTED", 1: "TRACING_STOPPED"}
FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


class Image:
    """A program's statics and a buffer of eight records, each field a word."""

    def __init__(self, width: int = 4, order: ByteOrder = "little") -> None:
        self.width, self.order = width, order
        self.words = dict.fromkeys(NUMBERS, 0) | {"buffer": BUFFER, "capacity": 8}
        self.records = [[0] * self.record.size for _ in range(8)]
        self.used: list[int] = []

    @property
    def record(self) -> Shape:
        """Its size here in words."""
        sizes = [DEPTH if name.endswith("_by") else 1 for name in RECORD]
        places = [sum(sizes[:at]) for at in range(len(sizes))]
        return Shape(sum(sizes), {name: Member(*pair) for name, *pair in zip(RECORD, places, sizes, strict=True)}, {})

    def place(self, slot: int) -> int:
        return BUFFER + slot * self.record.size * self.width

    def add(self, slot: int, address: int, size: int, freed: Sequence[int] = (), flag: int = 0) -> None:
        """The next record, in any slot."""
        stack = [CODE + 16 * slot, CODE + 4]
        by = [*freed, *[0] * (DEPTH - len(freed))]
        self.records[slot] = [slot & 1, address, size, flag, *stack, 0, *by, 0]
        if self.used:
            self.records[self.used[-1]][-1] = self.place(slot)
        else:
            self.words["list"] = self.place(slot)
        self.used.append(slot)
        self.words["count"] = len(self.used)

    def books(self) -> Books:
        wide = {name: Member(m.offset * self.width, m.size * self.width) for name, m in self.record.members.items()}
        numbers = {name: Member(STATICS + at * self.width, self.width) for at, name in enumerate(NUMBERS)}
        shape = Shape(self.record.size * self.width, wide, {})
        return Books(numbers, {"mode": MODES, "tracing": STATES}, shape)

    def bytes_of(self, words: Sequence[int]) -> bytes:
        return b"".join(word.to_bytes(self.width, self.order) for word in words)

    @property
    def statics(self) -> bytes:
        return self.bytes_of([self.words[name] for name in NUMBERS])

    @property
    def buffer(self) -> bytes:
        return b"".join(map(self.bytes_of, self.records))

    def read(self, statics: bytes | None = None, buffer: bytes | None = None) -> Trace:
        ranges = [(STATICS, self.statics if statics is None else statics), (BUFFER, buffer or self.buffer)]
        return read_records(Memory(ImageSource(ranges, self.width, self.order)), self.books())


def filled() -> Image:
    image = Image()
    for slot, address in ((2, 0x1000), (0, 0x2000), (5, 0x3000)):
        image.add(slot, address, 24)
    return image


@pytest.mark.parametrize(("width", "order"), FORMATS)
def test_the_list_tells_the_order(width: int, order: ByteOrder) -> None:
    image = Image(width, order)
    image.add(5, 0x1000, 24, freed=[CODE + 8])
    image.add(1, 0x1000, 40)
    image.add(3, 0x2000, 8)
    trace = image.read()
    assert [(event.seq, event.address, event.size, event.core) for event in trace.events] == [
        (1, 0x1000, 24, 1), (2, 0x1000, 40, 1), (3, 0x2000, 8, 1),
    ]  # fmt: skip
    assert [(life.payload, life.seq, life.freed, life.freed_seq) for life in trace.lives] == [
        (0x1000, 1, (CODE + 8,), None), (0x1000, 2, None, None), (0x2000, 3, None, None),
    ]  # fmt: skip
    assert trace.lives[0].allocated == (CODE + 80, CODE + 4)
    assert (trace.problems, trace.proves_live, trace.info.kept) == ((), True, 3)


def test_a_later_record_of_an_address_ends_the_one_before() -> None:
    """Its free was not seen; nobody knows whose it was."""
    image = Image()
    image.add(0, 0x1000, 24)
    image.add(1, 0x1000, 24)
    assert [life.freed for life in image.read().lives] == [(), None]


def test_the_flag_tells_of_a_free_without_a_stack() -> None:
    image = Image()
    image.add(0, 0x1000, 24, flag=1)
    assert image.read().lives[0].is_freed


def test_a_broken_list_leaves_what_is_known_without_its_order() -> None:
    image = filled()
    image.records[0][-1] = image.place(2)  # the list runs in a circle
    trace = image.read()
    assert {life.payload: life.seq for life in trace.lives} == {0x1000: 1, 0x2000: 2, 0x3000: None}
    assert (len(trace.events), trace.info.kept, trace.proves_live) == (2, 3, False)
    assert f"breaks off at {image.place(2):#x}" in trace.problems[0]


@pytest.mark.parametrize("place", [0, 1, 0xFFFF_FFFC, BUFFER - 40, BUFFER + 2, STATICS])
def test_a_list_that_leads_astray(place: int) -> None:
    image = filled()
    image.words["list"] = place
    trace = image.read()
    assert sorted(life.payload for life in trace.lives) == [0x1000, 0x2000, 0x3000]
    assert (trace.events, trace.proves_live) == ((), False)


WRONG = (
    ({"count": 9}, "its numbers cannot be: 9 of 8"),
    ({"capacity": 0}, "it has no buffer"),
    ({"buffer": 0}, "it has no buffer"),
    ({"buffer": BUFFER + 1}, "its numbers cannot be"),
    ({"buffer": 0x5000_0000}, "lies outside of the memory that is known here"),
    ({"buffer": 0xFFFF_FF00}, "its numbers cannot be"),
    ({"capacity": 0xFFFF_FFFF}, "its numbers cannot be"),
    ({"mode": 2}, "its mode is 2"),
)


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_numbers_that_cannot_be_are_one_line(words: dict[str, int], said: str) -> None:
    image = filled()
    image.words.update(words)
    with pytest.raises(RecordsError, match=said):
        image.read()


def test_records_that_cannot_be_are_left_out() -> None:
    image = filled()
    image.records[0][1] = 0
    image.records[5][2] = 0xFFFF_FFFF
    trace = image.read()
    assert [life.payload for life in trace.lives] == [0x1000]
    assert (trace.proves_live, trace.info.kept) == (False, 1)
    assert "2 of 3 records" in trace.problems[0]


def test_a_buffer_that_a_file_cuts_off() -> None:
    image = filled()
    trace = image.read(buffer=image.buffer[: image.place(4) - BUFFER])
    assert [life.payload for life in trace.lives] == [0x1000, 0x2000]
    assert "1 of 3 records cannot be read" in trace.problems[0]


def test_statics_that_a_file_lacks() -> None:
    with pytest.raises(RecordsError, match="cannot be read"):
        filled().read(statics=b"\0" * 8)


def test_what_is_lost_is_counted_where_it_can_be() -> None:
    image = filled()
    image.words.update(has_overflowed=1, total_allocations=10)
    assert image.read().info.overwritten == 7
    image.words["mode"] = 1
    leaks = image.read()
    assert (leaks.info.overwritten, leaks.info.imported is not None and leaks.info.imported.overflowed) == (0, True)
    assert "older records are gone" in leaks.problems[0]


def test_tracing_that_has_stopped_proves_nothing() -> None:
    image = filled()
    image.words["tracing"] = 1
    trace = image.read()
    assert (trace.info.running, trace.info.state, trace.proves_live) == (False, "stopped", False)


def test_whatever_is_broken_it_is_a_trace_or_one_clear_error() -> None:
    targets = [filled().place(slot) for slot in range(8)]
    for number in range(3000):
        random, image = Random(number), filled()
        statics = mutated(image.statics, random, targets) if random.random() < 0.5 else image.statics
        buffer = mutated(image.buffer, random, targets)
        try:
            trace = image.read(statics, buffer)
        except RecordsError as problem:
            assert "\n" not in str(problem)
            continue
        assert trace.info.kept == len(trace.lives) <= 8


class Nothing:
    """A program whose debug information knows no such variables."""

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        return Variable(STATICS, (Shape(4, {}, {}),)) if name == "records" else None


def test_types_that_lack_what_is_needed_are_not_guessed() -> None:
    assert books_of(Nothing()) is None


LISTS = 0x3FC8_0000
TASK = Shape(24, {"name": Member(0, 8), "heaps_stats": Member(8, 8), "next_task_info": Member(16, 4)}, {})
HEAP = Shape(16, {"allocs_stats": Member(0, 8), "next_heap_stat": Member(8, 4)}, {})
BLOCK = Shape(16, {"address": Member(4, 4), "next_alloc_stat": Member(12, 4)}, {})
VARIABLE = Variable(LISTS, (Shape(4, {}, {}), TASK, HEAP, BLOCK))


def task_lists() -> bytearray:
    """Two tasks, a heap each, with two blocks and one."""
    data = bytearray(256)

    def put(place: int, *words: int) -> None:
        data[place : place + 4 * len(words)] = b"".join(word.to_bytes(4, "little") for word in words)

    put(0, LISTS + 16)
    for node, name, heap, following in ((16, b"main", 64, LISTS + 40), (40, b"network", 80, 0)):
        data[node : node + len(name)] = name
        put(node + 8, LISTS + heap, 0, following)
    put(64, LISTS + 96)
    put(80, LISTS + 128)
    for node, address, following in ((96, 0x1000, LISTS + 112), (112, 0x2000, 0), (128, 0x3000, 0)):
        put(node, 0, address, 0, following)
    return data


def test_tasks_own_blocks() -> None:
    owners = read_owners(Memory(ImageSource([(LISTS, bytes(task_lists()))])), VARIABLE)
    assert owners.tasks == {0x1000: "main", 0x2000: "main", 0x3000: "network"}
    assert owners.own == tuple((LISTS + node + 4, LISTS + node + 8) for node in (96, 112, 128))
    assert owners.problem is None


def test_lists_of_tasks_that_are_broken_end() -> None:
    targets = [LISTS + node for node in (0, 16, 40, 64, 80, 96, 112, 128)]
    for number in range(2000):
        data = mutated(bytes(task_lists()), Random(number), targets)
        owners = read_owners(Memory(ImageSource([(LISTS, data)])), VARIABLE)
        assert len(owners.own) <= 16
