# SPDX-License-Identifier: Apache-2.0
"""`memtrace watch`: in the run after a report, a real GDB stops at the line that does the damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.rsp_stub import RspStub
from tests.support.rsp_target import Memory
from tests.support.scenario import run_scenario, talk_to_scenario

SCENARIOS = ROOT / "tests" / "target" / "scenarios"
RESTART = ("monitor system_reset", "maintenance flush register-cache", "continue")
LAST = "memtrace watch --json"


def place(file: str, marker: str) -> tuple[str, int]:
    return file, marked_line(SCENARIOS / file, marker)


def places(stack: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(Path(frame["file"]).name, frame["line"]) for frame in stack if frame["file"]]


@pytest.mark.parametrize(
    ("scenario", "write", "owners"),
    [
        ("overflow-4", ("overflow.c", "overflow-4-write"), ["overflow-left", "overflow-right"]),
        ("overflow-1", ("overflow.c", "overflow-1-write"), ["overflow-left", "overflow-right"]),
        ("stray-assert", ("after_free.c", "stray-write"), ["node-alloc", "node-alloc"]),
        ("uaf-links", ("after_free.c", "uaf-links-write"), ["node-alloc"]),
        ("underflow-1", ("overflow.c", "underflow-write"), ["overflow-right", "underflow-alloc"]),
    ],
)
def test_the_next_run_stops_at_the_writer(scenario: str, write: tuple[str, str], owners: list[str]) -> None:
    done = run_scenario(scenario, [Capture("heap-check --json"), "memtrace watch last-damage", *RESTART, Capture(LAST)])
    damage = done.json(0)["heaps"][0]["findings"][0]["address"] & ~3
    watch = done.json(1)
    assert (watch["state"], watch["address"]) == ("written", damage), done.stdout + done.stderr
    assert place(*write) in places(watch["write"]["stack"]), watch["write"]
    assert watch["write"]["before"] != watch["write"]["after"]
    allocated = [places(owner["allocated"]) for owner in watch["owners"]]
    assert len(allocated) == len(owners)
    for stack, marker in zip(allocated, owners, strict=True):
        assert place(write[0], marker) in stack
    assert f"{write[0]}:{place(*write)[1]}" in done.stdout, "the text says the line, too"


@pytest.mark.parametrize("scenario", ["isr-overflow", "tasks-overflow", "overwritten", "seed"])
def test_it_finds_the_call_again_where_numbers_shift(scenario: str) -> None:
    """Interrupts shift the numbers by thousands; of `overwritten` the trace has forgotten the call itself."""
    marker = {
        "isr-overflow": ("concurrent.c", "isr-write"),
        "tasks-overflow": ("concurrent.c", "tasks-write"),
        "overwritten": ("overflow.c", "overwritten-write"),
        "seed": ("malloc_test.c", "seed-write"),
    }[scenario]
    done = run_scenario(scenario, ["memtrace watch last-damage", *RESTART, Capture(LAST)])
    assert place(*marker) in places(done.json()["write"]["stack"]), done.stdout


@pytest.mark.parametrize(
    ("variant", "scenario", "write"),
    [
        ("de212", "overflow-4", ("overflow.c", "overflow-4-write")),
        ("de212", "uaf-links", ("after_free.c", "uaf-links-write")),
        ("de212", "isr-overflow", ("concurrent.c", "isr-write")),
        ("lx106", "overflow-4", ("overflow.c", "overflow-4-write")),
        ("m4", "overflow-4", ("overflow.c", "overflow-4-write")),
    ],
)
def test_on_other_chips(variant: str, scenario: str, write: tuple[str, str]) -> None:
    """Windowed and call0."""
    done = run_scenario(scenario, ["memtrace watch last-damage", *RESTART, Capture(LAST)], variant=variant)
    assert place(*write) in places(done.json()["write"]["stack"]), done.stdout


def test_it_survives_a_new_connection() -> None:
    """The chip is switched off and on: another QEMU, another connection, the same watch."""
    elf = firmware.build(firmware.DEFAULT)
    with Qemu(elf, append="scenario=overflow-4") as first, Qemu(elf, append="scenario=overflow-4") as second:
        lines = [SOURCE, remote(first.remote), "continue", "memtrace watch last-damage", "disconnect"]
        done = run_gdb([*lines, remote(second.remote), "continue", Capture(LAST)], elf=elf)
    assert place("overflow.c", "overflow-4-write") in places(done.json()["write"]["stack"]), done.stdout


def test_a_watch_that_was_set_waits_again_after_a_new_connection() -> None:
    elf = firmware.build(firmware.DEFAULT)
    with Qemu(elf, append="scenario=overflow-4") as first, Qemu(elf, append="scenario=overflow-4") as second:
        lines = [SOURCE, remote(first.remote), "continue", "memtrace watch last-damage", "tbreak memset if $a1 == 0xa7"]
        lines += [
            *RESTART,
            Capture(LAST),
            "disconnect",
            remote(second.remote),
            Capture(LAST),
            "continue",
            Capture(LAST),
        ]
        done = run_gdb(lines, elf=elf)
    assert [done.json(number)["state"] for number in range(3)] == ["watching", "waiting", "written"], done.stdout


def test_an_address_is_watched_at_once() -> None:
    """`stray_register` is nobody's block: its driver writes it."""
    lines = ["delete", "tbreak test_stray", "continue", "memtrace watch &stray_register", "continue", Capture(LAST)]
    done = run_scenario("stray", lines, before=("tbreak app_main",))
    watch = done.json()
    assert watch["state"] == "written"
    assert watch["write"]["stack"][0]["function"] == "driver_init"
    assert watch["call"] is None and watch["owners"] == []


