# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS's heap_2 and heap_1 by their symbols, in GDB and in the shell: what is found, and what is wrong with it.

The program has the allocator's variables under their names; the bytes in them and in the array are the model's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.image.ask import check
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.heap_2_image import Array, Build, Heap1, Heap2, load
from tests.support.named_program import BSS, Program, build, heaps, in_gdb, in_shell
from tests.support.paths import ROOT
from tests.support.ring import Ring
from tests.support.rsp_stub import stub_of

ARRAY, TOTAL = 0x2000_1004, 8192
SOURCE_TEXT = f'char ucHeap[{TOTAL}] __attribute__((section(".heap"), aligned(4)));\nint data = 1;\nextern int {{}};\n'

Memory = list[tuple[int, bytes]]


def heap_2(marked: bool = True) -> Heap2:
    heap = Heap2(ARRAY, TOTAL, Build(marked=marked))
    load(heap, Random(4), 150)
    return heap


def heap_1() -> Heap1:
    heap = Heap1(ARRAY, TOTAL, Build())
    for wanted in (100, 7, 64, 1000):
        heap.malloc(wanted)
    return heap


def program_of(heap: Array, folder: Path) -> Path:
    if isinstance(heap, Heap2):
        names = {"xStart": heap.start, "xEnd": heap.end, "xFreeBytesRemaining": heap.remaining}
    else:
        assert isinstance(heap, Heap1)
        names = {"xNextFreeByte": heap.next_byte}
    symbols = tuple(f"{name}={place:#x}" for name, place in names.items())
    return build(
        Program(SOURCE_TEXT.format(", ".join(names)), (), "", (), "", (f".heap={ARRAY:#x}", *BSS), symbols), folder
    )


def reports(heap: Array, elf: Path, folder: Path, command: str, memory: Memory | None = None) -> list[Any]:
    """What the shell says, and what GDB says."""
    memory = memory or heap.images()
    in_gdb_as = {"check": "heap-check --json --blocks", "status": "memtrace status --json", "free": "heap-free --json"}
    return [in_shell(elf, memory, command, folder), in_gdb(elf, memory, in_gdb_as[command])]


@pytest.mark.parametrize("marked", [True, False])
def test_heap_2_is_told_by_its_variables(marked: bool, tmp_path: Path) -> None:
    heap = heap_2(marked)
    elf = program_of(heap, tmp_path)
    used = {(payload, size) for payload, size, is_used in heap.blocks() if is_used}
    for report in reports(heap, elf, tmp_path, "status"):
        assert heaps(report) == [("freertos_heap_2", heap.first, "the array ucHeap")]
        assert ("xStart" in report["heaps"][0]["why"], "as xEnd says" in report["heaps"][0]["why"]) == (True, True)
    for report in reports(heap, elf, tmp_path, "check"):
        (told,) = report["heaps"]
        assert (told["status"], told["findings"], told["used_blocks"]) == ("clean", [], len(used))
        assert (told["start"], told["end"]) == (heap.first, heap.first + heap.adjusted)
    blocks = reports(heap, elf, tmp_path, "check")[1]["heaps"][0]["blocks"]
    assert {(block["payload"], block["size"]) for block in blocks if block["state"] == "used"} == used


@pytest.mark.parametrize(
    ("place", "values", "rule"),
    [
        ("remaining", (4000,), "free-bytes"),
        ("end", (0x41414141, 0x41414141), "list-end"),
        ("start", (24,), "list-link"),
    ],
)
def test_the_variables_of_heap_2_are_checked(place: str, values: tuple[int, ...], rule: str, tmp_path: Path) -> None:
    heap = heap_2()
    heap.put(getattr(heap, place), *values)
    elf = program_of(heap, tmp_path)
    for report in reports(heap, elf, tmp_path, "check"):
        (told,) = report["heaps"]
        assert (told["status"], told["findings"][0]["rule"]) == ("damaged", rule)
        assert getattr(heap, place) <= told["findings"][0]["address"] < getattr(heap, place) + 8
        assert told["used_blocks"] == len(heap.used)


