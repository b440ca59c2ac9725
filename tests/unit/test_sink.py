# SPDX-License-Identifier: Apache-2.0
"""A sink on the host, 32 and 64 bits wide: the log has the events that the program asked for, each once and in order.

tests/unit/c/sink/sinks.c runs a scenario with an output in memory that is slow, full, cut short by a reset, or divided.
The reader of logs must find in it what the scenario's own books say, and what the reader of rings finds in the ring.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.format import KINDS, Header
from gdbext.trace.log import LogEvent, LogReader
from gdbext.trace.ring import read_ring
from gdbext.trace.trace import Trace
from tests.support import recorder
from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
SINKS = [HELPERS / "sinks" / name for name in ("sink.c", "ring_view.c", "memtrace_dump.c")]
SOURCES = [ROOT / "tests/unit/c/sink/sinks.c", *SINKS, *sorted((HELPERS / "log").glob("*.c"))]
INCLUDES = (f"-I{HELPERS / 'sinks'}",)
CHECKED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STEPPED = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")  # each instruction is a signal: let them be few
THREADS = ("-O1", "-fsanitize=thread", "-DPAIRS_A_THREAD=20000")
both = pytest.mark.parametrize("bits", [32, 64])

Books = tuple[str, int, int, int, str, int, int, tuple[int, ...]]


@dataclass
class Run:
    """One run of a log, in full."""

    header: Header
    events: list[LogEvent] = field(default_factory=list)
    books: list[Books] = field(default_factory=list)  # the events as the scenario's own books have them
    lives: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)
    counts: tuple[int, ...] = ()
    failure: tuple[str, str] | None = None
    lost: int = 0


@dataclass(frozen=True)
class Ran:
    """What a scenario printed, its log and its ring."""

    bits: int
    lines: tuple[str, ...]
    log: bytes
    ring: bytes

    @property
    def books(self) -> list[list[Books]]:
        """What was asked for in each run."""
        found: list[list[Books]] = [[]]
        for line in self.lines:
            words = line.split(" ")
            if len(words) >= 8:
                found[-1].append(_booked(words))
            elif words[0] == "run":
                found.append([])
        return found

    def number(self, name: str) -> int:
        return next(int(line.split()[1]) for line in self.lines if line.startswith(name + " "))

    def trace(self) -> Trace:
        address = self.number("ring")
        return read_ring(Memory(snapshot_of([(address, self.ring)], self.bits // 8, "little")), address)

    def issued(self) -> int:
        header = self.trace().header
        assert header is not None
        return header.issued


def _booked(words: list[str]) -> Books:
    """A line of the books; names of tasks may have blanks."""
    kind, address, size, heap = words[0], *map(int, words[1:4])
    core, time, pcs = int(words[-3]), int(words[-2]), words[-1]
    return kind, address, size, heap, " ".join(words[4:-3]), core, time, tuple(int(pc) for pc in pcs.split(",") if pc)


@cache
def program(bits: int, flags: Sequence[str]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="memtrace-sinks-"))
    return recorder.compile_with(folder / "sinks", SOURCES, (f"-m{bits}", *flags, *INCLUDES))


def run(bits: int, scenario: str, flags: Sequence[str] = CHECKED) -> Ran:
    with tempfile.TemporaryDirectory() as name:
        log, ring = Path(name) / "log", Path(name) / "ring"
        command = [str(program(bits, tuple(flags))), scenario, str(log), str(ring)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return Ran(bits, tuple(done.stdout.splitlines()), log.read_bytes(), ring.read_bytes())


def runs_of(data: bytes) -> list[Run]:
    """Each run of the log; all of it makes sense."""
    reader, runs = LogReader(), list[Run]()
    for items in (reader.feed(data), reader.finish()):
        for item in items:
            if isinstance(item, Header):
                runs.append(Run(item, lost=-reader.lost))
            else:
                take(runs[-1], reader, item)
    runs[-1].lost += reader.lost
    runs[-1].counts, runs[-1].failure = reader.counts, reader.failure
    assert reader.unread == 0
    return runs


def take(run: Run, reader: LogReader, event: LogEvent) -> None:
    stack = reader.stacks[event.stack] if event.stack else ()
    if event.seq is None:
        run.lives.append((event.address, event.size, stack))
        return
    fixed = {0: "(start-up)", 1: "(interrupt)", 2: "(unnamed task)"}
    task = fixed.get(event.context) or reader.names[event.context][1]
    assert event.time is not None
    run.events.append(event)
    kind, address, size, heap = KINDS[event.kind], event.address, event.size, event.heap
    run.books.append((kind, address, size, heap, task, event.core, event.time, stack))


def only(data: bytes) -> Run:
    (found,) = runs_of(data)
    return found


def shortened(book: Books, found: Books) -> Books:
    """With the caller alone, if only that was kept."""
    return (*book[:7], book[7][:1]) if found[7] == book[7][:1] else book


@both
def test_everything_is_written_once_and_in_order(bits: int) -> None:
    ran = run(bits, "steady")
    log = only(ran.log)
    assert log.books == ran.books[0]
    assert log.lost == 0
    begins = {event.seq for event in log.events if KINDS[event.kind] == "realloc-begin"}
    links = [event.link for event in log.events if KINDS[event.kind] == "realloc-end"]
    assert len(links) > 1000 and set(links) <= begins and len(set(links)) == len(links)


@both
def test_a_time_that_stands_in_a_record_of_its_own_is_the_event_s(bits: int) -> None:
    ran = run(bits, "told")
    log = only(ran.log)
    assert log.books == ran.books[0] and log.lost == 0


@both
def test_a_definition_is_written_once(bits: int) -> None:
    ran, size = run(bits, "steady"), bits // 2
    stacks = {event.stack for event in only(ran.log).events} - {0}
    defined = [
        row
        for row in range(0, len(ran.log), size)
        if ran.log[row + size - size // 4 : row + size] == (16).to_bytes(size // 4, "little")
    ]
    assert len(defined) == len(stacks)


@both
def test_events_whose_stack_found_no_room_have_their_caller(bits: int) -> None:
    ran = run(bits, "callers")
    log = only(ran.log)
    assert log.books == [shortened(*pair) for pair in zip(ran.books[0], log.books, strict=True)]
    assert log.lost == 0
    alone = sum(len(book[7]) == 1 for book in log.books)
    assert log.counts[3] > 1000 and alone >= log.counts[3]


@both
def test_what_was_overwritten_is_lost_by_its_numbers(bits: int) -> None:
    """No event is wrong, none comes twice, and the rest is counted."""
    ran = run(bits, "overrun")
    log = only(ran.log)
    wanted = iter(ran.books[0])
    found = 0
    for book in log.books:
        found += any(shortened(asked, book) == book for asked in wanted)
    assert found == len(log.books) > len(ran.books[0]) // 4
    assert log.lost > 1000
    issued = ran.issued()
    rows = sum(event.seq is not None for event in log.events)
    assert rows < issued - log.lost < issued


@both
def test_an_output_that_allocates_and_polls_is_not_entered_twice(bits: int) -> None:
    ran = run(bits, "busy")
    log = only(ran.log)
    assert [book[:4] for book in log.books] == [book[:4] for book in ran.books[0]][: len(log.books)]
    assert len(log.books) >= 5000 and log.lost == 0


@both
def test_a_full_disk_ends_the_log_and_nothing_else(bits: int) -> None:
    ran = run(bits, "full")
    log = only(ran.log)
    assert log.books == ran.books[0][: len(log.books)]
    assert ran.number("dropped") == 5000 - len(log.books) > 1000 and len(log.books) > 200


@both
def test_a_limit_ends_the_log(bits: int) -> None:
    ran = run(bits, "limit")
    log = only(ran.log)
    assert log.books == ran.books[0][: len(log.books)]
    assert ran.number("dropped") == 3000 - len(log.books) > 0


@both
def test_each_of_two_parts_stands_alone(bits: int) -> None:
    """The newest one has the blocks that are older than it, the one before ends where it begins."""
    ran = run(bits, "parts")
    place = ran.number("part")
    before, newest = only(ran.log[ran.number("before") : place]), only(ran.log[place:])
    books = before.books + newest.books
    assert ran.number("turns") > 4 and books == ran.books[0][-len(books) :]
    older = ran.books[0][: -len(newest.books)]
    alive = {book[1]: (book[2], book[7]) for book in older if book[3] == 4}
    assert len(alive) > 100 and {address: rest for address, *rest in newest.lives if address >= 0x50000000} == {
        address: list(rest) for address, rest in alive.items()
    }
    assert len(ran.log) - place <= 20000 and place - ran.number("before") <= 20000


@both
def test_a_stop_writes_all_and_closes(bits: int) -> None:
    ran = run(bits, "stops")
    log = only(ran.log)
    assert log.books == ran.books[0]
    assert log.counts == ()  # while it is stopped nothing is counted


@both
def test_an_event_that_never_comes_does_not_hold_the_log(bits: int) -> None:
    """Its slot is another's for good; the two of them are lost, and all others there."""
    ran = run(bits, "stuck")
    log = only(ran.log)
    assert log.books == [book for book in ran.books[0] if book[2] != 1] and log.lost == 2


