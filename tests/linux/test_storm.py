# SPDX-License-Identifier: Apache-2.0
"""What many threads do is in the log: every event, once, in an order in which no block is freed before it was given.

The program counts for itself. Its events are told from the C library's by the module that called: its own code.
"""

from __future__ import annotations

import struct
import subprocess
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.linux.stepping import told as told_by_memtrace
from tests.support import linux_log
from tests.support.linux import SECONDS, compiled, environment, library
from tests.support.linux_log import ALLOC, FREE, REALLOC_BEGIN, REALLOC_END, Event, Log

STORM = Path(__file__).parent / "programs" / "storm.c"
KILLS = 200
KILLED_THREADS = 8


class Counted(NamedTuple):
    allocations: int
    frees: int
    size: int
    left: int


@pytest.fixture(scope="session")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(STORM, tmp_path_factory.mktemp("storm"), "gcc", "-pthread")


def ran(
    program: Path, folder: Path, *words: object, before: list[str] | None = None, to: str = "all"
) -> tuple[int, str]:
    """Its status and what it printed, under the recorder, whose log is `log` in the folder."""
    line = [*(before or []), str(program), *map(str, words)]
    loaded = {"QEMU_SET_ENV": f"LD_PRELOAD={library(to)}"} if before else {"LD_PRELOAD": str(library(to))}
    env = environment(MEMTRACE_LOG=str(folder / "log"), **loaded)
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, done.stdout


def own(log: Log) -> list[Event]:
    """Events that the program's own code called for, and the ends of its reallocations."""
    base = next(base for base, _, path in log.modules if path.endswith("/storm"))
    found = []
    for events in log.streams.values():
        begun = False
        for event in events:
            stack = log.stacks.get(event.stack) if event.kind != REALLOC_END else None
            ours = begun if event.kind == REALLOC_END else bool(stack and 0 <= stack.pcs[0] - base < 1 << 16)
            begun = ours and event.kind == REALLOC_BEGIN
            found += [event] if ours else []
    return found


def counted(log: Log) -> Counted:
    events = own(log)
    given = [event for event in events if event.kind in (ALLOC, REALLOC_END)]
    taken = [event for event in events if event.kind in (FREE, REALLOC_BEGIN)]
    return Counted(len(given), len(taken), sum(event.size for event in given), len(given) - len(taken))


def replayed(log: Log) -> dict[int, int]:
    """The blocks that live at the end, in the order of time. Asserts that each event makes sense where it stands."""
    live: dict[int, int] = {}
    for event in log.events():
        if event.kind in (ALLOC, REALLOC_END):
            assert event.address not in live, f"{event} was given twice"
            live[event.address] = event.size
        elif event.kind in (FREE, REALLOC_BEGIN):
            assert live.pop(event.address, None) is not None, f"{event} was not there"
    return live


def assert_told(folder: Path, printed: str) -> None:
    log = linux_log.read(folder / "log")
    assert counted(log) == Counted(*map(int, printed.split()))
    replayed(log)
    assert log.torn == 0 and set(log.counts) == {0}


@pytest.mark.parametrize(("threads", "operations"), [(1, 40_000), (4, 10_000), (24, 3_000)])
def test_counts_are_the_programs_own(storm: Path, tmp_path: Path, threads: int, operations: int) -> None:
    status, printed = ran(storm, tmp_path, threads, operations)
    assert status == 0
    assert_told(tmp_path, printed)


@pytest.mark.parametrize("threads", [1, 4])
def test_counts_on_aarch64(tmp_path: Path, threads: int) -> None:
    program = compiled(STORM, tmp_path, "aarch64-linux-gnu-gcc", "-pthread")
    before = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
    status, printed = ran(program, tmp_path, threads, 3_000, before=before, to="aarch64")
    assert status == 0
    assert_told(tmp_path, printed)


@pytest.mark.parametrize(
    ("machine", "flag"),
    [
        ("aarch64", "-O1"),
        ("riscv64", "-fno-omit-frame-pointer"),
        ("riscv64", "-fasynchronous-unwind-tables"),
    ],
)
def test_stacks_of_other_machines_are_whole(tmp_path: Path, machine: str, flag: str) -> None:
    program = compiled(STORM, tmp_path, f"{machine}-linux-gnu-gcc", "-pthread", flag)
    status, _ = ran(
        program, tmp_path, 1, 200, before=[f"qemu-{machine}", "-L", f"/usr/{machine}-linux-gnu"], to=machine
    )
    assert status == 0
    log = linux_log.read(tmp_path / "log")
    stacks = [log.stacks[event.stack] for event in own(log) if event.kind in (ALLOC, REALLOC_BEGIN)]
    assert stacks
    for stack in stacks:  # the place in run (or take), main, and the C library below
        assert len(stack.pcs) >= 4 and stack.end == 0


def killed(storm: Path, folder: Path, at: int) -> None:
    """What the program had counted, but for the last event of each thread, is in the log."""
    folder.mkdir()
    status, _ = ran(storm, folder, KILLED_THREADS, 1_000_000, folder / "counters", at)
    assert status == -9
    log = linux_log.read(folder / "log")
    told = sorted(_of_thread(log), reverse=True)
    had = sorted(struct.unpack(f"<{KILLED_THREADS}Q", (folder / "counters").read_bytes()[: 8 * KILLED_THREADS]))
    had.reverse()
    assert len(told) <= KILLED_THREADS and log.torn <= KILLED_THREADS
    for program, ours in zip_longest(had, told, fillvalue=0):
        assert program - 1 <= ours <= program + 2, f"{had} were counted, and {told} are in the log"
    assert sum(map(len, log.streams.values())) == told_by_memtrace("report", folder / "log")["trace"]["kept"]
    for events in log.streams.values():
        assert [event.number for event in events] == list(range(len(events)))


def _of_thread(log: Log) -> list[int]:
    return [
        len(own(Log(streams={0: events}, stacks=log.stacks, modules=log.modules))) for events in log.streams.values()
    ]


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_loses_no_more_than_the_last_event(storm: Path, tmp_path: Path, number: int) -> None:
    killed(storm, tmp_path / "one", Random(number).randrange(1, 20_000))
