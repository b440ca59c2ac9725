# SPDX-License-Identifier: Apache-2.0
"""Core dumps: the same answers as live, nothing asked of them, and nothing believed that they do not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.core import core_bytes, esp_partition, write_core
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
    assert "registered_heaps at 0x8008" in check and "DAMAGE 1" in check, "the memory that is there shows the heap"
    assert "the pointer memtrace_ring at 0x8008" in log
    assert "not initialised" not in check and "not been started" not in log
    (named,) = ask(core, "heap-check --heap multi_heap@0x80100000")
    assert "DAMAGE 1" in named


HALF = 144 << 10


def listed(report: str) -> dict[int, int]:
    (heap,) = json.loads(report)["heaps"]
    return {block["payload"]: block["size"] for block in heap["blocks"]}


@pytest.mark.parametrize("form", ["short", "empty", "cut"])
def test_half_a_heap_is_half_a_heap(dumps: dict[str, tuple[int, bytes]], tmp_path: Path, form: str) -> None:
    """The other half lies in a section without bytes, of which GDB says that they are zero."""
    base, data = dumps["heap"]
    rest = [dumps["data"], dumps["second"], dumps["ring"]]
    if form == "cut":
        core = write_core(tmp_path / "core", [*rest, dumps["heap"]])
        core.write_bytes(core.read_bytes()[:-HALF])
    else:
        empty = [(base + HALF, HALF)] if form == "empty" else []
        core = write_core(tmp_path / "core", [*rest, (base, data[:HALF])], empty=empty)
    (report,) = ask(core, "heap-check --json --blocks --heap multi_heap@0x80100000")
    skipped = [(one["check"], one["why"]) for one in json.loads(report)["skipped"]]
    assert ("memory", f"{HALF:,} bytes at {base + HALF:#x} could not be read") in skipped
    assert json.loads(report)["heaps"][0]["minimum_free"] > 0
    whole = write_core(tmp_path / "whole", list(dumps.values()))
    (full,) = ask(whole, "heap-check --json --blocks --heap multi_heap@0x80100000")
    assert listed(report).items() <= listed(full).items() and len(listed(report)) > 10


def test_gdb_itself_would_have_said_zero(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    """What the tests above are about: if this fails, GDB has learnt better."""
    core = write_core(tmp_path / "core", [dumps["heap"]])
    done = run_gdb([f"core-file {core}", "print registered_heaps"], elf=firmware.build("default"))
    assert "0x0" in done.stdout


def test_without_the_list_of_heaps_they_are_searched(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", [dumps["heap"], dumps["second"]])
    (said,) = ask(core, "heap-check --json")
    assert [heap["address"] for heap in json.loads(said)["heaps"]] == [0x8010_0000, 0x8018_0000]
    shell = memtrace("check", core, "--elf", firmware.build("default"), "--json").json()
    assert [heap["address"] for heap in shell["heaps"]] == [0x8010_0000, 0x8018_0000]


def test_without_symbols_the_ring_of_a_core_is_found(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", list(dumps.values()))
    done = run_gdb([SOURCE, f"core-file {core}", Capture("malloc-log --json")])
    assert done.json()["trace"]["kept"] > 1500


def test_gdb_and_the_shell_say_the_same_of_a_core(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", list(dumps.values()))
    elf = f"--elf={firmware.build('default')}"
    for alias, *words in (["heap-check", "check"], ["heap-blocks --all", "blocks"], ["last-malloc 0x80101bf8", "last"]):
        (said,) = ask(core, f"{alias} --json")
        address = ["0x80101bf8"] if words == ["last"] else []
        shell = memtrace(*words, *address, core, elf, "--json", *(["--all"] if words == ["blocks"] else []))
        told = json.loads(said)
        del told["cost"]
        assert shell.same() == told


def used_blocks(dumps: dict[str, tuple[int, bytes]], core: Path) -> list[tuple[int, bytes]]:
    """What ESP-IDF dumps of a heap with CAPTURE_DRAM: each used block as a segment, and a task's stack once more."""
    report = memtrace("check", core, "--elf", firmware.build("default"), "--json", "--blocks").json()
    found = []
    for heap in report["heaps"]:
        name = "heap" if heap["address"] == dumps["heap"][0] else "second"
        base, data = dumps[name]
        blocks = [(one["payload"], one["size"]) for one in heap["blocks"] if one["state"] == "used"]
        found += [(start, data[start - base : start - base + size]) for start, size in blocks]
    start, data = max(found, key=lambda one: len(one[1]))
    return [*found, (start + 16, data[16:-8])]


def test_a_dump_of_used_blocks_lists_them(dumps: dict[str, tuple[int, bytes]], tmp_path: Path) -> None:
    whole = write_core(tmp_path / "whole", list(dumps.values()))
    blocks = used_blocks(dumps, whole)
    partition = tmp_path / "partition"
    elf = core_bytes([*blocks[-1:], dumps["data"], *blocks[:-1], dumps["ring"]])
    partition.write_bytes(esp_partition(elf, header=24, sha=True))
    program = ("--elf", firmware.build("default"), "--json")
    report = memtrace("check", partition, *program, "--blocks").json()
    heap = report["heaps"][0]
    assert (heap["layout"], heap["status"], heap["findings"]) == ("used-blocks", "clean", [])
    assert [(one["payload"], one["size"]) for one in heap["blocks"]] == [(at, len(data)) for at, data in blocks[:-1]]
    assert any("used blocks alone" in item["why"] for item in report["skipped"])
    inside = blocks[3][0] + 1
    last = memtrace("last", hex(inside), partition, *program).json()
    assert (last["block"]["payload"], last["block"]["offset"], last["block"]["state"]) == (blocks[3][0], 1, "used")
    owners = memtrace("blocks", partition, *program, "--all").json()["blocks"]
    told = memtrace("blocks", whole, *program, "--all", "--state", "used").json()["blocks"]
    assert [(one["payload"], one["owner"]) for one in owners] == [(one["payload"], one["owner"]) for one in told]
