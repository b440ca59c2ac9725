# SPDX-License-Identifier: Apache-2.0
"""The recorder compiled for this machine, 32 and 64 bits wide: its bytes, its tables, its limits, and threads as cores.

tests/unit/c/recorder/books.c runs a scenario, prints what it asked for and writes the ring; the reader of rings must
find just that. The layout itself is checked here with nothing but `struct`, so that a misreading cannot hide in both.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import pytest

from gdbext.model.events import Event, HeapName
from gdbext.trace.trace import Trace
from tests.unit.recorder import Expected, Run, run

ADDRESS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
THREAD = ("-fsanitize=thread",)
PLAIN = ("-DMEMTRACE_TEST_PLAIN_ATOMICS",)
BY_LOCK = ("-DMEMTRACE_ATOMICS_BY_LOCK", "-DPAIRS_A_THREAD=30000")
BUILDS = [
    pytest.param(bits, (*ADDRESS, f"-DMEMTRACE_QUICK={quick}"), id=f"{bits}-{'quick' if quick else 'small'}")
    for bits in (32, 64)
    for quick in (0, 1)
]
builds = pytest.mark.parametrize(("bits", "flags"), BUILDS)


def found(event: Event) -> Expected:
    assert event.task is not None and event.time is not None
    return event.kind, event.address, event.size, event.heap, event.task, event.core, event.time, event.stack


def all_found(ran: Run) -> Trace:
    """The ring must hold just what was asked for."""
    trace = ran.trace()
    assert [found(event) for event in trace.events] == ran.expected
    return trace


def slots(ran: Run) -> Iterator[tuple[int, ...]]:
    offset, size, count = struct.unpack_from("<3I", ran.data, 60)
    for index in range(count):
        yield struct.unpack_from("<4I" if ran.bits == 32 else "<4Q", ran.data, offset + index * size)


def counter(ran: Run, name: str) -> int:
    order = ["lost_busy", "lost_stopped", "filtered", "stacks_full", "names_full", "live_full", "size_capped"]
    return int(struct.unpack_from("<I", ran.data, 164 + 4 * order.index(name))[0])


@builds
def test_every_kind_by_its_bytes(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "kinds")
    heap, stack, time = bits - 5, bits // 2, 20 if bits == 32 else 36
    # address, size, heap, kind, time, core, context; the stack is looked up below
    rows = [
        (0x20000010, 100, 1, 1, 5, 0, 3),
        (0x20000010, 0, 1, 2, 8, 0, 3),
        (0x20000100, 33 << 20, 2, 3, 8, 0, 3),
        (0x20000200, 33 << 20, 2, 4, 8, 0, 3),
        (0, 1 << 20, 31, 5, 8, 1, 1),
        (4, 0, 0, 6, 8, 1, 1),
        (0, 812, 0, 7, 8, 1, 1),
    ]
    words = list(slots(ran))[:7]
    for (address, size, number, kind, when, core, context), word in zip(rows, words, strict=True):
        assert word[0] == address
        assert word[1] == size | number << heap
        assert word[2] & (1 << stack) - 1 == context
        assert word[3] == kind | core << 5 | when << time
    assert words[3][2] >> stack == 2  # the slot of its begin
    arena, _, _ = struct.unpack_from("<3I", ran.data, 72)
    width = bits // 8
    pcs = []
    for word in words:
        at = arena + (word[2] >> stack) * width
        depth = ran.data[at]
        pcs.append(struct.unpack_from(f"<{depth}{'I' if bits == 32 else 'Q'}", ran.data, at + width))
    assert pcs[0] == pcs[4] == (0x4000, 0x4010, 0x4020)
    assert (pcs[1], pcs[2], pcs[6]) == ((0x5000, 0x5010), (0x4100,), (0x6000, 0x6010))
    assert words[0][2] >> stack == words[4][2] >> stack


@builds
def test_every_kind_by_the_reader(bits: int, flags: Sequence[str]) -> None:
    trace = all_found(run(bits, flags, "kinds"))
    assert trace.assertion is not None
    assert (trace.assertion.text, trace.assertion.function, trace.assertion.seq) == (
        "!block_is_free(block)",
        "tlsf_free",
        6,
    )
    assert (trace.header.assert_line, trace.info.state, trace.header.build_id) == (812, "frozen", "b1" * 20)
    assert trace.events[3].link == 2


@builds
def test_random_runs_agree_with_their_own_books(bits: int, flags: Sequence[str]) -> None:
    """Over many laps: what is kept is the end of what was asked; a time is whole, or before all SYNCs."""
    ran = run(bits, flags, "random")
    trace = ran.trace()
    assert trace.info.kept + trace.info.lost == trace.header.issued > 60000
    assert trace.info.dropped == trace.info.half_written == 0
    expected = ran.expected[-len(trace.events) :]
    unknown = [event.time for event in trace.events].count(None)
    assert unknown < len(trace.events) // 10
    short = 0
    for number, (event, wanted) in enumerate(zip(trace.events, expected, strict=True)):
        assert (event.kind, event.address, event.size, event.heap) == wanted[:4]
        assert (event.task, event.core, event.time) == (*wanted[4:6], None if number < unknown else wanted[6])
        short += event.stack != wanted[7]
        assert event.stack in (wanted[7], wanted[7][:1])
    assert short <= trace.info.stacks_full
    begins = {event.seq for event in trace.events if event.kind == "realloc-begin"}
    links = [event.link for event in trace.events[2:] if event.kind == "realloc-end"]
    assert links and set(links) <= begins


@builds
def test_a_stack_is_stored_once(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "stacks")
    trace = all_found(ran)
    words = sum(2 + 1 + i % 6 for i in range(400)) + 18
    assert trace.header.stack_words_used == 2 + words
    assert counter(ran, "stacks_full") == 0


@builds
def test_one_hash_is_not_one_stack(bits: int, flags: Sequence[str]) -> None:
    trace = all_found(run(bits, flags, "collision"))
    assert len({event.stack for event in trace.events}) == 5
    assert trace.header.stack_words_used == 2 + 5 * 3


@builds
def test_a_full_table_keeps_the_caller_and_says_so(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "stacks-full")
    all_found(ran)
    assert counter(ran, "stacks_full") == 60 - 62 // 3  # it is used to its last words
    callers = [word for word in slots(ran) if word[3] & 31 == 9]
    assert len(callers) == 40
    assert all(word[2] >> bits // 2 == 20 + 2 * i for i, word in enumerate(callers))


@builds
def test_chains_that_are_none_end_where_they_stop_making_sense(bits: int, flags: Sequence[str]) -> None:
    all_found(run(bits, flags, "chains"))


@builds
def test_the_lap_wraps_into_its_upper_part(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "laps")
    trace = ran.trace()
    assert trace.header.issued == 200003
    assert trace.header.laps_high == (200003 // 8) >> 11 > 2
    assert [(event.seq, event.address) for event in trace.events] == [(i, i + 1) for i in range(199995, 200003)]
    assert {event.stack for event in trace.events} == {(0x2000,), (0x2002,), (0x2004,)}


@builds
def test_filters_keep_out_allocations_only(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "filters")
    all_found(ran)
    assert counter(ran, "filtered") == 4


@builds
def test_requests_are_obeyed_and_counted(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "requests")
    trace = all_found(ran)
    assert (counter(ran, "lost_stopped"), counter(ran, "filtered")) == (0, 1)
    names, size, _ = struct.unpack_from("<3I", ran.data, 108)
    assert ran.data[names + 3 * size + 12 :][:20] == b"a mark of twenty chr"
    assert trace.header.request_done == 5


@builds
def test_the_live_table_is_what_lives(bits: int, flags: Sequence[str]) -> None:
    """A block that found no room is missing and counted; whatever has an entry has its newest one."""
    ran = run(bits, flags, "live")
    trace = ran.trace()
    alive: dict[int, tuple[int, int]] = {}
    moving = 0
    for kind, address, size, heap, *_ in ran.expected:
        if kind == "alloc":
            alive[address] = (size, heap)
        elif kind == "free":
            del alive[address]
        elif kind == "realloc-begin":
            moving = address
        elif address:
            del alive[moving]
            alive[address] = (size, heap)
    entries = {entry.payload: (entry.size, entry.heap) for entry in trace.lives}
    assert entries.items() <= alive.items()
    assert counter(ran, "live_full") >= ran.number("overflow") >= 200 - 64
    assert len(entries) > 20
    assert {entry.task for entry in trace.lives} == {"main"}
    by_seq = {event.seq: event for event in trace.events}
    assert all(by_seq[entry.seq or 0].address == entry.payload for entry in trace.lives)
    assert all(entry.allocated == (0x2000,) for entry in trace.lives)


def test_no_live_table_is_no_loss() -> None:
    assert counter(run(64, ADDRESS, "random"), "live_full") == 0


@builds
def test_names_that_find_no_room(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "names")
    all_found(ran)
    assert counter(ran, "names_full") == 4


@builds
def test_memory_of_every_size_is_refused_or_kept_to(bits: int, flags: Sequence[str]) -> None:
    run(bits, flags, "init")


@pytest.mark.parametrize("depth", [1, 2, 32])
@pytest.mark.parametrize("quick", [0, 1])
def test_other_depths(depth: int, quick: int) -> None:
    ran = run(
        32, (*ADDRESS, f"-DMEMTRACE_DEPTH={depth}", f"-DMEMTRACE_QUICK={quick}"), "chains" if depth < 32 else "kinds"
    )
    assert [event.stack for event in ran.trace().events] == [expected[-1][:depth] for expected in ran.expected]


def test_without_its_options() -> None:
    """Base features: what is left out is not there, and the rest stays."""
    for flags in (("-DMEMTRACE_FILTERS=1", "-DMEMTRACE_LIVE=0"), ("-DMEMTRACE_FILTERS=1", "-DMEMTRACE_LIVE=1")):
        ran = run(32, (*ADDRESS, *flags), "live")
        assert bool(ran.trace().lives) == (flags[1] == "-DMEMTRACE_LIVE=1")
        assert len(ran.trace().events) == len(ran.expected)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("quick", [0, 1])
def test_modules_and_heaps_have_their_names(bits: int, quick: int) -> None:
    ran = run(bits, (*ADDRESS, f"-DMEMTRACE_QUICK={quick}", "-DMEMTRACE_TAGS=1"), "modules")
    trace = ran.trace()
    names = [None, *["network"] * 4, "tag 9", None]
    assert [event.module for event in trace.events] == names and len(names) == len(ran.expected)
    assert [event.tag for event in trace.events] == [0, 7, 7, 7, 7, 9, 0]
    assert trace.heap_names == {1: HeapName("PSRAM", "external", 0x80000400)}
    lives = {life.payload: (life.module, life.heap) for life in trace.lives}
    assert lives == {0x20000100: ("network", 1), 0x20000300: ("network", 2), 0x20000400: (None, 0)}
    assert {life.payload: (life.module, life.heap) for life in trace.history.live()} == lives


def test_without_tags_no_event_has_a_module() -> None:
    trace = run(32, (*ADDRESS, "-DMEMTRACE_QUICK=1"), "modules").trace()
    assert {event.module for event in trace.events} == {None} and trace.heap_names


@builds
def test_what_a_reset_forgets_is_not_told(bits: int, flags: Sequence[str]) -> None:
    ran = run(bits, flags, "reset")
    trace = ran.trace()
    control, *events = trace.events
    assert (control.kind, control.address) == ("control", 4)
    assert [(one.kind, one.address, one.size, one.time) for one in events] == [
        (kind, address, size, time) for kind, address, size, _, _, _, time, _ in ran.expected
    ]
    info = trace.info
    assert info.kept == 4 and info.first == control.seq > 1000 and info.last == events[-1].seq
    assert (info.lost, info.overwritten, info.dropped, info.stopped, info.live_full) == (0, 0, 0, 0, 0)
    assert {life.payload for life in trace.history.live()} == {0x20000200} and trace.assertion is None


def torn(event: Event) -> bool:
    """Whether a field of a thread's event does not follow from its address (books.c)."""
    core, interrupt, number = event.address >> 27 & 3, event.address >> 26 & 1, event.address >> 4 & 0xFFFFF
    size = ((event.address >> 4) * 2654435761 & 0xFFFFFFFF) >> 8
    task = "(interrupt)" if interrupt else f"task {core}"
    head = 0x2000 + interrupt * 0x80 + number % 7 * 4
    stack = (head,) if number % 7 == 0 else (head, 0x3010, 0x3020)
    stacks = (stack, (head, 0x3020), (head, 0x3010, 0x3020))
    return (
        event.kind not in ("alloc", "free")
        or event.size != (size if event.kind == "alloc" else 0)
        or (event.heap, event.core, event.task) != (core * 2 + interrupt, core, task)
        or event.stack not in stacks
    )


