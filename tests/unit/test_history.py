# SPDX-License-Identifier: Apache-2.0
"""Owners over time: from events to generations."""

from __future__ import annotations

from gdbext.model.events import Event, Generation
from gdbext.trace.history import History

A, B = 0x1000, 0x2000


class Script:
    """Writes events, one after another."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: str, address: int, size: int = 0, *, context: int = 3, link: int | None = None) -> int:
        seq = len(self.events)
        stack = () if kind == "realloc-end" else (0x100 + seq,)
        self.events.append(Event(seq, kind, address, size, 0, context, f"task{context}", 0, 0, seq, stack, link))
        return seq

    def history(self) -> History:
        return History(self.events)


def test_a_life_has_both_ends() -> None:
    script = Script()
    script.add("alloc", A, 24)
    script.add("free", A, context=4)
    script.add("alloc", B, 8, context=4)
    (life,) = script.history().generations(A)
    assert (life.size, life.task, life.seq, life.allocated) == (24, "task3", 0, (0x100,))
    assert (life.freed_seq, life.freed_task, life.freed, life.in_flight) == (1, "task4", (0x101,), False)


def test_generations_of_one_address_newest_first() -> None:
    script = Script()
    for size in (8, 16, 24):
        script.add("alloc", A, size)
        script.add("free", A)
    script.add("mark", 0)
    assert [life.size for life in script.history().holding(A)] == [24, 16, 8]


def test_a_free_that_is_under_way() -> None:
    script = Script()
    script.add("alloc", A, 24)
    script.add("free", A)
    script.add("alloc", B, 8, context=1)  # an interrupt in between does not end it
    script.add("assert", A)
    life = script.history().newest(A)
    assert life is not None
    assert life.in_flight


def test_a_double_free_keeps_both_stacks() -> None:
    script = Script()
    script.add("alloc", A, 24)
    script.add("free", A)
    script.add("free", A)
    history = script.history()
    ((event, earlier),) = history.double_frees()
    assert earlier is not None
    assert (event.seq, earlier.seq, earlier.freed_seq) == (2, 0, 1)
    assert [life.freed for life in history.generations(A)] == [(0x101,), (0x102,)]


def test_a_reallocation_moves_the_block() -> None:
    script = Script()
    script.add("alloc", A, 24)
    begin = script.add("realloc-begin", A, 100)
    script.add("realloc-end", B, 100, link=begin)
    history = script.history()
    old, new = history.newest(A), history.newest(B)
    assert old is not None
    assert new is not None
    assert (old.freed_seq, new.size, new.allocated, new.freed_seq) == (begin, 100, (0x101,), None)


def test_a_reallocation_in_place_and_one_that_failed() -> None:
    script = Script()
    script.add("alloc", A, 24)
    begin = script.add("realloc-begin", A, 32)
    script.add("realloc-end", A, 32, link=begin)
    begin = script.add("realloc-begin", A, 1 << 20)
    script.add("realloc-end", 0, 1 << 20, link=begin)
    lives = script.history().generations(A)
    assert [(life.size, life.freed_seq) for life in lives] == [(24, 1), (32, None)]


def test_the_live_table_knows_owners_that_the_ring_forgot() -> None:
    script = Script()
    script.add("mark", 0)
    script.add("free", B)
    live = [Generation(A, 24, "task3", 0, (0x77,)), Generation(B, 8, "task3", 9, (0x78,))]
    history = History(script.events, live)
    known = history.newest(A)
    assert known is not None
    assert (known.size, known.allocated) == (24, (0x77,))
    older, newer = history.generations(B)
    assert (older.freed_seq, newer.seq, newer.freed_seq) == (1, 9, None)


def test_the_holder_of_an_address_inside_a_block() -> None:
    script = Script()
    script.add("alloc", A, 21)
    script.add("alloc", B, 8)
    history = script.history()
    assert [life.payload for life in history.holding(A + 23)] == [A]  # rounded up to words
    assert history.holding(A + 24) == ()
    assert [life.payload for life in history.holding(A + 30, {A: 32}.get)] == [A]  # the heap gave more
