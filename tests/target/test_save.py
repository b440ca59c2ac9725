# SPDX-License-Identifier: Apache-2.0
"""`memtrace save`: a core that any GDB opens, in which every command says what it said of the live target."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, GdbResult, remote, run_gdb
from tests.support.qemu import Qemu
from tests.support.scenario import run_scenario

COMMANDS = ["heap-check --json --blocks", "heap-blocks --json --all", "heap-free --json", "malloc-log --json --all"]
COMMANDS += ["last-malloc 0x80101bf8 --json --all"]
LOOK = [Capture("info registers"), Capture("backtrace"), Capture("info threads")]


def facts(report: Any) -> Any:
    return {name: value for name, value in report.items() if name != "cost"}


def reports(done: GdbResult) -> list[Any]:
    return [facts(captured.json()) for captured in done.captured[: len(COMMANDS)]]


def looks(done: GdbResult) -> list[str]:
    """Registers and stacks as GDB shows them; threads by the function that they stand in."""
    texts = [captured.output for captured in done.captured[len(COMMANDS) : len(COMMANDS) + len(LOOK)]]
    return [texts[0], texts[1], *re.findall(r"\b\w+ \((?!CPU)[^()]*\) at .*", texts[2])]


@pytest.fixture(scope="module", params=["seed", "clean", "smp"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[GdbResult, Path, Path]:
    """What GDB said of a live target, and the core and program that remain of it."""
    core = tmp_path_factory.mktemp("saved") / "core"
    commands = [*map(Capture, COMMANDS), *LOOK, Capture(f"memtrace save {core}")]
    before, scenario, machine = {
        "seed": ([], "seed", {}),
        "clean": (["break tlsf_malloc", "ignore $bpnum 400"], "seed", {}),  # in the middle of an operation
        "smp": (["break scenario_done"], "smp ring=32768 pairs=2000", {"smp": 2}),
    }[request.param]
    done = run_scenario(scenario, commands, before=before, **machine)
    assert done.captured[-1].error is None, done.stderr
    return done, core, firmware.build("default")


def test_gdb_says_the_same_of_the_core(saved: tuple[GdbResult, Path, Path]) -> None:
    live, core, elf = saved
    again = run_gdb([SOURCE, f"core-file {core}", *map(Capture, COMMANDS), *LOOK], elf=elf)
    assert reports(again) == reports(live)
    assert looks(again) == looks(live)


def test_the_shell_says_the_same_of_the_core(saved: tuple[GdbResult, Path, Path]) -> None:
    live, core, elf = saved
    words = [["check", "--blocks"], ["blocks", "--all"], ["free"], ["log", "--all"], ["last", "0x80101bf8", "--all"]]
    said = [memtrace(*line, core, "--elf", elf, "--json").same() for line in words]
    assert said == reports(live)


def test_without_the_program_it_says_as_much_but_names(saved: tuple[GdbResult, Path, Path]) -> None:
    live, core, _ = saved
    heaps = memtrace("check", core, "--json").json()["heaps"]
    told = reports(live)[0]["heaps"]
    assert [(heap["address"], heap["status"], len(heap["findings"])) for heap in heaps] == [
        (heap["address"], heap["status"], len(heap["findings"])) for heap in told
    ]
    gdb = run_gdb([SOURCE, f"core-file {core}", Capture("heap-check --json"), Capture("info registers pc")]).captured
    assert [heap["status"] for heap in gdb[0].json()["heaps"]] == [heap["status"] for heap in told]
    assert re.search(r"pc +0x8000", gdb[1].output)


def test_what_was_named_when_it_was_saved_is_found_again(tmp_path: Path) -> None:
    """Without symbols: a heap by its address, the ring by a search."""
    core, elf = tmp_path / "core", firmware.build("default")
    look = "set memtrace memory 0x80080000,0x80400000"
    options = "--heap auto@0x80100000 --search 0x80200000,0x80210000"
    with Qemu(elf, append="scenario=seed") as chip:
        chip_gdb = ["set architecture riscv:rv32", remote(chip.remote), "hbreak *" + where(elf), "continue"]
        live = run_gdb(
            [SOURCE, *chip_gdb, look, f"memtrace save {core} {options}", Capture(f"heap-check {options} --json")]
        )
    again = run_gdb([SOURCE, f"core-file {core}", Capture("heap-check --json"), Capture("malloc-log --json")])
    told, found = live.json()["heaps"], again.json()["heaps"]
    assert [(heap["address"], heap["status"]) for heap in found] == [(heap["address"], heap["status"]) for heap in told]
    assert again.json(1)["trace"] == live.json()["trace"] == memtrace("log", core, "--json").json()["trace"]


def test_a_target_that_gdb_is_not_connected_to_is_saved_without_registers(tmp_path: Path) -> None:
    core, elf = tmp_path / "core", firmware.build("default")
    with Qemu(elf, append="scenario=seed", tcp=True) as chip:
        run_gdb([remote(chip.remote), "break memtrace_assert_stop", "continue", "disconnect"], elf=elf)
        live = run_gdb([SOURCE, f"memtrace save {core} --rsp {chip.remote}"], elf=elf)
    assert "no registers" in live.stdout, live.stderr
    report = memtrace("check", core, "--elf", elf, "--json").json()
    assert report["assertion"]["function"] == "tlsf_free"


def where(elf: Path) -> str:
    """The address of the recorder's stop."""
    found = re.search(r"0x[0-9a-f]+", run_gdb(["print &memtrace_assert_stop"], elf=elf).stdout)
    assert found
    return found.group()


REFUSALS = {
    "no target": ([], "memtrace save x", "no target: connect first"),
    "no folder": (["live"], "memtrace save /nowhere/core", "/nowhere/core cannot be written: no file can be made in"),
    "a folder": (["live"], "memtrace save {folder}", "cannot be written: it is a directory"),
    "not a core": (["live"], "memtrace save {folder}/notes", "cannot be written: there is a file that is no core"),
    "a pipe": (["live"], "memtrace save {folder}/pipe", "cannot be written: it is a pipe"),
    "no name": (["live"], "memtrace save", "the following arguments are required: FILE"),
}


def test_refusals_are_one_line_and_leave_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    asked = [Capture(command.format(folder=tmp_path)) for need, command, _ in REFUSALS.values() if need]
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        done = run_gdb([SOURCE, remote(chip.remote), "break app_main", "continue", *asked], elf=elf)
    done.captured.insert(0, run_gdb([SOURCE, Capture("memtrace save x")], elf=elf).captured[0])
    for captured, (_, _, said) in zip(done.captured, REFUSALS.values(), strict=True):
        assert captured.error and said in captured.error and "\n" not in captured.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "pipe"]
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_core_is_replaced_and_not_saved_again(tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9) + b"\4\0")
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        run_gdb([SOURCE, remote(chip.remote), "continue", f"memtrace save {core}"], elf=elf)
    assert core.stat().st_size > 400_000
    done = run_gdb([SOURCE, f"core-file {core}", Capture(f"memtrace save {core}")], elf=elf)
    assert done.captured[0].error == "memtrace: this is a core already: copy its file"
    assert memtrace("save", core).status == 2
    assert json.loads(memtrace("check", core, "--json").out)["assertion"]["function"] == "tlsf_free"
