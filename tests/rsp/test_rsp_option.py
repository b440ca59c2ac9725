# SPDX-License-Identifier: Apache-2.0
"""`--rsp`: in a GDB that is not connected, in a GDB that does not know the architecture, and in the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from gdbext.source.rsp import is_same_server
from tests.support import firmware
from tests.support.chips import chip_of
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy

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


def test_the_server_of_this_gdb_is_refused_at_once(stopped: str) -> None:
    """It serves one debugger: another one would wait for an answer in vain."""
    elf, port = firmware.build(firmware.DEFAULT), stopped.rpartition(":")[2]
    asked = [Capture(f"heap-check --rsp {host}:{port}") for host in ("127.0.0.1", "localhost", "")]
    lines = [SOURCE, remote(f"127.0.0.1:{port}"), *asked, f"set memtrace rsp tcp:127.0.0.1:{port}"]
    done = run_gdb([*lines, Capture("heap-check"), LEAVE], elf=elf)
    for captured in done.captured:
        assert (captured.error or "").startswith("memtrace: this GDB itself is connected to "), captured
        assert captured.output == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("localhost:3333", ":3333", True),
        ("127.0.0.1:3333", "tcp:localhost:3333", True),
        ("[::1]:3333", "[0:0:0:0:0:0:0:1]:3333", True),
        ("127.0.0.1:3333", "127.0.0.1:3334", False),
        ("127.0.0.1:3333", "127.0.0.2:3333", False),
        ("/tmp/../tmp/socket", "/tmp/socket", True),
        ("/tmp/socket", ":3333", False),
        ("nowhere", "nowhere", False),
    ],
)
def test_two_addresses_of_one_server(one: str, other: str, same: bool) -> None:
    assert is_same_server(one, other) == same


def test_an_unconnected_gdb_scans_memory_without_registers(stopped: str) -> None:
    elf = firmware.build(firmware.DEFAULT)
    done = run_gdb([SOURCE, Capture(f"heap-refs registered_heaps --json --rsp {stopped}")], elf=elf)
    report = done.json()
    assert "registered_heaps" in {reference["name"] for reference in report["references"]}
    assert "there are no registers here: what only they lead to is not seen" in [
        one["why"] for one in report["skipped"]
    ]


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


@pytest.mark.parametrize("variant", ["de212", "lx106"])
def test_a_gdb_without_the_architecture_gives_symbols_and_not_a_byte(variant: str) -> None:
    """Windowed and call0 Xtensa: Debian's GDB tells what the chip's own GDB tells, by our client."""
    elf, chip = firmware.build(variant), chip_of(variant)
    with Qemu(elf, append="scenario=seed", chip=chip, tcp=True) as target:
        connected = [SOURCE, remote(target.remote), "continue", Capture("heap-check --json"), LEAVE]
        known = run_gdb(connected, elf=elf, program=chip.gdb).json()
        lines = [SOURCE, remote(target.remote), Capture("p/x (int)memtrace_ring"), Capture("heap-check")]
        asked = ["heap-check --json", "last-malloc memtrace_ring --json", "last-malloc &memtrace_ring --json"]
        asked += ["last-malloc memtrace_ring->head", "memtrace status --json"]
        done = run_gdb([*lines, *(Capture(f"{one} --rsp {target.remote}") for one in asked)], elf=elf)
    assert "Truncated register" in done.stderr or "reply is too long" in done.stderr, "it cannot connect"
    assert done.captured[0].output == "$1 = 0x0\n", "GDB answers from the file"
    error = done.captured[1].error or ""
    assert "this GDB knows no xtensa" in error and "--rsp HOST:PORT" in error
    for key in ("assertion", "heaps", "trace"):
        assert done.json(2)[key] == known[key], key
    assert known["heaps"][0]["findings"][0]["suspects"][0]["allocated"]
    assert done.json(3)["address"] == done.json(6)["ring"]["address"] == known["trace"]["address"]
    assert known["heaps"][0]["start"] > done.json(4)["address"] > chip.base
    assert "give 0x... or a decimal number, NAME, &NAME or NAME+OFFSET" in (done.captured[5].error or "")