def out_of_order(events: Sequence[Event]) -> list[Event]:
    """Events that do not come after the one before them of the same thread: allocation, free, next number."""
    last: dict[int, tuple[int, bool]] = {}
    wrong = []
    for event in events:
        thread, place = event.address >> 26, (event.address, event.kind == "free")
        if last.get(thread, (0, False)) >= place:
            wrong.append(event)
        last[thread] = place
    return wrong


def times_asked(ran: Run) -> dict[tuple[str, int], tuple[int, int]]:
    """Kind and address of each event, with what the clock was before and after the call."""
    rows = [line.split()[1:] for line in ran.lines if line.startswith("times ")]
    return {(kind, int(address)): (int(before), int(after)) for kind, address, before, after in rows}


def mistimed(ran: Run, events: Sequence[Event]) -> list[str]:
    """Events whose time is unknown, or not between what the clock was before and after the call."""
    asked = times_asked(ran)
    wrong = []
    for event in events:
        before, after = asked.get((event.kind, event.address), (0, 1 << 64))
        if asked and (event.time is None or not before <= event.time <= after):
            wrong.append(f"{event.time} is not in {before}..{after}: {event}")
    return wrong


def judged(ran: Run, most_records: int = 10) -> list[str]:
    """What is wrong with a run of threads, in which at most one event in `most_records` has a record of its time."""
    trace = ran.trace()
    wrong = []
    synced = any(ran.data[236:240]) or any(ran.data[376:380])  # when the last SYNC was: its record may be overwritten
    issued, asked = trace.header.issued, ran.number("issued")
    if not asked <= issued <= asked + asked // most_records or (not synced and issued != asked):
        wrong.append(f"issued {issued:,} of {asked:,}")
    if trace.info.kept + trace.info.lost != issued:
        wrong.append("kept and lost are not what was issued")
    if trace.info.kept < min(trace.header.capacity, asked) * 3 // 4:
        wrong.append(f"only {trace.info.kept:,} of {trace.header.capacity:,} kept")
    if issued <= trace.header.capacity:  # nothing was overwritten, and no two writers met in a slot
        wrong += [
            f"no {row}" for row in times_asked(ran).keys() - {(event.kind, event.address) for event in trace.events}
        ]
    wrong += [f"torn {event}" for event in trace.events if torn(event)]
    wrong += [f"out of order {event}" for event in out_of_order(trace.events)]
    return wrong + mistimed(ran, trace.events)


