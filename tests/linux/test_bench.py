# SPDX-License-Identifier: Apache-2.0
"""How `make bench ARGS=linux` comes to its numbers: on programs that are small, and with heaptrack in both places."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.bench import instructions, preloaded
from tests.bench.bench_linux import compiler, database, interpreter
from tests.bench.bench_linux_size import memory_in
from tests.bench.instructions import costs_in, listing
from tests.bench.preloaded import (
    HEAPTRACK,
    Case,
    Cost,
    Program,
    Turn,
    descends,
    descent,
    have,
    heaptrack_events,
    share_of,
)
from tests.support import linux

STEPS = 2000
# Allocations and frees of the C library itself: the buffer of stdout, what a thread needs.
OF_THE_LIBRARY = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are compiled, once for all tests."""
    return tmp_path_factory.mktemp("bench")


@pytest.mark.parametrize("way", ["sticky", "hostile", "same", "new"])
@pytest.mark.parametrize(("step", "threads"), [("toss", 1), ("replace", 3)])
def test_the_program_allocates_as_it_says(way: str, step: str, threads: int, folder: Path) -> None:
    case = descent(folder, STEPS, 20, way, threads, step)
    said = subprocess.run(case.program.command, capture_output=True, text=True, check=True).stdout
    allocated, freed = map(int, re.findall(r"\d+", said))
    case.run("heaptrack")
    assert 0 <= heaptrack_events(case.heaptrack.file) - (allocated + freed) <= OF_THE_LIBRARY
    assert freed > 0
    if step == "toss":
        assert allocated + freed == STEPS


@pytest.mark.parametrize("depth", [5, 20])
def test_each_stack_is_as_deep_as_asked(depth: int, folder: Path) -> None:
    """heaptrack's `t` lines are nodes of the tree of callers: ADDRESS PARENT."""
    case = descent(folder, STEPS, depth, "hostile")
    case.run("heaptrack")
    lines = [line.split() for line in case.heaptrack.file.read_text().splitlines()]
    nodes = [int(words[2], 16) for words in lines if words[0] == "t"]
    deep = [0]
    for parent in nodes:
        deep.append(deep[parent] + 1)
    most_used = max((int(words[2], 16) for words in lines if words[0] == "+"), key=deep.__getitem__)
    of_main_and_before = 4
    assert depth < deep[most_used] <= depth + of_main_and_before + 1


def test_a_turn_runs_each_and_leaves_nothing(folder: Path) -> None:
    turns = Case(descends(folder, STEPS, 20, "sticky"), folder, ours=HEAPTRACK).turns(2)
    assert [min(turn.bare.wall, turn.heaptrack.wall, turn.ours.wall) > 0 for turn in turns] == [True, True]
    assert not list(folder.glob("*.raw")) + list(folder.glob("*.log"))


def test_a_recorder_that_misses_events_is_no_result(folder: Path) -> None:
    case = Case(descends(folder, STEPS, 20, "sticky"), folder, ours=HEAPTRACK)
    case.turn()
    assert case.events["ours"] == case.events["heaptrack"] >= STEPS
    case.events["ours"] = STEPS * 9 // 10
    with pytest.raises(RuntimeError, match="recorders saw"):
        case.turn()


def test_settings_of_the_caller_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMTRACE_DEPTH", "1")
    monkeypatch.setenv("LD_PRELOAD", "libother.so")
    case = Case(Program(("true",), environment=(("A", "B"),)), tmp_path, ours=Path("libmemtrace.so"))
    assert "MEMTRACE_DEPTH" not in case.environment("ours")
    assert "LD_PRELOAD" not in case.environment("bare")
    assert case.environment("ours", MEMTRACE_PAUSED="1")["MEMTRACE_PAUSED"] == "1"
    assert case.environment("ours")["LD_PRELOAD"] == "libmemtrace.so"
    assert case.environment("bare")["A"] == "B"


@pytest.mark.parametrize("piece", [2, 3, 7, 1 << 20])
def test_events_are_counted_over_the_ends_of_pieces(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preloaded, "PIECE", piece)
    raw = tmp_path / "raw"
    raw.write_bytes(b"v 10400 3\nt 1 0\n+ 10 1 7f00\n- 7f00\nt 2 1\n+ 20 2 7f20\nc 1\n")
    assert heaptrack_events(raw) == 3


