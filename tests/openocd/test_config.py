# SPDX-License-Identifier: Apache-2.0
"""openocd_cfg/, read by the real OpenOCD; memtrace.tcl against the simulated chip, its dumps opened by the CLI."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support import firmware
from tests.support.openocd import CHIP_CONFIG, COMMANDS, DEBIANS, ESPRESSIFS, FOLDER
from tests.support.openocd_scenario import openocd_on, simulated_chip
from tests.support.paths import ROOT

CHIPS = ["esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32p4"]
IN_DEBIAN = {"esp32": "esp32-wrover-kit-3.3v", "esp32s2": "esp32s2-kaluga-1", "esp32s3": "esp32s3-ftdi"}
SHARED = {"esp32c2": 2, "esp32c3": 8, "esp32c5": 3, "esp32c6": 4, "esp32c61": 3, "esp32h2": 4, "esp32p4": 3}


def read_by_openocd(*arguments: str, program: str = DEBIANS) -> tuple[int, list[str]]:
    """The status of an OpenOCD that reads these and ends, and what it printed behind its banner."""
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return done.returncode, lines[3:]


def units(chip: str) -> str:
    """What a chip's file says of its units, as a pattern."""
    return rf"{SHARED[chip]}, watchpoints {SHARED[chip]} \(shared\)" if chip in SHARED else "2, watchpoints 2"


def config(chip: str) -> list[str]:
    return ["-f", str(FOLDER / f"{chip}.cfg"), "-c", "shutdown"]


def test_there_is_a_file_for_every_chip() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.cfg")) == sorted(CHIPS)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_chip_is_found_or_missed_in_one_line(chip: str) -> None:
    status, lines = read_by_openocd(*config(chip))
    ours = [line for line in lines if "memtrace" in line]
    assert len(ours) == 1, lines
    assert not [line for line in lines if "Error" in line], lines
    if chip in IN_DEBIAN:
        assert (status, ours[0].split(";")[0]) == (0, f"memtrace: {chip} by {IN_DEBIAN[chip]}.cfg")
    else:
        assert status == 1
        assert f"has no file for {chip}" in ours[0]
        assert "MEMTRACE_BOARD" in ours[0]


@pytest.mark.parametrize("chip", CHIPS)
def test_espressifs_openocd_reads_the_file_of_every_chip(chip: str) -> None:
    """Without a board some of its own files fail at shutdown: that comes behind all that is ours."""
    status, lines = read_by_openocd(*config(chip), program=ESPRESSIFS)
    read = lines[: lines.index("shutdown command invoked")]
    board = "|".join(f"{chip}-{kind}" for kind in ("builtin", "ftdi", "bridge", "wrover-kit-3.3v", "kaluga-1"))
    assert status == 0 and not [line for line in read if "Error" in line], lines
    assert re.fullmatch(rf"memtrace: {chip} by ({board})\.cfg; hardware breakpoints {units(chip)}", read[-1]), lines


@pytest.mark.parametrize("chip", CHIPS)
def test_a_board_can_be_named(chip: str) -> None:
    """With any board the rest of the file is read: units, and what comes before and after it."""
    board = ["-c", f"set MEMTRACE_BOARD {CHIP_CONFIG}; set SIMULATED_PORT none"]
    status, lines = read_by_openocd(*board, *config(chip)[:-1], "echo flash=$ESP_FLASH_SIZE; shutdown")
    assert status == 0, lines
    assert re.search(
        rf"^memtrace: {chip} by simulated\.cfg; hardware breakpoints {units(chip)}$", "\n".join(lines), re.M
    )
    assert "flash=0" in lines, "a chip must not be reset for the sake of its flash"


def test_the_first_board_that_is_there_is_taken(tmp_path: Path) -> None:
    """Espressif's OpenOCD has several: the chip's own USB port goes first."""
    (tmp_path / "board").mkdir()
    simulated = f"set SIMULATED_PORT none\nsource {CHIP_CONFIG}\n"
    (tmp_path / "board" / "esp32c3-ftdi.cfg").write_text(simulated)
    assert "memtrace: esp32c3 by esp32c3-ftdi.cfg; " in read_by_openocd("-s", str(tmp_path), *config("esp32c3"))[1][-2]
    (tmp_path / "board" / "esp32c3-builtin.cfg").write_text(simulated)
    assert (
        "memtrace: esp32c3 by esp32c3-builtin.cfg; " in read_by_openocd("-s", str(tmp_path), *config("esp32c3"))[1][-2]
    )


