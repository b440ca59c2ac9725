# SPDX-License-Identifier: Apache-2.0
"""`--rsp`: in a GDB that is not connected, in a GDB that does not know the architecture, and in the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy

HEAP = ROOT / "tests" / "target" / "heap"
XTENSA = Path(__file__).with_name("xtensa")
HEAP_OPTIONS = ("--heap", "multi_heap@0x80100000", "--ring", "0x80200000")
LEAVE = "python import os; os._exit(0)"  # a debugger that is gone without a word


def memtrace(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gdbext", *words], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def stopped() -> Iterator[str]:
    """A chip that stands at the seed case's assertion, and where its stub listens."""
    elf = firmware.build(firmware.DEFAULT)
    with Qemu(elf, append="scenario=seed", tcp=True) as chip:
        run_gdb([remote(chip.remote), "break memtrace_assert_stop", "continue", LEAVE], elf=elf)
        yield chip.remote


@pytest.fixture(scope="module")
def by_gdb(stopped: str) -> Any:
    elf = firmware.build(firmware.DEFAULT)
    done = run_gdb([SOURCE, remote(stopped), Capture("heap-check --json"), LEAVE], elf=elf)
    assert done.json()["heaps"][0]["status"] == "damaged"
    return done.json()


def test_an_unconnected_gdb_sees_what_a_connected_one_sees(stopped: str, by_gdb: Any) -> None:
    elf = firmware.build(firmware.DEFAULT)
    lines = [SOURCE, Capture(f"heap-check --json --rsp {stopped}"), Capture("heap-check"), "info threads"]
    lines += [f"set memtrace rsp {stopped}", Capture("heap-check --json")]
    done = run_gdb(lines, elf=elf)
    report = done.json()
    for key in ("assertion", "heaps", "trace"):
        assert report[key] == by_gdb[key], key
    assert done.captured[1].error is not None and "no target: connect first" in done.captured[1].error
    assert done.json(2)["heaps"] == by_gdb["heaps"], "said once for all commands"
    assert "No threads" in done.stdout, "GDB itself has not connected"


def test_the_shell_sees_the_same_addresses(stopped: str, by_gdb: Any) -> None:
    done = memtrace("check", "--rsp", stopped, *HEAP_OPTIONS, "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["assertion"] == by_gdb["assertion"]
    places = [
        [(one["rule"], one["address"]) for one in heaps[0]["findings"]] for heaps in (report["heaps"], by_gdb["heaps"])
    ]
    assert places[0] == places[1] != []
    log = memtrace("log", "--rsp", stopped, "--ring", "0x80200000", "--kind", "assert", "--json")
    assert json.loads(log.stdout)["matching"] == 1


def test_the_shell_with_the_program_sees_what_gdb_sees(stopped: str, by_gdb: Any) -> None:
    elf = str(firmware.build(firmware.DEFAULT))
    done = memtrace("check", "--rsp", stopped, "--elf", elf, "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    for key in ("assertion", "heaps", "trace"):
        assert report[key] == by_gdb[key], key
    status = memtrace("status", "--rsp", stopped, "--elf", elf).stdout
    assert f"symbols {elf}" in status and "QEMU's stub" in status


def test_reading_costs_what_the_plan_says_and_writes_nothing(stopped: str) -> None:
    with RspProxy(stopped) as proxy:
        done = memtrace("check", "--rsp", proxy.remote, *HEAP_OPTIONS, "--json")
        cost = json.loads(done.stdout)["cost"]
        assert proxy.bytes_read == cost["bytes"]
        assert proxy.count("m") <= cost["bytes"] // 2048 + cost["reads"] + 1
        assert set(proxy.counts()) <= {"qSupported", "QStartNoAckMode", "qqemu.sstepbits", "qRcmd", "m", "D"}


def test_a_mark_is_written_because_it_was_asked_for() -> None:
    elf = firmware.build(firmware.DEFAULT)
    with Qemu(elf, append="scenario=leak", tcp=True) as chip:
        run_gdb([remote(chip.remote), "break test_leak", "continue", LEAVE], elf=elf)
        assert memtrace("mark", "here", "--rsp", chip.remote, "--ring", "0x80200000").returncode == 0
        lines = [SOURCE, Capture(f"memtrace status --json --rsp {chip.remote}"), remote(chip.remote), "delete"]
        lines += ["break scenario_done", "continue", Capture("malloc-log --json --kind mark")]
        done = run_gdb(lines, elf=elf)
    assert done.json(0)["ring"]["pending"] == "mark"
    assert len(done.json(1)["events"]) == 3, "ours and the scenario's two"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("check", "--rsp", "127.0.0.1:1"),
            "cannot connect to 127.0.0.1:1 (connection refused): is OpenOCD, QEMU or a",
        ),
        (("check", "--rsp", "x"), "x: give HOST:PORT, as GDB's `target remote` takes it"),
        (
            ("check", "--rsp", ":1", "--image", "0=x"),
            "--rsp is a live target, and a core or --image a file: give one of them",
        ),
    ],
)
def test_wrong_words_are_one_line(words: tuple[str, ...], line: str) -> None:
    done = memtrace(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"memtrace: {line}") and done.stderr.count("\n") == 1


