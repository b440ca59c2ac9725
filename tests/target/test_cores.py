# SPDX-License-Identifier: Apache-2.0
"""Core dumps: the same answers as live, nothing asked of them, and nothing believed that they do not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import firmware
from tests.support.core import write_core
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.qemu import Qemu

RANGES = {"data": (0x8008_0000, 0x1_0000), "heap": (0x8010_0000, 288 << 10), "second": (0x8018_0000, 48 << 10)}
RANGES["ring"] = (0x8020_0000, 32 << 10)


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, bytes]]:
    """The memory of the seed case at its assertion."""
    folder, elf = tmp_path_factory.mktemp("dumps"), firmware.build("default")
    lines = [f"dump binary memory {folder / name} {base} {base + size}" for name, (base, size) in RANGES.items()]
    with Qemu(elf, append="scenario=seed") as chip:
        run_gdb([remote(chip.remote), "break memtrace_assert_stop", "continue", *lines], elf=elf)
    return {name: (base, (folder / name).read_bytes()) for name, (base, _) in RANGES.items()}


def ask(core: Path, *commands: str) -> list[str]:
    done = run_gdb([SOURCE, f"core-file {core}", *map(Capture, commands)], elf=firmware.build("default"))
    assert "Traceback" not in done.stdout + done.stderr
    return [captured.output or captured.error or "" for captured in done.captured]


def test_a_core_tells_the_same(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    (report,) = ask(write_core(tmp_path / "core", list(dumps.values()), pc=0x8000_0000), "heap-check")
    assert "memtrace: heap assertion in tlsf_free: block already marked as free" in report
    assert "DAMAGE 1  block 0x80101bf8" in report
    assert "malloc_test.c:12" in report


@pytest.mark.parametrize("command", ["memtrace start", "memtrace stop", "memtrace frees-only", "memtrace mark here"])
def test_a_core_is_not_asked(dumps: dict[str, tuple[int, bytes]], tmp_path: Path, command: str) -> None:
    (said,) = ask(write_core(tmp_path / "core", list(dumps.values())), command)
    assert said == "memtrace: a core dump cannot be asked: this needs a live target"


def test_what_a_core_lacks_is_not_taken_from_the_program(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    """GDB answers .data and .bss from the ELF where the core has none: zeros, no heap, no ring."""
    core = write_core(tmp_path / "core", [dumps["heap"]])
    check, log = ask(core, "heap-check", "malloc-log")
    assert "the list of heaps cannot be read" in check
    assert "the pointer memtrace_ring at 0x8008" in log
    assert "not initialised" not in check and "not been started" not in log
    (named,) = ask(core, "heap-check --heap multi_heap@0x80100000")
    assert "DAMAGE 1" in named