FAILURE = ("tlsf_free", "!block_is_free(block)")


@both
def test_at_an_assertion_a_polled_output_has_everything_at_once(bits: int) -> None:
    ran = run(bits, "polled")
    log = only(ran.log)
    assert log.books == ran.books[0] and len(log.books) == 251
    assert log.failure == FAILURE and log.books[-1][0] == "assert"


@both
@pytest.mark.parametrize(("scenario", "second"), [("restart", 20), ("forgotten", 1)])
def test_the_next_start_writes_the_rest_of_the_run_that_died(scenario: str, second: int, bits: int) -> None:
    """With the sink's memory as it was left, and without it: then the ring is all there is."""
    ran = run(bits, scenario)
    died, started = runs_of(ran.log)
    assert died.books == ran.books[0][-len(died.books) :] and died.books[-1][0] == "assert"
    assert len(died.books) == 251 if scenario == "restart" else len(died.books) > 90
    assert started.books == ran.books[1] and len(started.books) == second


@both
def test_a_reset_behind_any_instruction_of_a_poll_loses_nothing(bits: int) -> None:
    ran = run(bits, "resets", STEPPED)
    found = runs_of(ran.log)
    assert sum(line == "cut 1" for line in ran.lines) > 40
    assert [log.books for log in found] == ran.books[:-1]
    assert {log.lost for log in found} == {0}


