# SPDX-License-Identifier: Apache-2.0
"""The golden path and the ring over real OpenOCD, and that the simulated port does what a chip's does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import firmware
from tests.support.gdb import Capture, GdbResult, remote, run_gdb
from tests.support.markers import marked_line
from tests.support.openocd import DEBIANS, ESPRESSIFS
from tests.support.openocd_scenario import debug, openocd_on
from tests.support.paths import ROOT
from tests.support.qemu import RAM_BASE, Qemu
from tests.support.rsp_traffic import wait_until


@pytest.mark.parametrize("program", [DEBIANS, ESPRESSIFS], ids=["debians", "espressifs"])
@pytest.mark.parametrize("way", ["progbuf", "sysbus"])
def test_the_golden_path(way: str, program: str) -> None:
    commands = [
        "continue",
        Capture("heap-check --json"),
        Capture("last-malloc 0x801017f4 --json"),
        Capture("malloc-log --json --limit 3"),
        Capture("memtrace status --json"),
    ]
    done, counts = debug("seed", commands, "-c", f"riscv set_mem_access {way}", program=program)
    check, last, log, status = (done.json(index) for index in range(4))
    assert check["assertion"]["function"] == "tlsf_free"
    finding = check["heaps"][0]["findings"][0]
    assert finding["rule"] == "block-size" and finding["address"] == 0x80101BF4
    suspect = next(one for one in finding["suspects"] if one["state"] == "freed")
    assert suspect["payload"] == 0x801017F4
    assert "test_used_after_free" in [frame["function"] for frame in suspect["freed"]]
    assert last["generations"][0]["payload"] == 0x801017F4
    assert [event["kind"] for event in log["events"]][-1] == "assert"
    assert [heap["layout"] for heap in status["heaps"]] == ["espressif-dynamic"] * 2
    assert {"progbuf": counts.progbuf_reads, "sysbus": counts.sysbus_reads}[way] > 300 * 1024 // 4
    assert counts.progbuf_reads == 0 or counts.sysbus_reads == 0
    assert counts.packets < 400 < counts.scans, "the emulator is asked for blocks, not for words"


def test_memory_by_abstract_commands() -> None:
    """The third way: seven scans a word, so less is read."""
    commands = ["tbreak main", "continue", Capture("x/64xw soc_memory_types"), Capture("x/2xb 0x80100001")]
    done, counts = debug("clean", commands, "-c", "riscv set_mem_access abstract")
    straight = []
    with Qemu(firmware.build("default"), append="scenario=clean") as chip:
        straight = run_gdb([remote(chip.remote), *commands], elf=firmware.build("default")).captured
    assert [one.output for one in done.captured] == [one.output for one in straight]
    assert counts.abstract_reads > 64
    assert counts.progbuf_reads == counts.sysbus_reads == 0


def test_the_port_answers_busy_and_openocd_learns_it() -> None:
    with openocd_on("clean") as (_, module):
        assert 0 < module.counts.dmi_busy < 10


def test_a_mark_is_asked_for_and_made() -> None:
    commands = [
        "break scenario_done",
        "tbreak test_random",
        "continue",
        "memtrace mark halfway",
        "continue",
        Capture("malloc-log --json --all --kind mark"),
        Capture("memtrace status --json"),
    ]
    done, _ = debug("random", commands)
    assert done.json(1)["ring"]["pending"] is None
    assert "asked: mark halfway" in done.stdout


def test_breakpoints_steps_and_registers() -> None:
    commands = [
        "hbreak test_clean",
        "continue",
        Capture("output $pc"),
        "stepi",
        "stepi",
        Capture("output $pc"),
        Capture("bt 2"),
        "delete",
        "break scenario_done",
        "continue",
        Capture("info symbol $pc"),
        Capture("output/x $misa"),
        "set $t6 = 0x12345678",
        "stepi",
        Capture("output/x $t6"),
    ]
    done, _ = debug("clean", commands)
    before, after, stack, end, misa, written = (one.output for one in done.captured)
    assert before != after
    assert "test_clean" in stack
    assert "scenario_done" in end
    assert misa == "0x40001105"
    assert written == "0x12345678"


def test_a_watchpoint_stops_at_its_writer() -> None:
    commands = ["tbreak main", "continue", "watch memtrace_ring", "continue", Capture("print memtrace_ring")]
    done, _ = debug("clean", [*commands, Capture("bt"), Capture("output/x $pc")])
    value, stack, pc = (one.output for one in done.captured)
    with Qemu(firmware.build("default"), append="scenario=clean") as chip:
        straight = run_gdb([remote(chip.remote), *commands, Capture("output/x $pc")], elf=firmware.build("default"))
    assert pc == straight.captured[1].output, "one step over the write, no more"
    assert "Hardware watchpoint 2: memtrace_ring" in done.stdout
    assert "Old value" in done.stdout, done.stdout
    assert "0x80200000" in value
    assert "memtrace_init" in stack.splitlines()[0]


def test_reset_starts_anew() -> None:
    commands = [
        "tbreak scenario_done",
        "continue",
        Capture("output/x *(unsigned *)0x80100000"),
        "monitor reset halt",
        "maintenance flush register-cache",
        Capture("output/x $pc"),
        "tbreak test_clean",
        "continue",
        Capture("info symbol $pc"),
    ]
    done, _ = debug("clean", commands)
    assert done.captured[1].output in ("0x1000", hex(RAM_BASE))
    assert "test_clean" in done.captured[2].output


def test_a_running_chip_is_taken_as_it_is() -> None:
    """Attach without reset: what ran goes on running until somebody halts it."""
    with openocd_on("endless", run=True, icount="shift=10") as (openocd, _):
        assert openocd.tcl("simulated.cpu curstate") == "running"
        openocd.tcl("halt")
        assert openocd.tcl("simulated.cpu curstate") == "halted"
        first = openocd.tcl("simulated.cpu get_reg -force {minstret}")

        def went_on() -> bool:
            openocd.tcl("resume; sleep 50; halt")
            return openocd.tcl("simulated.cpu get_reg -force {minstret}") != first

        wait_until(went_on)


RESTART = ["monitor reset halt", "maintenance flush register-cache", "continue"]


def check_writer(done: GdbResult, file: str, marker: str) -> None:
    watch = done.json()
    assert watch["state"] == "written", done.stdout + done.stderr
    line = marked_line(ROOT / "tests" / "target" / "scenarios" / file, marker)
    places = [(Path(frame["file"]).name, frame["line"]) for frame in watch["write"]["stack"] if frame["file"]]
    assert (file, line) in places


def test_the_next_run_stops_at_the_writer() -> None:
    """`memtrace watch` by the chip's triggers."""
    commands = ["continue", "memtrace watch last-damage", *RESTART, Capture("memtrace watch --json")]
    done, _ = debug("overflow-4", commands, "-c", "riscv set_mem_access sysbus")
    check_writer(done, "overflow.c", "overflow-4-write")


def test_a_write_that_openocd_cannot_name() -> None:
    """OpenOCD 0.12 finds no address in the allocator's compressed store: a bare SIGTRAP, explained here."""
    commands = ["continue", "memtrace watch last-damage", *RESTART, "continue", Capture("memtrace watch --json")]
    done, _ = debug("seed", commands, "-c", "riscv set_mem_access sysbus")
    assert done.stdout.count("in front of a write of the allocator's own, which this server does not name") == 1
    check_writer(done, "malloc_test.c", "seed-write")


def test_the_shell_reads_it_without_gdb() -> None:
    """OpenOCD's server to memtrace's own client of the remote protocol."""
    with openocd_on("seed", "-c", "riscv set_mem_access sysbus") as (openocd, _):
        elf = str(firmware.build("default"))
        stop = ["break memtrace_assert_stop", "continue", "disconnect"]
        run_gdb([remote(openocd.remote), *stop], elf=Path(elf))
        program = [str(ROOT / ".venv/bin/python"), "-m", "gdbext", "check", "--rsp", openocd.remote, "--elf", elf]
        done = subprocess.run([*program, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["assertion"]["function"] == "tlsf_free"
    assert report["heaps"][0]["findings"][0]["address"] == 0x80101BF4