THREADED = [
    pytest.param(64, ("-DMEMTRACE_QUICK=1",), id="64"),
    pytest.param(32, ("-DMEMTRACE_QUICK=1",), id="32"),
    pytest.param(64, ("-DMEMTRACE_QUICK=0",), id="64-small"),
    pytest.param(64, (*THREAD, "-DMEMTRACE_QUICK=1"), id="64-tsan"),
    pytest.param(64, (*THREAD, "-DMEMTRACE_QUICK=0"), id="64-small-tsan"),
    pytest.param(64, BY_LOCK, id="64-by-lock"),
]


@pytest.mark.parametrize("scenario", ["threads", "threads-tiny"])
@pytest.mark.parametrize(("bits", "flags"), THREADED)
def test_a_million_events_of_four_threads(bits: int, flags: Sequence[str], scenario: str) -> None:
    assert judged(run(bits, flags, scenario)) == []


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("quick", [0, 1])
@pytest.mark.parametrize("scenario", ["interrupts", "interrupts-wrap"])
def test_interrupts_at_any_instruction(bits: int, quick: int, scenario: str) -> None:
    """Behind every instruction of an allocation and its free, by single steps; the clock goes on in them, too."""
    ran = run(bits, (f"-DMEMTRACE_QUICK={quick}",), scenario)
    assert judged(ran, most_records=1) == []
    assert ran.number("interrupts") > 1000 and any(line.startswith("times ") for line in ran.lines)


@pytest.mark.parametrize("quick", [0, 1])
def test_nothing_undoes_a_freeze(quick: int) -> None:
    """An assertion behind every instruction of what opens or closes the ring: it is frozen, and no event follows."""
    assert run(64, (f"-DMEMTRACE_QUICK={quick}",), "freezes").number("placed") > 500


def test_plain_stores_in_place_of_atomics_are_noticed() -> None:
    """The check can fail: an interrupt between a plain load and its store is enough."""
    assert judged(run(64, PLAIN, "interrupts"))
