# SPDX-License-Identifier: Apache-2.0
"""The real allocators of C libraries, found by the names of their symbols: live on an emulated chip, and in cores."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.image.ask import check
from tests.support.gdb import SOURCE, Capture, run_gdb
from tests.support.libc_heap import program
from tests.support.makers.newlib import made_of
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

LIVES = range(6)
STORY = ROOT / "tests" / "target" / "heaps" / "libc.c"
CHECK = Capture("heap-check --json --blocks")
RAM = 0x8000_0000


def used(heap: Any) -> list[int]:
    return [one["payload"] for one in heap["blocks"] if one["state"] == "used"]


def is_told(heap: Any, line: int, requested: int = 100) -> None:
    """The line's user wrote too far."""
    assert heap["status"] == "damaged"
    first = heap["findings"][0]
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", line)
    assert line + requested <= first["address"] < line + requested + 16


def test_picolibc_on_a_chip() -> None:
    """No option names the heap: __malloc_sbrk_start and its neighbours lead to it."""
    elf = program("picolibc", STORY, RAM, RAM + 0x2_0000)
    with Qemu(kernel=elf) as chip:
        words = [f"target remote {chip.remote}", "break stop_here", "continue", SOURCE, CHECK, "continue", CHECK]
        done = run_gdb([*words, Capture("print/x (long) line"), Capture("memtrace status")], elf=elf)
    sound, broken = (one.json()["heaps"][0] for one in done.captured[:2])
    line = int(done.captured[2].output.split("=")[1], 16)
    assert (sound["kind"], sound["status"], sound["layout"]) == ("picolibc", "clean", "picolibc-32")
    assert len(used(sound)) == 3
    assert line in used(sound)
    is_told(broken, line)
    assert "__malloc_sbrk_start" in done.captured[3].output


def core_of(elf: Path, folder: Path) -> Path:
    """What the emulator writes of a program that ends in a trap."""

    def allowed() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    subprocess.run(["qemu-arm", elf], cwd=folder, preexec_fn=allowed, check=False, capture_output=True, timeout=60)
    (core,) = folder.glob("*.core")
    return core


@pytest.mark.parametrize("library", ["nano", "newlib"])
def test_newlib_in_a_core(library: str, tmp_path: Path) -> None:
    """In the shell and in GDB, the same: a core of an Arm program."""
    elf = program(library, STORY)
    core = core_of(elf, tmp_path)
    heap = memtrace("check", core, "--elf", elf, "--json", "--blocks").json()["heaps"][0]
    done = run_gdb([f"core-file {core}", SOURCE, CHECK, Capture("print/x (long) line")], elf=elf)
    assert done.captured[0].json()["heaps"][0]["findings"] == heap["findings"]
    assert heap["kind"] == {"nano": "newlib_nano", "newlib": "newlib"}[library]
    assert len(used(heap)) == 2  # the table's size word is gone
    is_told(heap, int(done.captured[1].output.split("=")[1], 16))


@pytest.mark.parametrize("seed", LIVES)
def test_others_take_from_sbrk(seed: int) -> None:
    """newlib's dlmalloc puts fences before what is not its own: no damage, and no block is lost."""
    made = made_of(Random(seed), foreign=60)
    heap = check(list(made.images), made.option)["heaps"][0]
    assert (heap["status"], heap["findings"]) == ("clean", [])
    assert used(heap) == [block.user for block in made.blocks if block.used]
