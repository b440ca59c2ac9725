# SPDX-License-Identifier: Apache-2.0
"""Zephyr's table of records as bytes that the test writes: order, k_malloc's pointer, full tables, hostile ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from gdbext.model.said import Trouble, said
from gdbext.report.sentences import words
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.trace.zephyr_heaptrace import RECORDS, table_of
from tests.support.mutate import mutated
from tests.unit.heaptrace_world import DEPTH, FILTER, HEAP, SLOTS, STACK, TABLE, Records, filled

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


@pytest.mark.parametrize(("width", "order"), FORMATS)
def test_records_stand_in_the_order_of_their_times(width: int, order: ByteOrder) -> None:
    records = Records(width, order)
    records.add(3, 0x20, b"shell", 120)
    records.add(0, 0x60, b"net_rx", 250)
    trace = records.read()
    assert [(one.seq, one.address, one.size, one.task, one.time, one.stack) for one in trace.events] == [
        (1, HEAP + 0x20, 40, "shell", 120, STACK),
        (2, HEAP + 0x60, 40, "net_rx", 250, STACK),
    ]
    assert [(life.payload, life.task, life.seq, life.freed) for life in trace.lives] == [
        (HEAP + 0x20, "shell", 1, None),
        (HEAP + 0x60, "net_rx", 2, None),
    ]
    assert trace.problems == ()


@pytest.mark.parametrize("width", [4, 8])
def test_the_caller_of_k_malloc_has_the_pointer_behind(width: int) -> None:
    records = Records(width)
    records.add(0, 0x20, b"main", 1)
    records.add(1, 0x60, b"main", 2)
    records.give_to_k_malloc(0x20)
    assert [(life.payload, life.size) for life in records.read().lives] == [
        (HEAP + 0x20 + width, 40 - width),
        (HEAP + 0x60, 40),
    ]


def test_a_full_table_and_a_filter_are_told() -> None:
    records = filled()
    for slot in range(SLOTS):
        records.add(slot, 0x20 + 0x40 * slot, b"main", slot)
    records.filter = b"\x02\0\0\0"
    trace = records.read()
    assert trace.problems == (said("heaptrace-full", records=SLOTS), said("heaptrace-filtered"))
    imported = trace.info.imported if trace.info is not None else None
    assert imported is not None
    assert (imported.capacity, imported.frees_told) == (SLOTS, False)  # so no rule concludes from a missing record


@pytest.mark.parametrize("fields", [{"used": 7}, {"ptr": 0}, {"size": 0}, {"size": 0xFFFF_FFF0}, {"ptr": 0xFFFF_FFF8}])
def test_records_that_cannot_be_are_left_out(fields: dict[str, int]) -> None:
    records = filled()
    records.put(3, **fields)
    trace = records.read()
    assert [life.task for life in trace.lives] == ["net_rx"]
    assert (trace.problems, trace.proves_live) == ((said("records-lost", lost=1, records=2),), False)


@pytest.mark.parametrize("depth", [DEPTH + 1, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_depth_is_cut_to_the_room_for_it(depth: int) -> None:
    records = filled()
    records.put(3, bt_depth=depth)
    assert records.read().lives[0].allocated == STACK


def test_a_name_ends_with_its_room() -> None:
    records = filled()
    records.put(3, alloc_thread_name=b"\xff\x1b[2Jabcd")
    records.put(1, alloc_thread_name=bytes(8))
    assert [life.task for life in records.read().lives] == ["\ufffd\x1b[2Jabc", None]


def test_a_program_without_stacks_or_names_has_its_records_read() -> None:
    records = filled()
    needed = {name: records.shape.members[name] for name in ("ptr", "size", "used", "bt_depth")}
    records.shape = records.shape._replace(members=needed)
    assert [(life.task, life.allocated) for life in records.read().lives] == [(None, ())] * 2


@pytest.mark.parametrize("change", [{"elements": 1 << 30}, {"elements": 0}, {"size": 8}])
def test_types_that_cannot_be_are_refused(change: dict[str, int]) -> None:
    records = filled()
    records.shape = records.shape._replace(**change)
    with pytest.raises(Trouble, match="record-unknown"):
        records.read()


def test_whatever_is_broken_it_is_a_trace() -> None:
    for number in range(2000):
        records = filled()
        records.data = bytearray(mutated(bytes(records.data), Random(number), [HEAP, TABLE, FILTER]))
        trace = records.read()
        assert len(trace.lives) <= SLOTS
        assert all(words(problem).isprintable() for problem in trace.problems if not isinstance(problem, str))
        assert all(len(life.allocated) <= DEPTH for life in trace.lives)


class Program:
    """A program whose debug information knows a table of this shape, and no filter."""

    def __init__(self, members: dict[str, Member]) -> None:
        self.members = members

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        return Variable(TABLE, (Shape(16, self.members, {}, 4),)) if name == RECORDS else None


def test_types_that_lack_what_is_needed_are_not_guessed() -> None:
    assert table_of(Program({"ptr": Member(0, 4), "size": Member(4, 4)})) is None
    known = table_of(Program({"ptr": Member(0, 4), "size": Member(4, 4), "used": Member(8, 1)}))
    assert known is not None
    assert (known.filter, known.end) == (None, TABLE + 64)
