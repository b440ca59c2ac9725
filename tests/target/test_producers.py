# SPDX-License-Identifier: Apache-2.0
"""Cores of those who make them: the emulator's dump-guest-memory, GDB's gcore of a process, and ours of the same."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.gdb import NATIVE_GDB, SOURCE, Capture, GdbResult, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.scenario import run_scenario

HOST = ROOT / "tests" / "cli" / "host"
TARGET = ROOT / "tests" / "target"
FLAGS = "-std=gnu11 -g -O1 -fPIE -pie -fno-omit-frame-pointer -fno-optimize-sibling-calls".split()
FLAGS += "-Wall -Wextra -Wconversion -Wshadow -Werror".split()
FLAGS += [f"-I{folder}" for folder in (ROOT / "tests/unit/c/real", ROOT / "c_helpers/include", TARGET / "heap", TARGET)]
CHECK, LOG = "heap-check --json --blocks", "malloc-log --json --all"


def facts(report: Any) -> Any:
    return {name: value for name, value in report.items() if name != "cost"}


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[GdbResult, Path]:
    core = tmp_path_factory.mktemp("qemu") / "core"
    asked = [Capture(CHECK), Capture(LOG), f"monitor dump-guest-memory {core}"]
    return run_scenario("seed", asked), core


def test_an_emulators_dump_says_what_its_target_said(emulated: tuple[GdbResult, Path]) -> None:
    live, core = emulated
    elf = firmware.build("default")
    gdb = run_gdb([SOURCE, f"core-file {core}", Capture(CHECK), Capture(LOG)], elf=elf)
    assert [facts(one.json()) for one in gdb.captured] == [facts(one.json()) for one in live.captured]
    assert memtrace("check", "--blocks", "--json", core, "--elf", elf).same() == facts(live.json(0))
    assert memtrace("log", "--all", "--json", core, "--elf", elf).same() == facts(live.json(1))


def test_its_ring_is_found_without_symbols(emulated: tuple[GdbResult, Path]) -> None:
    live, core = emulated
    assert memtrace("log", core, "--json").json()["trace"] == live.json(1)["trace"]


class Process:
    """A process that was dumped by GDB and saved by us, and what was said of it while it lived."""

    def __init__(self, folder: Path, bits: int) -> None:
        self.program, self.core, self.saved = folder / "host", folder / "gcore", folder / "saved"
        heap = sorted((TARGET / "heap").glob("*.c")) if bits == 32 else []
        sources = [HOST / "host.c", *sorted((ROOT / "c_helpers" / "recorder").glob("*.c")), *heap]
        subprocess.run(["gcc", f"-m{bits}", *FLAGS, *map(str, sources), "-o", str(self.program)], check=True)
        self.asked = [Capture(CHECK), Capture(LOG)] if bits == 32 else [Capture(LOG)]
        stop = ["break host_stop", "run", SOURCE, *self.asked]
        done = run_gdb(
            [*stop, f"gcore {self.core}", f"memtrace save {self.saved}"], elf=self.program, program=NATIVE_GDB
        )
        self.said = [facts(one.json()) for one in done.captured]

    def in_gdb(self, core: Path) -> list[Any]:
        done = run_gdb([SOURCE, f"core-file {core}", *self.asked], elf=self.program, program=NATIVE_GDB)
        return [facts(one.json()) for one in done.captured]

    def in_shell(self, core: Path) -> list[Any]:
        words = [["check", "--blocks"], ["log", "--all"]][-len(self.asked) :]
        return [memtrace(*line, core, "--elf", self.program, "--json").same() for line in words]


@pytest.fixture(scope="module", params=[32, 64])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Process:
    return Process(tmp_path_factory.mktemp("process"), request.param)


@pytest.mark.parametrize("form", ["gcore", "saved"])
def test_a_processs_core_says_what_the_process_said(process: Process, form: str) -> None:
    """A position-independent one: its symbols are where the core says that it was loaded."""
    core = process.core if form == "gcore" else process.saved
    assert process.in_shell(core) == process.said
    assert process.in_gdb(core) == process.said


def test_owners_have_their_lines(process: Process) -> None:
    events = process.said[-1]["events"]
    stack = [(frame["function"], frame["line"]) for frame in events[5]["stack"]]
    places = [("picture_load", "picture-load"), ("host_run", "host-run")]
    assert stack[:2] == [(name, marked_line(HOST / "host.c", marker)) for name, marker in places]
    assert stack[2][0] == "main"
    assert events[5]["size"] == 48 + 5


def test_any_gdb_shows_where_the_process_stood(process: Process) -> None:
    done = run_gdb([f"core-file {process.saved}", Capture("backtrace")], elf=process.program, program=NATIVE_GDB)
    assert [word for word in ("host_stop", "host_run", "main") if word in done.captured[0].output] == [
        "host_stop",
        "host_run",
        "main",
    ]


def test_a_heap_caught_in_the_act_is_not_damaged_in_a_core_either(tmp_path: Path) -> None:
    """The core has no word of ours: that a malloc was under way shows in the calls that the thread stands in."""
    points, asked = 6, ["stepi 228"]
    for number in range(points):
        asked += ["stepi 7", Capture(CHECK), f"monitor dump-guest-memory {tmp_path / str(number)}"]
    live = run_scenario("step", asked, before=["break step_begin"])
    elf = firmware.build("default")
    told = [facts(one.json()) for one in live.captured]
    assert [
        memtrace("check", "--blocks", "--json", tmp_path / str(number), "--elf", elf).same() for number in range(points)
    ] == told
    findings = [finding["severity"] for report in told for heap in report["heaps"] for finding in heap["findings"]]
    assert findings and set(findings) == {"note"}