def test_the_share_is_of_what_is_added() -> None:
    case = Case(Program(("true",)), Path(), ours=HEAPTRACK)
    case.events = {"heaptrack": 1_000_000, "ours": 1_000_000}
    turns = [Turn(Cost(1, 1), Cost(3, 5), Cost(1 + added, 2)) for added in (0.5, 0.25, 1.5)]
    row = share_of("it", case, turns, 0.2)
    assert row.measured == 0.25
    assert not row.kept
    assert row.note.startswith("500 of 2000 ns an event, 1.0 M events, 1.00 s bare; wall 0.25; 3 turns: 0.12 to 0.75")
    assert share_of("it", case, turns, None, "wall").measured == 0.25


def test_a_missing_program_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert have("sh")
    assert not have("sh", "a-program-that-nobody-has", "/no/such/library.so")
    assert capsys.readouterr().err == "no a-program-that-nobody-has, library.so here: left out\n"


def test_real_programs_run_and_allocate(tmp_path: Path) -> None:
    for program in (compiler(tmp_path, 2), database(tmp_path, 50), interpreter(1)):
        case = Case(program, tmp_path)
        case.run("heaptrack")
        assert heaptrack_events(case.heaptrack.file) > STEPS, program.command


def test_a_turn_of_our_recorder(folder: Path) -> None:
    case = Case(descends(folder, STEPS, 20, "sticky", 2), folder, ours=linux.library())
    case.turn()
    assert 0 <= case.events["ours"] - STEPS <= OF_THE_LIBRARY


# How often the recorder looks at the clock when it begins is the machine's business.
TIMED = ("clock_start", "counts_a_second", "clock_hz")


def test_instructions_of_our_recorder_have_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "SHORT", STEPS)
    monkeypatch.setattr(instructions, "LONG", 2 * STEPS)
    ours = instructions.library_with_names()
    recording, paused = (
        {
            name: cost
            for name, cost in instructions.per_event(folder, 20, "sticky", "ours", more, ours)[0].items()
            if name.endswith("(libmemtrace.so)") and name.partition(" ")[0] not in TIMED
        }
        for more in ({}, {"MEMTRACE_PAUSED": "1"})
    )
    assert {"malloc (libmemtrace.so)", "free (libmemtrace.so)"} <= set(paused) <= set(recording)
    assert sum(paused.values()) < sum(recording.values())


def test_memory_is_dirty_bytes_and_the_window_on_the_log() -> None:
    smaps = """\
55d0a000-55d0b000 r--p 00000000 fe:00 1 /usr/bin/a program
Rss:                 400 kB
Private_Dirty:         4 kB
7f000000-7f100000 rw-s 00000000 fe:00 2                  /tmp/ours.log
Rss:                  64 kB
Private_Dirty:        16 kB
7f200000-7f300000 rw-p 00000000 00:00 0
Rss:                  32 kB
Private_Dirty:        28 kB
VmFlags: rd wr mr
"""
    assert memory_in(smaps, "ours.log") == ((4 + 28) * 1024, 64 * 1024)


def test_instructions_by_function_and_line() -> None:
    costs = costs_in(
        "version: 1\nevents: Ir\n\nob=/lib/libone.so\nfl=/src/one.c\nfn=outer\n10 5\n11 2\n"
        "cob=/lib/libc.so.6\ncfi=malloc.c\ncfn=malloc\ncalls=3 100\n11 900\nfi=/src/one.h\n7 3\n"
        "fe=/src/one.c\n12 1\n\nfn=outer'2\n10 4\nob=/lib/libc.so.6\nfl=malloc.c\nfn=malloc\n100 900\n\ntotals: 915\n"
    )
    assert costs.functions == {"outer (libone.so)": 15, "malloc (libc.so.6)": 900}
    assert costs.lines == {
        "one.c:10 outer": 9,
        "one.c:11 outer": 2,
        "one.h:7 outer": 3,
        "one.c:12 outer": 1,
        "malloc.c:100 malloc": 900,
    }


@pytest.mark.parametrize("own", ["step_1 (descent)", "descent.c:82 step_1"])
def test_the_program_itself_is_one_line(own: str) -> None:
    costs = {"few (libone.so)": 0.5, own: 3.0, "none (libone.so)": 0.01, "many (libone.so)": 20.0}
    assert listing(costs) == [
        "     23.5 all",
        "      3.0 the program itself",
        "     20.0 many (libone.so)",
        "      0.5 few (libone.so)",
    ]
