# SPDX-License-Identifier: Apache-2.0
"""Counters of modules: counted one by one, by threads and in signals, then read by commands and by GDB.

tests/unit/c/usage/usage_test.c counts, on both pointer widths, under ASan, UBSan and TSan, and with the port's lock.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gdbext.commands import command_named
from gdbext.report.printable import text_of
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.usage import read_usage
from tests.docs.sentences.world import Symbols, ask, world
from tests.support import recorder
from tests.support.gdb import NATIVE_GDB, SOURCE, Capture, run_gdb
from tests.support.paths import BUILD

FOLDER = recorder.FOLDER.parent / "usage"
SOURCES = [FOLDER / "usage_test.c", recorder.HELPERS / "usage" / "memtrace_usage.c"]
INCLUDE = f"-I{recorder.HELPERS / 'usage'}"
CHECKED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BUILDS = {
    "32-bit": ("-m32", *CHECKED),
    "64-bit": ("-m64", *CHECKED),
    "tsan": ("-m64", "-O1", "-fsanitize=thread"),
    "lock": ("-m32", "-O1", "-DMEMTRACE_ATOMICS_BY_LOCK"),
}
PLACE = 0x2000_0000
ENTRY = {32: 44, 64: 72}


@cache
def build(name: str, *flags: str) -> Path:
    made = BUILD / "usage" / name
    made.parent.mkdir(parents=True, exist_ok=True)
    return recorder.compile_with(made, SOURCES, (INCLUDE, *flags))


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("case", ["one-by-one", "threads"])
def test_counts_are_exact(name: str, case: str) -> None:
    program = build(name, *BUILDS[name])
    done = subprocess.run([str(program), case], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("bits", [32, 64])
def test_an_interrupt_at_any_instruction_loses_nothing(bits: int) -> None:
    program = build(f"steps-{bits}", f"-m{bits}", "-O1")
    done = subprocess.run([str(program), "interrupts"], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "") and int(done.stdout) > 50


@cache
def counted(bits: int) -> bytes:
    """The bytes of the counters at the end of the case one-by-one."""
    program = build(f"{bits}-bit", *BUILDS[f"{bits}-bit"])
    made = program.with_suffix(".bytes")
    subprocess.run([str(program), "one-by-one", str(made)], check=True)
    return made.read_bytes()


@pytest.mark.parametrize("bits", [32, 64])
def test_they_are_read_by_the_symbol(bits: int) -> None:
    data = counted(bits)
    assert len(data) == 16 * ENTRY[bits]
    memory = Memory(snapshot_of([(PLACE, data)], bits // 8, "little"))
    found = read_usage(memory, Symbols(memtrace_usage_modules=(PLACE, len(data))))
    told = [(one.number, one.name, one.bytes, one.blocks, one.peak_bytes) for one in found]
    assert told == [(0, None, 15, 2, 15), (1, "network", 70, 2, 150), (3, None, 0, 0, 5)]
    assert [(one.allocated_bytes, one.allocations, one.unmatched) for one in found] == [
        (15, 2, 0),
        (170, 3, 0),
        (5, 1, 2),
    ]


def free_of(data: bytes, size: int | None = None) -> Any:
    program = Symbols(memtrace_usage_modules=(PLACE, len(data) if size is None else size))
    return ask(world([(PLACE, data)], program=program), "free")


def test_free_shows_them_where_no_heap_is_known() -> None:
    report, command = free_of(counted(32)), command_named("free")
    assert [one.number for one in report.modules] == [0, 1, 3] and command.lacking(report) == ""
    text = text_of(command.text(report))
    assert "memory of 3 modules, as the program counts it\n" in text
    assert "network                        70 bytes in 2 blocks, 150 at most; 170 in 3 allocations in all\n" in text
    assert "module 3 " in text and "; 2 frees of what was not in use\n" in text


@pytest.mark.parametrize("size", [1, 43, 45, 44 * 16 + 4, 1 << 31])
def test_a_size_that_cannot_be_is_kept_within_bounds(size: int) -> None:
    report = free_of(counted(32) if size < 1 << 20 else counted(32) * 20, size)
    assert len(report.modules) <= 256
    if size < 44:
        assert report.modules == () and command_named("free").lacking(report) == "heap"


def test_counters_that_are_not_there() -> None:
    program = Symbols(memtrace_usage_modules=(PLACE, 44))
    report = ask(world([(0x3000_0000, bytes(64))], program=program), "free")
    assert [one.why.key for one in report.skipped if one.check == "modules"] == ["usage-unread"]


def test_gdb_reads_them_of_a_process() -> None:
    program = build("in-gdb", "-m64", "-O1", "-no-pie")
    commands = [SOURCE, "break counted_done", "run one-by-one", Capture("heap-free --json")]
    modules = run_gdb(commands, elf=program, program=NATIVE_GDB).json(0)["modules"]
    assert [(one["name"], one["bytes"], one["peak_bytes"]) for one in modules] == [
        (None, 15, 15),
        ("network", 70, 150),
        (None, 0, 5),
    ]