def test_the_image_offset_is_told_after_init_and_before_gdb() -> None:
    esp = "proc esp {args} { echo told:$args:[[target current] curstate] }"
    given = ["-c", f"{esp}; set MEMTRACE_APP_OFFSET 0x20000; set MEMTRACE_BOARD {CHIP_CONFIG}"]
    with simulated_chip("clean") as module:
        status, lines = read_by_openocd(*module.config[:2], *given, *config("esp32c3"))
    assert status == 0, lines
    assert "told:appimage_offset 0x20000:halted" in lines
    without = read_by_openocd("-c", "set MEMTRACE_APP_OFFSET 0x20000", *config("esp32"))[1]
    assert any("only Espressif's does" in line for line in without)


@pytest.mark.parametrize("program", [DEBIANS, ESPRESSIFS], ids=["debians", "espressifs"])
def test_status_arm_and_dump_need_no_gdb(program: str, tmp_path: Path) -> None:
    elf = firmware.build("default")
    arguments = ["-c", f"set MEMTRACE_ELF {elf}", "-f", str(COMMANDS)]
    with openocd_on("seed", *arguments, program=program) as (openocd, _):
        assert "none found" in openocd.tcl("memtrace_status")
        assert "hardware breakpoint" in openocd.tcl("memtrace_arm")
        openocd.tcl("resume; wait_halt 60000")
        status = openocd.tcl("memtrace_status").splitlines()
        opened = openocd.tcl(f"memtrace_dump {tmp_path / 'dump'}")
        os.mkfifo(tmp_path / "pipe-80100000.bin")
        refused = openocd.tcl(f"catch {{memtrace_dump {tmp_path / 'pipe'}}} said; set said")
    assert refused == f"{tmp_path / 'pipe-80100000.bin'} is no regular file: nothing was written to it"
    assert status[0] == "target simulated.cpu, halted"
    assert status[1] == "heap   0x80100000..0x80148000, multi_heap@0x80100000"
    assert re.match(r"ring   0x80200000, \d+ bytes; frozen by an assertion: tlsf_free: ", status[3])
    assert opened.startswith("open it with: memtrace check ")
    report = check_by_cli(opened)
    assert report["assertion"]["function"] == "tlsf_free"
    finding = report["heaps"][0]["findings"][0]
    assert finding["address"] == 0x80101BF4
    frames = [frame["function"] for one in finding["suspects"] for frame in one["freed"] or []]
    assert "test_used_after_free" in frames
    assert len(report["heaps"]) == 2


def check_by_cli(line: str) -> dict[str, list[dict[str, list[dict[str, object]]]]]:
    """What the command that memtrace_dump printed reports; its status says that a heap is damaged."""
    words = shlex.split(line.split(": ", 1)[1])
    program = [str(ROOT / ".venv/bin/python"), "-m", "gdbext", *words[1:], "--json"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout)


def test_a_running_chip_is_halted_only_for_the_looking() -> None:
    elf = firmware.build("default")
    arguments = ["-c", f"set MEMTRACE_ELF {elf}", "-f", str(COMMANDS)]
    with openocd_on("endless", *arguments, run=True) as (openocd, _):
        assert openocd.tcl("memtrace_status").startswith("target simulated.cpu, running")
        assert "hardware breakpoint" in openocd.tcl("memtrace_arm")
        assert openocd.tcl("simulated.cpu curstate") == "running"


def test_without_symbols_each_command_says_what_is_missing(tmp_path: Path) -> None:
    with openocd_on("clean", "-f", str(COMMANDS)) as (openocd, _):
        assert "memtrace_elf APP.elf" in openocd.tcl("memtrace_status")
        assert "memtrace_arm ADDRESS" in openocd.tcl("memtrace_arm")
        assert "nothing saved" in openocd.tcl(f"memtrace_dump {tmp_path / 'dump'}")
        assert "0x80000344" in openocd.tcl("memtrace_arm 0x80000344")
        openocd.tcl("memtrace_symbol abort 0x80000400")
        assert "0x80000400" in openocd.tcl("memtrace_arm")
        assert "no little-endian ELF" in openocd.tcl(f"memtrace_elf {COMMANDS}")
        assert "addresses known: " in openocd.tcl(f"memtrace_elf {firmware.build('default')}")


def test_a_broken_list_of_heaps_is_no_trap() -> None:
    """A cycle, and a pointer to nowhere: both end the walk."""
    with openocd_on("clean", "-f", str(COMMANDS)) as (openocd, _):
        openocd.tcl("memtrace_symbol registered_heaps 0x80300000; mww 0x80300000 0x80300010")
        node = "0 0 0 0x80400000 0x80500000 0 0 0x80400000 0x80300010"
        openocd.tcl(f"write_memory 0x80300010 32 {{{node}}}")
        assert openocd.tcl("llength [memtrace_heaps]") == "64"
        openocd.tcl("mww 0x80300000 0x10")
        assert openocd.tcl("memtrace_heaps") == ""
