# SPDX-License-Identifier: Apache-2.0
"""Which call a watch waits for, and how it is found again in another run."""

from __future__ import annotations

from typing import Any

from gdbext.analyse.watch import Tally, copiers_in, owner_writes, owners_around, plan_address, plan_damage
from gdbext.model.diagnosis import Finding, Suspect
from gdbext.model.events import Event, Frame, TraceInfo
from gdbext.model.record import fields_of
from gdbext.model.reports.check import HeapReport
from gdbext.model.watch import WatchPlan
from gdbext.trace.trace import Trace

HERE, THERE = (0x100, 0x200), (0x300, 0x200)
LEFT, RIGHT = 0x8000, 0x8044
HEADER: Any = object()  # a trace of our recorder has one


def event(
    seq: int, kind: str, address: int, size: int = 0, stack: tuple[int, ...] = HERE, link: int | None = None
) -> Event:
    return Event(seq, kind, address, size, 0, 2, "main", 0, 0, 1000 + seq, stack, link)


def past(*events: Event, complete: bool = True) -> Trace:
    """The recorder's trace of these events."""
    return Trace(TraceInfo(len(events), 0 if complete else 1, None, None, True), events, header=HEADER)


def heap(address: int, block: int, *, freed: bool = False, length: int = 4) -> HeapReport:
    suspect = Suspect(block, 64, "freed" if freed else "used", None, None, (), None, "")
    finding = Finding("block-size", "damage", 1, address, length, block, "", "", (suspect,))
    return HeapReport(
        "multi_heap", "x", None, 0, 0, 0, "damaged", "none", 0, 0, 0, 0, 0, None, (finding,), (), (), None
    )  # fmt: skip


def planned(report: HeapReport, known: Trace) -> WatchPlan:
    plan = plan_damage([report], known, 4)
    assert plan is not None
    return plan


def test_a_header_is_watched_from_its_blocks_allocation_on() -> None:
    known = past(event(0, "alloc", LEFT, 64), event(1, "alloc", RIGHT, 96, THERE), event(2, "free", RIGHT, stack=HERE))
    plan = planned(heap(RIGHT - 2, RIGHT), known)
    assert (plan.address, plan.offset, plan.stop, plan.count) == (RIGHT - 4, -4, THERE[0], 1)
    assert plan.call is not None and (plan.call.seq, plan.call.size) == (1, 96)


def test_it_stops_where_few_calls_come_back_to() -> None:
    """An interrupt's messages all come back through HERE[0]; the one in question also through 0x999, alone."""
    busy = [event(number, "alloc", 0x9000 + 0x100 * number, 80) for number in range(40)]
    one = event(40, "alloc", RIGHT, 80, (HERE[0], 0x999, 0x200))
    assert planned(heap(RIGHT - 4, RIGHT), past(*busy, one)).stop == 0x999
    assert planned(heap(RIGHT - 4, RIGHT), past(*busy[:10], one)).stop == HERE[0]


def test_links_are_watched_from_the_free_on() -> None:
    known = past(event(0, "alloc", LEFT, 64), event(1, "free", LEFT, stack=THERE), event(2, "alloc", RIGHT, 96))
    plan = planned(heap(LEFT, LEFT, freed=True), known)
    assert plan.call is not None
    assert (plan.call.seq, plan.call.size, plan.offset, plan.stop) == (1, 0, 0, THERE[0])


def test_a_damage_without_bytes_is_no_write() -> None:
    assert plan_damage([heap(LEFT, LEFT, length=0)], past(), 4) is None
    assert plan_damage([], past(), 4) is None


def test_an_unknown_allocation_is_watched_where_it_was() -> None:
    plan = planned(heap(RIGHT - 4, RIGHT), past(event(7, "free", RIGHT), complete=False))
    assert (plan.address, plan.call, plan.stop, plan.guarded) == (RIGHT - 4, None, None, True)


def test_the_third_of_its_kind_is_found_where_the_blocks_lie_elsewhere() -> None:
    same = [event(number, "alloc", LEFT + 0x100 * number, 64) for number in range(3)]
    other = [event(3, "alloc", RIGHT, 64, THERE), event(4, "alloc", RIGHT + 0x100, 65)]
    plan = planned(heap(LEFT + 0x200 - 4, LEFT + 0x200), past(*same, *other))
    assert plan.count == 3
    tally = Tally(plan)
    assert tally.take([event(10, "alloc", 0x9000, 64)]) is None
    assert tally.take([event(10, "alloc", 0x9000, 64), event(11, "alloc", 0x9100, 64, THERE)]) is None
    assert tally.take([event(11, "alloc", 0x9100, 64, THERE), event(12, "alloc", 0x9200, 64)]) is None
    assert tally.take([event(12, "alloc", 0x9200, 64), event(13, "alloc", 0x9300, 64)]) == 0x9300 - 4
    assert tally.take([event(13, "alloc", 0x9300, 64), event(14, "alloc", 0x9400, 64)]) is None


