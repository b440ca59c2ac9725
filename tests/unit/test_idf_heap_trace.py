# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF's records and task lists as bytes that the test writes: order, what they cannot say, and hostile ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from gdbext.model.said import Said, Trouble, said
from gdbext.report.sentences import words
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.trace.idf_heap_trace import books_of
from gdbext.trace.idf_task_stats import read_owners
from tests.support.mutate import mutated
from tests.unit.idf_world import BUFFER, CODE, LISTS, STATICS, TASK, VARIABLE, Image, filled, task_lists

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


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


def test_each_record_is_one_life() -> None:
    image = Image()
    image.add(5, 0x1000, 24, freed=[CODE + 8])
    image.add(1, 0x1000, 40)
    lives = image.read().history.generations(0x1000)
    assert [(life.seq, life.freed) for life in lives] == [(1, (CODE + 8,)), (2, None)]


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
    assert trace.problems == (said("records-broken", place=image.place(2), known=2),)


@pytest.mark.parametrize("place", [0, 1, 0xFFFF_FFFC, BUFFER - 40, BUFFER + 2, STATICS])
def test_a_list_that_leads_astray(place: int) -> None:
    image = filled()
    image.words["list"] = place
    trace = image.read()
    assert sorted(life.payload for life in trace.lives) == [0x1000, 0x2000, 0x3000]
    assert (trace.events, trace.proves_live) == ((), False)


WRONG = (
    ({"count": 9}, said("record-numbers", count=9, capacity=8, buffer=BUFFER)),
    ({"capacity": 0}, said("no-buffer")),
    ({"buffer": 0}, said("no-buffer")),
    ({"buffer": BUFFER + 1}, said("record-numbers", count=3, capacity=8, buffer=BUFFER + 1)),
    ({"buffer": 0x5000_0000}, said("buffer-outside", start=0x5000_0000, end=0x5000_0000 + Image().place(8) - BUFFER)),
    ({"buffer": 0xFFFF_FF00}, said("record-buffer", capacity=8, buffer=0xFFFF_FF00)),
    ({"capacity": 0xFFFF_FFFF}, said("record-buffer", capacity=0xFFFF_FFFF, buffer=BUFFER)),
    ({"mode": 2}, said("record-mode", mode=2)),
)


@pytest.mark.parametrize(("numbers", "why"), WRONG)
def test_numbers_that_cannot_be_are_told(numbers: dict[str, int], why: Said) -> None:
    image = filled()
    image.words.update(numbers)
    with pytest.raises(Trouble) as refused:
        image.read()
    assert refused.value.why == why


def test_records_that_cannot_be_are_left_out() -> None:
    image = filled()
    image.records[0][1] = 0
    image.records[5][2] = 0xFFFF_FFFF
    trace = image.read()
    assert [life.payload for life in trace.lives] == [0x1000]
    assert (trace.proves_live, trace.info.kept) == (False, 1)
    assert trace.problems == (said("records-lost", lost=2, records=3),)


def test_a_buffer_that_a_file_cuts_off() -> None:
    image = filled()
    trace = image.read(buffer=image.buffer[: image.place(4) - BUFFER])
    assert [life.payload for life in trace.lives] == [0x1000, 0x2000]
    assert trace.problems == (said("records-lost", lost=1, records=3),)


def test_statics_that_a_file_lacks() -> None:
    with pytest.raises(Trouble, match="variable-unread"):
        filled().read(statics=b"\0" * 8)


def test_what_is_lost_is_counted_where_it_can_be() -> None:
    image = filled()
    image.words.update(has_overflowed=1, total_allocations=10)
    assert image.read().info.overwritten == 7
    image.words["mode"] = 1
    leaks = image.read()
    assert (leaks.info.overwritten, leaks.info.imported is not None and leaks.info.imported.overflowed) == (0, True)
    assert leaks.problems == (said("records-overflowed"),)


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
        except Trouble as problem:
            assert words(problem.why).isprintable()
            continue
        assert trace.info.kept == len(trace.lives) <= 8


class Nothing:
    """A program whose debug information knows no such variables."""

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        return Variable(STATICS, (Shape(4, {}, {}),)) if name == "records" else None


def test_types_that_lack_what_is_needed_are_not_guessed() -> None:
    assert books_of(Nothing()) is None


def test_tasks_own_blocks() -> None:
    owners = read_owners(Memory(snapshot_of([(LISTS, bytes(task_lists()))])), VARIABLE)
    assert owners.owners == {0x1000: "main", 0x2000: "main", 0x3000: "network"}
    assert owners.own == tuple((LISTS + node + 4, LISTS + node + 8) for node in (96, 112, 128))
    assert owners.problems == ()


def test_the_entry_of_no_task_tells_of_used_blocks_alone() -> None:
    """IDF never takes out a block that was allocated before there were tasks."""
    name, handle = TASK.members["name"], Member(20, 4)
    task = Shape(TASK.size, {**TASK.members, "name": name, "handle": handle}, {})
    variable = Variable(LISTS, (VARIABLE.shapes[0], task, *VARIABLE.shapes[2:]))
    data = task_lists()
    data[16 + 20 : 16 + 24] = bytes(4)
    data[40 + 20 : 40 + 24] = (0x3FCB_0000).to_bytes(4, "little")
    told = read_owners(Memory(snapshot_of([(LISTS, bytes(data))])), variable, lambda payload: payload == 0x1000)
    assert told.owners == {0x1000: "main", 0x3000: "network"}


def test_lists_of_tasks_that_are_broken_end() -> None:
    targets = [LISTS + node for node in (0, 16, 40, 64, 80, 96, 112, 128)]
    for number in range(2000):
        data = mutated(bytes(task_lists()), Random(number), targets)
        owners = read_owners(Memory(snapshot_of([(LISTS, data)])), VARIABLE)
        assert len(owners.own) <= 16
