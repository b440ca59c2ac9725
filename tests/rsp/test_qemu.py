# SPDX-License-Identifier: Apache-2.0
"""QEMU and gdb-multiarch start, and a word comes over. The program has five instructions: no firmware is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.gdb import Capture, GdbSession, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import RAM_BASE, Qemu
from tests.support.rsp_proxy import RspProxy
from tests.support.rsp_traffic import wait_until

SOURCE = """
    .globl _start
_start:
    li t0, 0x10000000       # the UART of the machine: one letter says that it ran
    li t1, 'k'
    sb t1, 0(t0)
loop:
    addi a0, a0, 1
    j loop
    .balign 4
    .globl word
word:
    .word 0x6d656d74
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("step0")
    (folder / "a.S").write_text(SOURCE)
    compiler = ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-nostdlib", "-static", "-g"]
    subprocess.run([*compiler, f"-Wl,-Ttext={RAM_BASE:#x}", "a.S", "-o", "a.elf"], cwd=folder, check=True)
    return folder / "a.elf"


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_gdb_reads_a_word(elf: Path, tcp: bool) -> None:
    with Qemu(elf, tcp=tcp) as chip:
        done = run_gdb([remote(chip.remote), "x/1xw &word", "p/x $pc"], elf=elf)
        assert "0x6d656d74" in done.stdout
        assert "$1 = 0x1000" in done.stdout, "it waits at the reset vector"
        assert chip.errors == ""
        pid = chip.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_program_runs_and_stops_where_it_is_told(elf: Path) -> None:
    with Qemu(elf, icount="shift=0") as chip, RspProxy(chip.remote) as proxy:
        commands = [remote(proxy.remote), "break loop", "continue", "p/x $t1", "info symbol $pc"]
        done = run_gdb(commands, elf=elf)
        assert "$1 = 0x6b" in done.stdout
        assert "loop in section .text" in done.stdout
        assert chip.wait_for_console("k") == "k"
        assert proxy.count("Z0") == 1
        assert proxy.count("vCont") >= 1


def test_two_harts_and_a_core_without_atomics(elf: Path) -> None:
    with Qemu(elf, smp=2) as chip:
        assert len(re.findall(r"Thread 1\.[12]", run_gdb([remote(chip.remote), "info threads"], elf=elf).stdout)) >= 2
    with Qemu(elf, cpu="rv32,a=false") as chip:
        done = run_gdb([remote(chip.remote), "p/x $misa"], elf=elf)
        assert int(re.findall(r"\$1 = (0x[0-9a-f]+)", done.stdout)[0], 16) & 1 == 0, "no A extension"


def test_output_is_captured_apart(elf: Path) -> None:
    with Qemu(elf) as chip:
        script = 'python import json; print(json.dumps({"pc": int(gdb.parse_and_eval("(long)$pc"))}))'
        done = run_gdb([remote(chip.remote), Capture(script), Capture("no-such-command"), Capture("p 1")], elf=elf)
    assert json.loads(done.captured[0].output) == {"pc": 0x1000}
    assert done.captured[1].error == 'Undefined command: "no-such-command".  Try "help".'
    assert done.captured[2].output == "$1 = 1\n"
    with pytest.raises(ValueError, match="printed no JSON"):
        done.json(2)
    with pytest.raises(AssertionError, match="never ran"):
        done.json(3)


def test_the_machine_dies_with_a_parent_that_is_killed() -> None:
    # A machine that answers runs, and has asked for its parent's signal.
    parent = "import os; from tests.support.qemu import Qemu; from tests.support.sockets import connect; "
    parent += "chip = Qemu().start(); stub = connect(chip.remote); stub.sendall(b'$?#3f'); stub.recv(1); "
    parent += "print(chip.pid, flush=True); os.abort()"
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "TMPDIR": folder}
        started = subprocess.run([sys.executable, "-c", parent], cwd=ROOT, env=env, capture_output=True, text=True)
    gone = Path("/proc", started.stdout.strip())
    assert gone.name.isdigit(), started.stderr
    wait_until(lambda: not gone.exists())


@pytest.mark.parametrize("tty", [True, False], ids=["pty", "piped"])
def test_a_session_is_talked_to(elf: Path, tty: bool) -> None:
    with Qemu(elf) as chip, GdbSession(elf=elf, tty=tty) as gdb:
        assert "GNU gdb" in gdb.banner or "Reading symbols" in gdb.banner
        assert "0x00001000 in ?? ()" in gdb.command(remote(chip.remote))
        assert gdb.command("p 2 + 3") == "$1 = 5\n"
        assert gdb.command("x/1xw &word").split() == ["0x80000010", "<word>:", "0x6d656d74"]
        gdb.send("continue\n")
        gdb.expect("Continuing")
        chip.wait_for_console("k")
        gdb.interrupt()
        assert "SIGINT" in gdb.expect(r"\(gdb\) \Z")
        assert "loop" in gdb.command("info symbol $pc")
        assert gdb.close() == 0


def test_the_pager_asks_in_a_pty(elf: Path) -> None:
    with GdbSession(elf=elf, lines=10) as gdb:
        gdb.send("help data\n")
        gdb.expect("--Type <RET> for more")
        gdb.send("q\n")
        gdb.expect(r"\(gdb\) \Z")


def test_stdin_can_be_piped(elf: Path) -> None:
    done = run_gdb([], elf=elf, stdin="p 6 * 7\nquit\n")
    assert "$1 = 42" in done.stdout