def test_without_the_whole_past_the_number_tells_about_where() -> None:
    later = event(300, "alloc", RIGHT + 0x100, 64)
    known = past(event(100, "alloc", LEFT, 64), event(200, "alloc", RIGHT, 64), later, complete=False)
    plan = planned(heap(RIGHT - 4, RIGHT), known)
    assert (plan.count, plan.since) == (None, 150)
    tally = Tally(plan)
    assert tally.take([event(99, "alloc", 0x9000, 64)]) is None
    assert tally.take([event(190, "alloc", 0x9100, 64)]) == 0x9100 - 4


def test_the_last_of_few_is_the_last_again() -> None:
    """Each call takes the place of the one before, however many events there are this time."""
    known = past(event(5000, "alloc", LEFT, 64), event(5001, "alloc", RIGHT, 64), complete=False)
    tally = Tally(planned(heap(RIGHT - 4, RIGHT), known))
    assert tally.take([event(20, "alloc", 0x9000, 64)]) == 0x9000 - 4
    assert tally.take([event(30, "alloc", 0x9100, 64)]) == 0x9100 - 4


def test_a_restart_begins_the_count_anew() -> None:
    known = past(event(0, "alloc", LEFT, 64), event(1, "alloc", RIGHT, 64))
    tally = Tally(planned(heap(RIGHT - 4, RIGHT), known))
    assert tally.take([event(5, "alloc", LEFT, 64)]) is None
    assert tally.is_other_run([event(2, "alloc", LEFT, 64)])
    assert tally.take([event(2, "alloc", LEFT, 64)]) is None
    assert tally.take([event(2, "alloc", LEFT, 64), event(3, "alloc", RIGHT, 64)]) == RIGHT - 4
    # Another run that comes to as high a number, at another time.
    later = event(3, "alloc", RIGHT, 64)
    other = Event(*[2000 if name == "time" else getattr(later, name) for name in fields_of(Event)])
    assert tally.is_other_run([other])
    assert not tally.is_other_run([later])
    assert not Tally(planned(heap(RIGHT - 4, RIGHT), known)).is_other_run([later])


def test_a_reallocation_has_the_stack_of_its_begin() -> None:
    known = past(
        event(0, "alloc", LEFT, 64),
        event(1, "realloc-begin", LEFT, 96, THERE),
        event(2, "realloc-end", RIGHT, 96, (), 1),
    )
    plan = planned(heap(RIGHT - 4, RIGHT), known)
    assert (plan.stop, plan.call and plan.call.size) == (THERE[0], 96)


def test_an_address_is_its_blocks_or_nobodys() -> None:
    known = past(event(0, "alloc", LEFT, 64), event(1, "alloc", RIGHT, 96, THERE))
    header, inside, nowhere = (plan_address(address, known, 4) for address in (RIGHT - 3, RIGHT + 9, 0x100))
    assert (header.address, header.offset, header.guarded) == (RIGHT - 4, -4, True)
    assert (inside.offset, inside.guarded) == (8, False), "its owner's writes are what was asked for"
    assert (nowhere.address, nowhere.call, nowhere.guarded) == (0x100, None, True)


def test_whose_a_word_is() -> None:
    history = past(event(0, "alloc", LEFT, 61), event(1, "alloc", RIGHT, 96), event(2, "free", RIGHT)).history
    assert owner_writes(LEFT + 60, 4, history), "the last byte of it is"
    assert not owner_writes(RIGHT - 4, 4, history)
    assert not owner_writes(RIGHT, 4, history), "freed"


def test_owners_are_those_of_now() -> None:
    known = past(
        event(0, "alloc", LEFT, 200), event(1, "free", LEFT), event(2, "alloc", LEFT, 64), event(3, "alloc", RIGHT, 96)
    )
    assert [life.seq for life in owners_around(RIGHT - 4, 4, known.history)] == [2, 3]
    known = past(event(0, "alloc", LEFT, 64), event(1, "alloc", RIGHT, 96), event(2, "free", RIGHT, stack=THERE))
    assert [life.freed_seq for life in owners_around(RIGHT, 4, known.history)] == [2]


def test_what_only_writes_for_its_caller_is_not_the_writer() -> None:
    def copiers(*names: str | None) -> int:
        return copiers_in(tuple(Frame(0x100, name) for name in names))

    assert copiers("memset", "fill", "main") == 1
    assert copiers("_vsnprintf_r", "sprintf", "show", "main") == 2
    assert copiers("fill", "memset", "main") == copiers(None, "memset") == copiers("memset") == copiers() == 0
