# SPDX-License-Identifier: Apache-2.0
"""The same in a real GDB, and for the names in a program's symbols and debug information in both faces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, GdbResult, GdbSession, run_gdb
from tests.support.scenario import run_scenario
from tests.support.terminal import HOSTILE, commanding

ADDRESS = "0x80101bf8"
COMMANDS = ["heap-check", f"last-malloc {ADDRESS}", "heap-blocks --all", "heap-free", "malloc-log", "memtrace status"]
COMMANDS += ["heap-leaks", "heap-leaks --unreachable", f"heap-refs {ADDRESS}"]
NAMES = {
    b"test_used_after_free": b"\x1b]0;PWN\x07\x1b[31mevil_\xc2\x9b",
    b"malloc_test.c": b"\x1b[2J\r\nevils.c",
    b"app_main": b"\xe2\x80\xae\x1b[1mm",
}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seed's memory at its assertion, with hostile names of tasks."""
    file = tmp_path_factory.mktemp("hostile") / "core"
    run_scenario("seed", [f"memtrace save {file}"])
    file.write_bytes(file.read_bytes().replace(b"main\0\0\0\0", b"\x1b[2Jm\xc2\x9b\n"))
    return file


@pytest.fixture(scope="module", params=["C.UTF-8", "C"])
def asked(request: pytest.FixtureRequest, core: Path, tmp_path_factory: pytest.TempPathFactory) -> GdbResult:
    elf = hostile_program(tmp_path_factory.mktemp("program") / "app.elf")
    lines = [SOURCE, "set memtrace color on", f"core-file {core}", *map(Capture, COMMANDS)]
    return run_gdb(lines, elf=elf, env={"LC_ALL": request.param})


def hostile_program(path: Path) -> Path:
    data = firmware.build("default").read_bytes()
    for name, evil in NAMES.items():
        assert name in data and len(name) == len(evil)
        data = data.replace(name, evil)
    path.write_bytes(data)
    return path


def test_no_name_commands_the_terminal_of_gdb(asked: GdbResult) -> None:
    for captured in asked.captured:
        assert captured.error is None, captured
        assert commanding(captured.output, colours=True) == [], captured.command
    check = asked.captured[0].output
    assert "\\x1b]0;PWN\\x07\\x1b[31mevil" in check and "\\x1b[2J\\x0d\\x0aevils.c:" in check
    assert "\\x1b[2Jm" in asked.captured[4].output


def test_no_name_commands_the_terminal_of_the_shell(core: Path, tmp_path: Path) -> None:
    elf = hostile_program(tmp_path / "app.elf")
    for words in (["check"], ["last", ADDRESS], ["blocks", "--all"], ["log"], ["status"], ["leaks", "--unreachable"]):
        said = memtrace(*words, core, "--elf", elf)
        assert commanding(said.out + said.err) == [], words
        if words[0] in ("check", "last"):
            assert "\\x1b]0;PWN\\x07\\x1b[31mevil_\\x9b \\x1b[2J\\x0d\\x0aevils.c:" in said.out


def test_a_name_that_is_no_text_costs_its_frame_and_not_the_report(core: Path, tmp_path: Path) -> None:
    data, elf = firmware.build("default").read_bytes(), tmp_path / "app.elf"
    elf.write_bytes(data.replace(b"test_used_after_free", b"\x9b2Jt_used_after_fre\xff"))
    lines = [SOURCE, f"core-file {core}", Capture("heap-check --json"), Capture("heap-check")]
    done = run_gdb(lines, elf=elf, env={"LC_ALL": "C.UTF-8"})
    stacks = [one["freed"] for one in done.json()["heaps"][0]["findings"][0]["suspects"]]
    assert [[frame["function"] for frame in stack] for stack in stacks] == [[None, "app_main"]] * len(stacks)
    assert commanding(done.captured[1].output) == []
    assert commanding(memtrace("check", core, "--elf", elf).out) == []


WORDS = [
    "heap-check {}",
    "heap-check --heap {}",
    "heap-check --heap tlsf@{}",
    "last-malloc {}",
    "heap-blocks --size {}",
]
WORDS += ["heap-leaks --since {}", "malloc-log --seq {}", "memtrace save /nowhere/{}", "malloc-log --ring {}"]
WORDS += ["heap-refs 1 --scan {},", "set memtrace memory {}", "heap-check --rsp {}", "heap-check --search {}"]


def test_no_word_commands_the_terminal_of_gdb(core: Path) -> None:
    evil = [one for one in HOSTILE if not set(one) & set("\0\r\n")]
    asked = [Capture(line.format(f"x{one}x")) for line in WORDS for one in evil]
    done = run_gdb([SOURCE, f"core-file {core}", *asked], elf=firmware.build("default"), env={"LC_ALL": "C.UTF-8"})
    for captured in done.captured:
        assert captured.error is not None, captured.command
        assert commanding(captured.error) == [], captured
        assert "a bug of memtrace" not in captured.error, captured


def test_a_setting_is_shown_without_its_escapes() -> None:
    done = run_gdb([SOURCE, "set memtrace rsp \x1b[31m:1", Capture("show memtrace rsp")])
    assert commanding(done.captured[0].output) == [] and "\\x1b[31m:1" in done.captured[0].output


def test_completions_are_printable_and_name_their_task(core: Path) -> None:
    """And the names of a running target's tasks, which the ring holds."""
    with GdbSession(elf=firmware.build("default"), env={"LC_ALL": "C.UTF-8"}) as gdb:
        for command in (SOURCE, f"core-file {core}", "malloc-log --limit 1"):
            gdb.command(command)
        offered = gdb.command("complete malloc-log --task ").splitlines()
        assert [commanding(one) for one in offered] == [[]] * len(offered)
        assert "malloc-log --task \\x1b[2Jm\\x9b\\x0a" in offered
        listed = gdb.command("malloc-log --limit 1 --task '\\x1b[2Jm\\x9b\\x0a' --json")
    assert '"events": []' not in listed and '"kind"' in listed