def test_heap_1_is_its_counter(tmp_path: Path) -> None:
    heap = heap_1()
    elf = program_of(heap, tmp_path)
    taken = sum(heap.used.values())
    for report in reports(heap, elf, tmp_path, "status"):
        assert heaps(report) == [("freertos_heap_1", heap.first, "the array ucHeap")]
        assert f"{taken:,} of {heap.adjusted:,} bytes" in report["heaps"][0]["why"]
    for report in reports(heap, elf, tmp_path, "free"):
        (told,) = report["heaps"]
        assert (told["used_bytes"], told["free_bytes"]) == (taken, heap.adjusted - taken)
        assert [item["why"] for item in report["skipped"] if "keeps no headers" in item["why"]]
    for report in reports(heap, elf, tmp_path, "check"):
        assert (report["heaps"][0]["status"], report["heaps"][0]["findings"]) == ("clean", [])


def test_the_blocks_of_heap_1_are_those_of_the_trace(tmp_path: Path) -> None:
    heap = heap_1()
    elf = program_of(heap, tmp_path)
    ring = Ring(0x1000_0000, 4, names=[(1, "main")], capacity=16)
    for payload, size in list(heap.used.items())[1:]:
        ring.event("alloc", payload, size - 1, stack=ring.stack(0x4200_1000))
    memory = [*heap.images(), (ring.address, ring.data())]
    (told,) = in_shell(elf, memory, "check", tmp_path, "--blocks", f"--ring={ring.address:#x}")["heaps"]
    blocks = {(block["payload"], block["size"]) for block in told["blocks"] if block["state"] == "used"}
    assert (told["status"], blocks) == ("clean", set(list(heap.used.items())[1:]))
    assert (told["used_bytes"], told["used_blocks"]) == (sum(heap.used.values()), len(heap.used) - 1)


@pytest.mark.parametrize("value", [TOTAL, 1203])
def test_the_counter_of_heap_1_is_checked(value: int, tmp_path: Path) -> None:
    heap = heap_1()
    heap.put(heap.next_byte, value)
    elf = program_of(heap, tmp_path)
    for report in reports(heap, elf, tmp_path, "check"):
        (finding,) = report["heaps"][0]["findings"]
        assert (finding["rule"], finding["address"]) == ("next-byte", heap.next_byte)


def test_heap_1_by_name_needs_the_program(tmp_path: Path) -> None:
    heap = heap_1()
    elf = program_of(heap, tmp_path)
    option = f"--heap=freertos_heap_1@{heap.first:#x}"
    (told,) = in_shell(elf, heap.images(), "check", tmp_path, option)["heaps"]
    assert (told["status"], told["used_bytes"]) == ("clean", sum(heap.used.values()))
    (alone,) = check(heap.images(), option[7:])["heaps"]
    assert alone["status"] == "unreadable"


@pytest.mark.parametrize("heap", [heap_2(), heap_1()], ids=["heap_2", "heap_1"])
def test_before_its_first_use_it_is_said(heap: Array, tmp_path: Path) -> None:
    elf = program_of(heap, tmp_path)
    with stub_of([(base, bytes(len(data))) for base, data in heap.images()]) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture("heap-check")], elf=elf)
    said = done.captured[0].output + (done.captured[0].error or "")
    if isinstance(heap, Heap2):
        assert "the heap of FreeRTOS is not initialised yet (xEnd has no size)" in said
    else:
        assert "clean" in said


@pytest.mark.parametrize("heap", [heap_2(), heap_1()], ids=["heap_2", "heap_1"])
def test_a_saved_core_still_knows_where_its_variables_lie(heap: Array, tmp_path: Path) -> None:
    elf, core = program_of(heap, tmp_path), tmp_path / "saved.core"
    with stub_of(heap.images()) as stub:
        run_gdb([SOURCE, remote(stub.remote), Capture(f"memtrace save {core}")], elf=elf)
    words = [sys.executable, "-m", "gdbext", "check", "--json", str(core)]
    said = json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout)
    (told,) = said["heaps"]
    assert (told["status"], told["used_bytes"]) == ("clean", sum(heap.used.values()))