def thread_events(log: Run) -> Iterable[tuple[int, int]]:
    for event in log.events:
        core = event.address >> 27 & 7
        assert KINDS[event.kind] in ("alloc", "free") and event.core == event.heap == core
        if KINDS[event.kind] == "alloc":
            assert event.size == ((event.address >> 4) * 2654435761 & 0xFFFFFFFF) >> 8
        yield core, (event.address & (1 << 27) - 1) >> 4 << 1 | (KINDS[event.kind] == "free")


@pytest.mark.parametrize("scenario", ["threads", "threads-tiny"])
@pytest.mark.parametrize(("bits", "flags"), [(32, CHECKED), (64, STEPPED), (64, THREADS)], ids=["32", "64", "tsan"])
def test_a_storm_of_threads_is_drained_meanwhile(bits: int, flags: Sequence[str], scenario: str) -> None:
    """Each thread's events come in its order, each once and whole. Those that are not there were lost, and counted."""
    ran = run(bits, scenario, flags)
    log = only(ran.log)
    last = dict.fromkeys(range(4), -1)
    for core, number in thread_events(log):
        assert number > last[core]
        last[core] = number
    assert len(log.events) > (500 if scenario == "threads" else 50)
    assert {len(book[7]) for book in log.books} <= set(range(1, 8))
    assert all(book[4] == f"task {book[5]}" for book in log.books)


@both
def test_interrupts_between_the_steps_of_events_and_polls(bits: int) -> None:
    """Also of those whose time stands in a record of its own, behind others."""
    ran = run(bits, "interrupts", STEPPED)
    log, trace = only(ran.log), ran.trace()
    logged = {event.seq: (event.address, event.size, event.time) for event in log.events}
    kept = {event.seq: (event.address, event.size, event.time) for event in trace.events}
    common = kept.keys() & logged.keys()
    assert len(common) > 30
    assert {seq: logged[seq] for seq in common} == {seq: kept[seq] for seq in common}


@both
def test_a_dump_is_what_the_reader_of_rings_finds(bits: int) -> None:
    ran = run(bits, "dump")
    log, trace = only(ran.log), ran.trace()
    assert [event.seq for event in log.events] == [event.seq for event in trace.events]
    assert log.books == [
        (one.kind, one.address, one.size, one.heap, one.task, one.core, one.time, one.stack) for one in trace.events
    ]
    assert [event.link for event in log.events] == [event.link for event in trace.events]
    first = trace.events[0].seq
    lives = [(one.payload, one.size, one.allocated) for one in trace.lives if one.seq is not None and one.seq < first]
    assert sorted(log.lives) == sorted(lives) and len(lives) > 10
    assert log.failure == FAILURE
    assert trace.header is not None
    assert log.counts[3:6] == (trace.header.stacks_full, trace.header.names_full, trace.header.live_full)
    assert log.counts[7] == 0 < log.counts[5]


@both
def test_what_is_missing_or_too_small_is_refused(bits: int) -> None:
    run(bits, "refusals")
