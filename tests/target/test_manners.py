# SPDX-License-Identifier: Apache-2.0
"""Wrong order, wrong state, wrong words: one clear line that says what to do, no traceback, nothing lost."""

from __future__ import annotations

import pytest

from tests.support import firmware, fixtures
from tests.support.gdb import NATIVE_GDB, SOURCE, WITHOUT_PYTHON, Capture, GdbSession, remote, run_gdb
from tests.support.qemu import Qemu
from tests.support.rsp_stub import Faults, RspStub, stub_of
from tests.support.rsp_target import Memory
from tests.support.scenario import run_scenario, talk_to_scenario

COMMANDS = ["heap-check", "last-malloc 0x80100000", "heap-blocks", "heap-free", "malloc-log", "memtrace status"]


def test_sourced_twice() -> None:
    done = run_gdb([SOURCE, SOURCE, "help heap-check"])
    assert done.stderr == ""
    assert "Walk every heap" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("with_file", [False, True])
def test_without_a_target(command: str, with_file: bool) -> None:
    elf = firmware.build("default") if with_file else None
    done = run_gdb([SOURCE, Capture(command)], elf=elf)
    assert (
        done.captured[0].error == "memtrace: no target: connect first (`target remote HOST:PORT` or `core-file FILE`)"
    )
    assert "Traceback" not in done.stdout + done.stderr


def test_connected_before_sourcing_and_file_after() -> None:
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        done = run_gdb([remote(chip.remote), SOURCE, f"file {elf}", "continue"])
    assert "DAMAGE 1" in done.stdout


def test_at_reset() -> None:
    elf = firmware.build("default")
    with Qemu(elf) as chip:
        done = run_gdb([SOURCE, remote(chip.remote), Capture("heap-check"), Capture("malloc-log")], elf=elf)
    assert "continue to main" in done.captured[0].output
    assert "memtrace_init has not run" in done.captured[1].output
    assert "DAMAGE" not in done.stdout


def test_without_symbols() -> None:
    with Qemu(firmware.build("default")) as chip:
        done = run_gdb([SOURCE, remote(chip.remote), Capture("heap-check")])
    assert done.captured[0].error == (
        "memtrace: no heap found: no program is loaded: `file APP.elf`; "
        "search memory with --search START,END, or name one with --heap KIND@ADDRESS"
    )


def test_a_wrong_program_is_said_to_be_wrong() -> None:
    with Qemu(firmware.build("default"), append="scenario=seed") as chip:
        run = ["tbreak memtrace_assert_stop", "continue", f"file {firmware.build('os')}", Capture("heap-check")]
        done = run_gdb([SOURCE, "set memtrace auto-stop off", f"file {firmware.build('default')}",
                        remote(chip.remote), *run])  # fmt: skip
    text = done.captured[0].output + (done.captured[0].error or "")
    assert "Traceback" not in text
    assert "not the program that recorded" in text


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("heap-check --nonsense", "memtrace: --nonsense is no option; see `help heap-check`"),
        ("heap-check --ring (void *) 4", "memtrace: *) 4 belongs to no option: a value with spaces is put in quotes"),
        ("heap-check --heap here", "memtrace: --heap here: give KIND@ADDRESS with KIND one of"),
        ("heap-check --heap multi_heap@nowhere", 'memtrace: nowhere: No symbol "nowhere" in current context.'),
        ("last-malloc", "memtrace: the following arguments are required: ADDRESS; see `help last-malloc`"),
        ("heap-blocks --size huge", "memtrace: huge is not a number: write 100, 0x40, 4k or 1M"),
        ("heap-blocks --size :", "memtrace: --size :: give MIN, MIN:MAX, MIN: or :MAX"),
        ("malloc-log --kind boom", "memtrace: argument --kind: invalid choice: 'boom'"),
        ("heap-check 'unclosed", "memtrace: No closing quotation"),
    ],
)
def test_wrong_words(command: str, line: str) -> None:
    done = run_scenario("clean", [Capture(command)], before=["break scenario_done"])
    assert (done.captured[0].error or "").startswith(line)


def test_a_heap_where_there_is_none() -> None:
    done = run_scenario("clean", [Capture("heap-check --heap multi_heap@0x80000000")], before=["break scenario_done"])
    assert "unreadable" in done.captured[0].output
    assert "no multi_heap" in done.captured[0].output


def test_a_ring_where_there_is_none() -> None:
    done = run_scenario("clean", [Capture("malloc-log --ring 0x80000000")], before=["break scenario_done"])
    assert "no ring at 0x80000000: no magic" in done.captured[0].output


def test_a_target_that_is_gone() -> None:
    with talk_to_scenario("clean") as (gdb, _):
        gdb.command("continue")  # ends QEMU
        said = gdb.command("heap-check")
    assert "no target: connect first" in said


def test_unreadable_memory_gives_a_partial_report() -> None:
    case = fixtures.case("a005")
    image = case.images[0]
    memory = Memory.of([(image.base, image.data)])
    memory.unmap(image.base + len(image.data) // 2, image.base + len(image.data) // 2 + 256)
    with RspStub(memory) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture(f"heap-check --heap {case.heap.option}")])
    assert "could not be read" in done.captured[0].output
    assert "DAMAGE" not in done.captured[0].output


def test_a_dropped_connection_is_one_line() -> None:
    case = fixtures.case("a005")
    with stub_of((image.base, image.data) for image in case.images) as stub, GdbSession() as gdb:
        gdb.command(SOURCE)
        gdb.command(remote(stub.remote))
        stub.fail(Faults(drop_after=1))
        said = gdb.command(f"heap-check --heap {case.heap.option}")
        assert "Traceback" not in said
        assert "the connection to the target is gone: connect again" in said
        assert "no target: connect first" in gdb.command("heap-check")


def test_the_native_gdb_says_which_one_is_needed() -> None:
    elf = firmware.build("default")
    done = run_gdb([SOURCE, "help memtrace", Capture("memtrace status")], elf=elf, program=NATIVE_GDB)
    assert "List of memtrace subcommands" in done.stdout
    assert "this GDB knows no riscv: use gdb-multiarch" in (done.captured[0].error or "")


def test_a_gdb_without_python_prints_what_it_lacks() -> None:
    done = run_gdb([SOURCE], program=WITHOUT_PYTHON)
    assert 'Undefined command: "memtrace_needs_a_GDB_with_Python".' in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("settings", [["set pagination on", "set height 0"], ["set width 0"], ["set width 60"]])
def test_under_other_settings(settings: list[str]) -> None:
    done = run_scenario("seed", [], before=settings)
    assert "DAMAGE 1" in done.stdout


@pytest.mark.parametrize(("value", "coloured"), [("1", False), ("", True)])
def test_no_color_is_obeyed(value: str, coloured: bool) -> None:
    """As no-color.org has it: an empty value asks for nothing."""
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        commands = [SOURCE, "set style enabled on", remote(chip.remote), "continue"]
        done = run_gdb(commands, elf=elf, env={"NO_COLOR": value, "TERM": "xterm"})
    assert ("\x1b[1;31mDAMAGE" in done.stdout) == coloured