class XtensaChip(Qemu):
    """QEMU's board `sim` with an lx106, whose GDB Debian does not have."""

    def __init__(self, elf: Path) -> None:
        super().__init__()
        self.machine = ["qemu-system-xtensa", "-M", "sim", "-cpu", "lx106", "-display", "none", "-nodefaults"]
        self.machine += ["-device", f"loader,file={elf},cpu-num=0"]


@pytest.fixture(scope="module")
def xtensa_elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    elf = tmp_path_factory.mktemp("xtensa") / "broken.elf"
    library = Path("/usr/lib/xtensa-lx106-elf")
    line = ["xtensa-lx106-elf-gcc", "-std=c11", "-O1", "-g", "-mlongcalls", "-mtext-section-literals", "-nostdlib"]
    line += [
        "-isystem",
        str(library / "include"),
        f"-I{HEAP}",
        f"-I{HEAP.parent}",
        "-T",
        "link.ld",
        "start.S",
        "broken.c",
    ]
    line += [*map(str, HEAP.glob("*.c")), "-o", str(elf), f"-L{library / 'lib'}", "-lc", "-lgcc"]
    subprocess.run(line, cwd=XTENSA, check=True)
    return elf


def symbol(elf: Path, name: str) -> int:
    listed = subprocess.run(["xtensa-lx106-elf-nm", str(elf)], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in listed.splitlines() if line.split()[-1] == name)


def test_a_gdb_without_the_architecture_gives_symbols_and_not_a_byte(xtensa_elf: Path) -> None:
    with XtensaChip(xtensa_elf) as chip:
        lines = [SOURCE, remote(chip.remote), Capture("p/x *(int *)&moving"), Capture("heap-check")]
        asked = [
            "heap-check --json",
            "last-malloc moving --json",
            "last-malloc &moving --json",
            "last-malloc moving->x",
        ]
        done = run_gdb([*lines, *(Capture(f"{one} --rsp {chip.remote}") for one in asked)], elf=xtensa_elf)
    assert "Truncated register" in done.stderr or "reply is too long" in done.stderr, "it cannot connect"
    in_file = int(done.captured[0].output.split("=")[1], 16)
    assert in_file == symbol(xtensa_elf, "before_it_ran"), "GDB answers from the file"
    error = done.captured[1].error or ""
    assert "this GDB knows no xtensa" in error and "--rsp HOST:PORT" in error
    heap = done.json(2)["heaps"][0]
    start = symbol(xtensa_elf, "memory")
    assert (heap["status"], heap["start"], heap["end"]) == ("damaged", start, start + 16384)
    finding = heap["findings"][0]
    assert finding["explanations"][0]["kind"] == "overflow"
    block = done.json(3)["block"]
    assert block["payload"] == finding["explanations"][0]["payload"] == done.json(3)["address"] != in_file
    assert (block["size"], block["state"], block["offset"]) == (64, "used", 0)
    assert done.json(4)["address"] == symbol(xtensa_elf, "moving")
    assert "give a number, &NAME, or the NAME of a global pointer" in (done.captured[5].error or "")