@pytest.mark.parametrize("reply", [b"E01", b""], ids=["refused", "unknown"])
def test_a_target_without_a_unit_is_not_said_to_be_watched(reply: bytes) -> None:
    """GDB finds out at the next resume, and says so then: "Could not insert hardware watchpoint"."""
    with RspStub(Memory.of([(0x80000000, bytes(4096))]), watched=reply) as stub:
        lines = ["set architecture riscv:rv32", SOURCE, remote(stub.remote)]
        done = run_gdb([*lines, Capture("memtrace watch 0x80000100"), Capture("memtrace watch --json")])
    assert (done.captured[0].error or "").startswith("memtrace: the target takes no watchpoint here: it has no unit")
    assert done.json(1)["state"] == "off"


def test_a_watch_whose_unit_was_taken_meanwhile_ends_when_it_is_asked_for() -> None:
    with RspStub(Memory.of([(0x80000000, bytes(4096))])) as stub, GdbSession() as gdb:
        for line in ("set architecture riscv:rv32", SOURCE, remote(stub.remote)):
            gdb.command(line)
        assert gdb.command("memtrace watch 0x80000100").startswith("memtrace: watching 4 bytes at 0x80000100")
        assert [request.kind for request in stub.log if request.kind in ("Z2", "z2")] == ["Z2", "z2"]
        stub.watched = b"E01"
        assert gdb.command("memtrace watch").startswith("memtrace: the target takes no watchpoint here: ")
        assert gdb.command("memtrace watch").startswith("nothing is watched")


def test_no_unit_left_is_said() -> None:
    lines = [
        "set remote hardware-watchpoint-limit 1",
        "watch *(int *)0x80140000",
        Capture("memtrace watch last-damage"),
    ]
    lines += ["delete", "set remote hardware-watchpoint-limit 0", Capture("memtrace watch last-damage")]
    done = run_scenario("overflow-4", [*lines, "set remote hardware-watchpoint-limit 2", "memtrace watch last-damage"])
    assert [("watchpoints (`show" in (one.error or "")) for one in done.captured] == [True, True]
    assert "the chip has 1 watchpoints" in (done.captured[0].error or "")
    assert "waiting for a call" in done.stdout


def test_off_and_nothing() -> None:
    go_on = "python __import__('gdbext.faces.gdb', fromlist=['gdb']).session().go_on_watching()"
    refused, completed = Capture("memtrace watch last-damage"), Capture("complete memtrace watch last-")
    done = run_scenario("clean", [refused, go_on, Capture(LAST), completed], before=("tbreak scenario_done",))
    assert "no report of damage so far" in (done.captured[0].error or "")
    assert "nothing is waited for" in done.stderr
    assert done.json(1)["state"] == "off"
    assert "memtrace watch last-damage" in done.captured[2].output
    lines = ["memtrace watch last-damage", "memtrace watch off", *RESTART, Capture(LAST), "maint info breakpoints"]
    done = run_scenario("overflow-4", lines)
    assert done.json()["state"] == "off"
    assert "written from outside" not in done.stdout
    assert "hw watchpoint" not in done.stdout


def reads_of_a_step(*asked: str) -> int:
    """What a stop that is nobody's costs, between the restart and the allocation that is waited for."""
    with talk_to_scenario("overflow-4") as (gdb, proxy):
        gdb.command("continue")
        for line in (*asked, "break packet_release", "monitor system_reset", "maintenance flush register-cache"):
            gdb.command(line)
        gdb.command("tbreak traffic_run")
        gdb.command("continue")
        proxy.forget()
        gdb.command("stepi")
        return proxy.count("m")


def test_stops_of_others_cost_nothing_while_it_waits() -> None:
    assert reads_of_a_step("memtrace watch last-damage") <= reads_of_a_step() + 1


def lines_of(output: str, begin: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(begin)]


def test_a_change_that_no_core_made_is_said_to_be_another_bus_masters() -> None:
    """The emulator's own device writes into a freed block. The first line says so, and names what to type next."""
    commands = ["memtrace watch last-damage", *RESTART, Capture(LAST), Capture("memtrace watch"), "memtrace watch off"]
    done = run_scenario("dma", [*commands, Capture(LAST)])
    watch, asked = done.json(0), done.captured[1].output
    first, *_ = asked.splitlines()
    at = watch["address"]
    assert first.startswith(f"memtrace: 4 bytes at {at:#x} changed, no CPU write was seen: 0x80")
    assert first.endswith(" -> 0x554d4551")
    assert lines_of(done.stdout, "memtrace: 4 bytes") == [first, first]
    assert (watch["state"], watch["write"]["stack"]) == ("changed", [])
    assert watch["next"] == f"memtrace refs {at:#x}"
    assert place("after_free.c", "dma-free") in places(watch["owners"][0]["freed"])
    assert done.json(2)["state"] == "off"


def test_what_the_user_or_a_core_has_written_is_no_bus_master_s() -> None:
    watched = ["tbreak test_stray", "continue", "memtrace watch &stray_register"]
    written = ["set var stray_register = (volatile unsigned short *) 8", Capture(LAST), "continue", Capture(LAST)]
    done = run_scenario("stray", ["delete", *watched, *written], before=("tbreak app_main",))
    assert [done.json(number)["state"] for number in range(2)] == ["watching", "written"], done.stdout
