# SPDX-License-Identifier: Apache-2.0
"""Device memory under the recorder: a real program, devices that stand in for those of four families, and a real log.

Each step is one call of the program. What the log tells is written as "alloc 1 8192" (the buffer's number and bytes),
"free 1", "failed 8192", "map 4096" and "mark". That the program gets the same results without the recorder is part of
each test.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gdbext.faces.shell import main
from tests.support.linux import SECONDS, environment, library
from tests.support.paths import BUILD, ROOT

PROGRAMS = ROOT / "tests" / "linux" / "programs"
NUMBERS = (1 << 24) - 1
TOO_LARGE, INTERRUPTED = 1 << 40, 1 << 41
TOO_LARGE_PAGES = TOO_LARGE >> 12
SAME_ADDRESS = 1 << 13
ONLY_ADDRESSES = 1 << 34
MARKS_ONLY = 4  # of close_range

HEAP, ION, MALI, KGSL = "open 0 /dev/dma_heap/system", "open 0 /dev/ion", "open 0 /dev/mali0", "open 0 /dev/kgsl-3d0"


@dataclass(frozen=True)
class Machine:
    """How programs of a machine are built and run here."""

    compiler: str
    target: str
    emulator: tuple[str, ...] = ()

    def line(self, program: Path, preload: str) -> list[str]:
        if not self.emulator:
            return ["env", f"LD_PRELOAD={preload}", str(program)]
        return [*self.emulator, "-E", f"LD_PRELOAD={preload}", str(program)]


MACHINES = {
    "x86-64": Machine("gcc", "all"),
    "aarch64": Machine("aarch64-linux-gnu-gcc", "aarch64", ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")),
    "riscv64": Machine("riscv64-linux-gnu-gcc", "riscv64", ("qemu-riscv64", "-L", "/usr/riscv64-linux-gnu")),
    "armhf": Machine("arm-linux-gnueabihf-gcc", "armhf", ("qemu-arm", "-L", "/usr/arm-linux-gnueabihf")),
    "musl": Machine("musl-gcc", "musl"),
}


@cache
def built(machine: str) -> tuple[Path, Path]:
    """The program, and the library of devices."""
    folder = BUILD / "linux-devices" / f"{machine}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    base = [MACHINES[machine].compiler, "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-D_FILE_OFFSET_BITS=64"]
    program, devices = folder / "buffers", folder / "devices.so"
    subprocess.run([*base, "-pthread", PROGRAMS / "buffers.c", "-o", program], check=True, timeout=SECONDS)
    subprocess.run([*base, "-shared", "-fPIC", PROGRAMS / "devices.c", "-o", devices], check=True, timeout=SECONDS)
    return program, devices


def events(log: Path) -> list[dict[str, Any]]:
    """The program's device memory, maps and marks."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["log", str(log), "--all", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(out.getvalue())["events"]
    return [one for one in found if one["heap"] == "dma" or one["kind"] in ("map", "unmap", "mark")]


def written(event: dict[str, Any]) -> str:
    kind, number = event["kind"], event["payload"] & NUMBERS
    if kind == "alloc":
        return f"alloc {number} {event['size']}"
    if kind == "free":
        return f"free {number}"
    if kind == "mark":
        return "mark"
    return f"{'failed' if kind == 'alloc-failed' else kind} {event['size']}"


@dataclass
class Run:
    """What the program printed, and its logs: the first one's, and those of its children."""

    results: list[int]
    logs: list[Path]

    @property
    def story(self) -> list[str]:
        return [written(one) for one in events(self.logs[0])]

    @property
    def stories(self) -> list[list[str]]:
        return [[written(one) for one in events(log)] for log in self.logs]


def started(machine: str, preload: str, steps: tuple[str, ...], **more: str) -> list[int]:
    line = [*MACHINES[machine].line(built(machine)[0], preload), *steps]
    done = subprocess.run(line, env=environment(**more), capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    return [int(word) for word in done.stdout.split()]


def ran(folder: Path, *steps: str, machine: str = "x86-64", **more: str) -> Run:
    """Does the steps with and without the recorder."""
    devices = str(built(machine)[1])
    alone = started(machine, devices, steps)
    preload = f"{library(MACHINES[machine].target)}:{devices}"
    assert started(machine, preload, steps, MEMTRACE_LOG=str(folder / "%p.log"), **more) == alone
    return Run(alone, sorted(folder.glob("*.log"), key=lambda log: int(log.name.split(".")[0])))


# Steps, what is told of them, and the error of the last step.
OF_FAMILIES = {
    "heap": ((HEAP, "heap 0 1 8192", "close 1"), ["alloc 1 8192", "free 1"]),
    "heap, odd size": ((HEAP, "heap 0 1 5000", "close 1"), ["alloc 1 5000", "free 1"]),
    "ion that gives files": ((ION, "ion-file 0 1 8192", "close 1"), ["alloc 1 8192", "free 1"]),
    "ion": ((ION, "ion 0 1 8192", "ion-free 0 1"), ["alloc 1 8192", "free 1"]),
    "ion, shared": (
        (ION, "ion 0 1 8192", "ion-share 0 1 2", "ion-free 0 1", "mark", "close 2"),
        ["alloc 1 8192", "mark", "free 1"],
    ),
    "ion, shared twice": (
        (ION, "ion 0 1 64", "ion-share 0 1 2", "ion-map 0 1 3", "close 2", "close 3", "mark", "ion-free 0 1"),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "ion, imported": (
        (HEAP, "heap 0 1 64", "open 0 /dev/ion", "ion-import 0 2 1", "close 1", "mark", "ion-free 0 2"),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "ion, imported again": (
        (
            ION,
            "ion 0 1 64",
            "ion-share 0 1 2",
            "ion-import 0 3 2",
            "close 2",
            "ion-free 0 1",
            "mark",
            "ion-free 0 3",
        ),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "mali": ((MALI, "mali 0 1 3", "mali-free 0 1"), ["alloc 1 12288", "free 1"]),
    "mali, more": ((MALI, "mali-more 0 1 3", "mali-free 0 1"), ["alloc 1 12288", "free 1"]),
    "mali, waiting": ((MALI, f"mali 0 1 3 {SAME_ADDRESS}", "mali-free 0 1"), ["alloc 1 12288", "free 1"]),
    "mali, same address": (
        (MALI, f"mali 0 1 3 {SAME_ADDRESS}", "map-name 0 1 12288 1", "mark", "unmap 1"),
        ["alloc 1 12288", "mark", "free 1"],
    ),
    "mali, mapped beside": (
        (MALI, "mali 0 1 1", "map-name 0 1 4096 1", "unmap 1", "mark", "mali-free 0 1"),
        ["alloc 1 4096", "mark", "free 1"],
    ),
    "mali, imported": (
        (HEAP, "heap 0 1 64", "open 2 /dev/mali0", "mali-import 2 1 1", "close 1", "mark", "mali-free 2 1"),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "kgsl": ((KGSL, "kgsl 0 1 8192", "kgsl-free 0 1"), ["alloc 1 8192", "free 1"]),
    "kgsl, id": ((KGSL, "kgsl-id 0 1 8192", "kgsl-id-free 0 1"), ["alloc 1 8192", "free 1"]),
    "kgsl, object": ((KGSL, "kgsl-object 0 1 8192", "kgsl-object-free 0 1"), ["alloc 1 8192", "free 1"]),
    "kgsl, mixed": ((KGSL, "kgsl-object 0 1 8192", "kgsl-id-free 0 1"), ["alloc 1 8192", "free 1"]),
    "kgsl, id, by its address": ((KGSL, "kgsl-id 0 1 64 2", "kgsl-free 0 2", "mark"), ["alloc 1 64", "free 1", "mark"]),
    "kgsl, file mapped": (
        (HEAP, "heap 0 1 64", "open 2 /dev/kgsl-3d0", "kgsl-map 2 1 1", "close 1", "mark", "kgsl-free 2 1"),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "kgsl, only addresses": ((KGSL, f"kgsl-object 0 1 8192 {ONLY_ADDRESSES}", "kgsl-object-free 0 1"), []),
    "kgsl, mapped": (
        (KGSL, "kgsl-id 0 1 4096", "map-id 0 1 4096 1", "kgsl-id-free 0 1", "mark", "unmap 1"),
        ["alloc 1 4096", "mark", "free 1"],
    ),
    "kgsl, imported": (
        (
            HEAP,
            "heap 0 1 64",
            "open 2 /dev/kgsl-3d0",
            "kgsl-import 2 1 1",
            "close 1",
            "mark",
            "kgsl-id-free 2 1",
        ),
        ["alloc 1 64", "mark", "free 1"],
    ),
}
OF_FAILURES = {
    "heap": ((HEAP, f"heap 0 1 {TOO_LARGE}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "ion that gives files": ((ION, f"ion-file 0 1 {TOO_LARGE}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "ion": ((ION, f"ion 0 1 {TOO_LARGE}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "ion, freed twice": (
        (ION, "ion 0 1 64", "ion-free 0 1", "ion-free 0 1"),
        ["alloc 1 64", "free 1"],
        errno.EINVAL,
    ),
    "ion, shared after the end": (
        (ION, "ion 0 1 64", "ion-free 0 1", "ion-share 0 1 2"),
        ["alloc 1 64", "free 1"],
        errno.EINVAL,
    ),
    "ion, another's handle": (
        (ION, "open 2 /dev/ion", "ion 0 1 64", "ion-free 2 1"),
        ["alloc 1 64"],
        errno.EINVAL,
    ),
    "mali": ((MALI, f"mali 0 1 {TOO_LARGE_PAGES}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "mali, more": ((MALI, f"mali-more 0 1 {TOO_LARGE_PAGES}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "mali, freed twice": (
        (MALI, "mali 0 1 1", "mali-free 0 1", "mali-free 0 1"),
        ["alloc 1 4096", "free 1"],
        errno.EINVAL,
    ),
    "kgsl": ((KGSL, f"kgsl 0 1 {TOO_LARGE}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "kgsl, id": ((KGSL, f"kgsl-id 0 1 {TOO_LARGE}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "kgsl, object": ((KGSL, f"kgsl-object 0 1 {TOO_LARGE}"), [f"failed {TOO_LARGE}"], errno.ENOMEM),
    "nothing": ((HEAP, "heap 0 1 0"), ["failed 0"], errno.EINVAL),
    "kgsl, freed by its address and its id": (
        (KGSL, "kgsl-id 0 1 64 2", "kgsl-free 0 2", "kgsl-id-free 0 1"),
        ["alloc 1 64", "free 1"],
        errno.EINVAL,
    ),
    "kgsl, freed twice": (
        (KGSL, "kgsl-id 0 1 64", "kgsl-id-free 0 1", "kgsl-object-free 0 1"),
        ["alloc 1 64", "free 1"],
        errno.EINVAL,
    ),
    "interrupted": ((HEAP, f"heap 0 1 {INTERRUPTED}"), [], errno.EINTR),
    "another device's request": ((ION, "heap 0 1 64"), [], errno.ENOTTY),
    "no device": (("null 0", "heap 0 1 64"), [], errno.ENOTTY),
    "closed": ((HEAP, "close 0", "heap 0 1 64"), [], errno.EBADF),
    "closed twice": ((HEAP, "heap 0 1 64", "close 1", "close 1"), ["alloc 1 64", "free 1"], errno.EBADF),
}
MADE = (HEAP, "heap 0 1 64")
OF_DESCRIPTORS = {
    "dup": (("dup 1 2", "close 1", "mark", "close 2"), ["mark", "free 1"]),
    "fcntl": (("dup-fcntl 1 2", "close 1", "mark", "close 2"), ["mark", "free 1"]),
    "fcntl, until exec": (("dup-fcntl-exec 1 2", "close 1", "mark", "close 2"), ["mark", "free 1"]),
    "dup2": (("null 2", "dup2 1 2", "close 1", "mark", "close 2"), ["mark", "free 1"]),
    "dup3": (("null 2", "dup3 1 2", "close 1", "mark", "close 2"), ["mark", "free 1"]),
    "dup2 onto itself": (("dup2 1 1", "mark", "close 1"), ["mark", "free 1"]),
    "dup2 over it": (("null 2", "dup2 2 1", "mark", "close 1"), ["free 1", "mark"]),
    "dup3 over it": (("null 2", "dup3 2 1", "mark", "close 1"), ["free 1", "mark"]),
    "another over it": (
        ("heap 0 2 100", "dup2 2 1", "mark", "close 2", "mark", "close 1"),
        ["alloc 2 100", "free 1", "mark", "mark", "free 2"],
    ),
    "dup2 of nothing over it": (("null 2", "close 2", "dup2 2 1", "mark", "close 1"), ["mark", "free 1"]),
    "close_range": (
        ("heap 0 2 100", "heap 0 3 200", "close-range 1 2 0", "mark", "close 3"),
        ["alloc 2 100", "alloc 3 200", "free 1", "free 2", "mark", "free 3"],
    ),
    "close_range that marks": ((f"close-range 1 1 {MARKS_ONLY}", "mark", "close 1"), ["mark", "free 1"]),
    "close_range of nothing": (("close-range 1 0 0", "mark", "close 1"), ["mark", "free 1"]),
    "closefrom": (("heap 0 2 100", "closefrom 1", "mark"), ["alloc 2 100", "free 1", "free 2", "mark"]),
    "its number again": (
        ("close 1", "heap 0 2 100", "close 1"),
        ["free 1", "alloc 2 100", "free 2"],
    ),
    "closed unseen, its number again": (
        ("close-unseen 1", "null 2", "dup 2 3", "mark", "close 3", "close 2"),
        ["free 1", "mark"],
    ),
    "closed unseen, a buffer in its place": (
        ("close-unseen 1", "heap 0 2 100", "mark", "close 2"),
        ["free 1", "alloc 2 100", "mark", "free 2"],
    ),
    "the heap's own": (("close 0", "mark", "close 1"), ["mark", "free 1"]),
}
OF_MAPS = {
    "no more memory": (("map 1 1 8192", "unmap 1", "mark", "close 1"), ["mark", "free 1"]),
    "holds": (("map 1 1 8192", "close 1", "mark", "unmap 1"), ["mark", "free 1"]),
    "in parts": (
        (
            "map 1 1 12288",
            "close 1",
            "unmap 1 4096 4096",
            "mark",
            "unmap 1 0 4096",
            "mark",
            "unmap 1 8192 4096",
        ),
        ["mark", "mark", "free 1"],
    ),
    "twice": (
        ("map 1 1 4096", "map 1 2 4096", "close 1", "unmap 1", "mark", "unmap 2"),
        ["mark", "free 1"],
    ),
    "mapped over": (("map 1 1 4096", "close 1", "map-over 1 4096", "mark"), ["free 1", "map 4096", "mark"]),
    "moved": (
        ("map 1 1 4096", "close 1", "remap 1 65536", "mark", "unmap 1 4096 61440", "mark", "unmap 1 0 4096"),
        ["mark", "mark", "free 1"],
    ),
    "failing": (("map 1 1 0", "mark", "close 1"), ["mark", "free 1"]),
    "with others": (
        ("map 1 1 4096", "null 2", "map-over 1 4096", "mark", "close 1"),
        ["map 4096", "mark", "free 1"],
    ),
}
OF_DEVICES = {
    "ion": ((ION, "ion 0 1 64", "ion 0 2 65", "close 0"), ["alloc 1 64", "alloc 2 65", "free 1", "free 2"]),
    "ion, copied": (
        (ION, "ion 0 1 64", "dup 0 2", "close 0", "mark", "close 2"),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "ion, shared": (
        (ION, "ion 0 1 64", "ion-share 0 1 2", "close 0", "mark", "close 2"),
        ["alloc 1 64", "mark", "free 1"],
    ),
    "mali, mapped": (
        (MALI, f"mali 0 1 1 {SAME_ADDRESS}", "mali 0 2 2", "map-name 0 1 4096 1", "close 0", "mark", "unmap 1"),
        ["alloc 1 4096", "alloc 2 8192", "mark", "free 1", "free 2"],
    ),
    "kgsl, opened twice": (
        (KGSL, "open 2 /dev/kgsl-3d0", "kgsl-id 0 1 64", "kgsl-id-free 2 1"),
        ["alloc 1 64", "free 1"],
    ),
    "another": (("open 0 /dev/other", "ion-free 0 0"), []),
}


@pytest.mark.parametrize("case", OF_FAMILIES)
def test_each_family_counts_what_it_gives(case: str, tmp_path: Path) -> None:
    steps, story = OF_FAMILIES[case]
    run = ran(tmp_path, *steps)
    assert run.story == story
    assert set(run.results) == {0}


@pytest.mark.parametrize("case", OF_FAILURES)
def test_a_call_that_fails_changes_nothing(case: str, tmp_path: Path) -> None:
    steps, story, error = OF_FAILURES[case]
    run = ran(tmp_path, *steps)
    assert run.story == story
    assert run.results[-1] == error


@pytest.mark.parametrize("case", OF_DESCRIPTORS)
def test_the_last_descriptor_frees(case: str, tmp_path: Path) -> None:
    steps, story = OF_DESCRIPTORS[case]
    assert ran(tmp_path, *MADE, *steps).story == ["alloc 1 64", *story]


@pytest.mark.parametrize("case", OF_MAPS)
def test_a_map_is_no_more_memory_and_holds(case: str, tmp_path: Path) -> None:
    steps, story = OF_MAPS[case]
    assert ran(tmp_path, *MADE, *steps).story == ["alloc 1 64", *story]


@pytest.mark.parametrize("case", OF_DEVICES)
def test_a_device_that_is_closed_takes_its_names_along(case: str, tmp_path: Path) -> None:
    steps, story = OF_DEVICES[case]
    assert ran(tmp_path, *steps).story == story


@pytest.mark.parametrize("machine", MACHINES)
def test_the_hooks_allocate_nothing(machine: str, tmp_path: Path) -> None:
    """Not even where the C library has not all of the functions that they stand in for."""
    (log,) = ran(tmp_path, machine=machine).logs
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["log", str(log), "--all", "--json"]) == 0
    assert [one for one in json.loads(out.getvalue())["events"] if one["task"] is not None] == []


def test_a_buffer_has_a_number_no_address(tmp_path: Path) -> None:
    run = ran(tmp_path, *MADE, "heap 0 2 64", "close 2", "close 1")
    assert [one["payload"] for one in events(run.logs[0])] == [0xD1 << 56 | number for number in (1, 2, 2, 1)]


def test_events_name_who_called(tmp_path: Path) -> None:
    alloc, free = events(ran(tmp_path, *MADE, "close 1").logs[0])
    assert [frame["function"] for frame in alloc["stack"][:3]] == ["asked", "heap", "step"]
    assert free["stack"][0]["function"] == "close_file"


def test_a_child_frees_in_its_own_log(tmp_path: Path) -> None:
    """It inherits the descriptors; its parent's buffer lives on."""
    run = ran(tmp_path, *MADE, "fork", "close 1", "heap 0 2 100", "mark", "close 2", "join", "mark", "close 1")
    assert run.stories == [
        ["alloc 1 64", "mark", "free 1"],
        ["free 1", "alloc 2 100", "mark", "free 2"],
    ]


def test_a_child_inherits_names_and_maps(tmp_path: Path) -> None:
    steps = (
        ION,
        "ion 0 1 64",
        "ion-share 0 1 2",
        "map 2 1 4096",
        "fork",
        "ion-free 0 1",
        "close 2",
        "mark",
        "unmap 1",
    )
    run = ran(tmp_path, *steps, "join", "close 2", "unmap 1", "mark", "close 0")
    assert run.stories == [["alloc 1 64", "mark", "free 1"], ["mark", "free 1"]]


def test_a_child_of_vfork_closes_its_own(tmp_path: Path) -> None:
    assert ran(tmp_path, *MADE, "vfork-close 1", "mark", "close 1").story == [
        "alloc 1 64",
        "mark",
        "free 1",
    ]


def test_what_is_started_anew_knows_of_no_buffer(tmp_path: Path) -> None:
    """The descriptors of before are those of a stranger: closing them is no event."""
    open_now = (HEAP, "heap 0 1 64", "dup 1 2", "dup-fcntl-exec 1 3", "exec")
    run = ran(tmp_path, *open_now, "open 4 /dev/dma_heap/system", "heap 4 5 100", "close 5")
    assert sorted(run.stories) == [["alloc 1 100", "free 1"], ["alloc 1 64"]]


def test_a_stopped_recorder_follows_descriptors(tmp_path: Path) -> None:
    """What was made meanwhile is freed as older than the recording; what was freed meanwhile is not freed again."""
    steps = (*MADE, "stop", "heap 0 2 100", "close 1", "start", "null 1", "close 1", "close 2")
    assert ran(tmp_path, *steps).story == ["alloc 1 64", "free 2"]


def test_threads_signals_and_a_child_at_once(tmp_path: Path) -> None:
    rounds, threads = 300, 4
    run = ran(tmp_path, *MADE, f"race 0 {threads} {rounds}", "close 1")
    found = events(run.logs[0])
    made = {one["payload"]: one["size"] for one in found if one["kind"] == "alloc"}
    assert Counter(made.values()) == Counter({64: 1} | dict.fromkeys(range(1, threads + 1), rounds))
    assert sorted(one["payload"] for one in found if one["kind"] == "free") == sorted(made)
    child = events(run.logs[1])
    assert Counter(one["size"] for one in child if one["kind"] == "alloc") == {100: rounds}


@dataclass
class Model:
    """What a program does at random with buffers, and what is to be told of it."""

    random: random.Random
    steps: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    holders: dict[tuple[str, int], int] = field(
        default_factory=dict
    )  # a place of a descriptor, name or page: its buffer
    made: int = 0

    def places(self, kind: str) -> list[int]:
        return sorted(place for one, place in self.holders if one == kind)

    def drop(self, *places: tuple[str, int]) -> None:
        gone = {self.holders.pop(place) for place in places}
        self.story += [f"free {one}" for one in sorted(gone - set(self.holders.values()))]

    def new(self, kind: str, place: int, step: str) -> None:
        self.made += 1
        self.steps.append(f"{step} {place} {self.made}")
        self.holders[kind, place] = self.made
        self.story.append(f"alloc {self.made} {self.made}")

    def make(self) -> None:
        free = self.random.choice([place for place in range(4, 24) if ("file", place) not in self.holders] or [0])
        name = self.random.choice([place for place in range(24) if ("name", place) not in self.holders] or [-1])
        if free and self.random.random() < 0.5:
            self.new("file", free, self.random.choice(["heap 0", "ion-file 1"]))
        elif name >= 0:
            self.new("name", name, "ion 1")

    def copy(self) -> None:
        files = self.places("file")
        to = self.random.randrange(4, 24)
        if not files:
            return
        of = self.random.choice(files)
        if to in files:
            self.steps.append(f"{'dup2' if of == to else self.random.choice(['dup2', 'dup3'])} {of} {to}")
            before = self.holders["file", to]
            self.holders["file", to] = self.holders["file", of]
            if before not in self.holders.values():
                self.story.append(f"free {before}")
        else:
            self.steps.append(f"{self.random.choice(['dup', 'dup-fcntl', 'dup-fcntl-exec'])} {of} {to}")
            self.holders["file", to] = self.holders["file", of]

    def close(self) -> None:
        if files := self.places("file"):
            place = self.random.choice(files)
            self.steps.append(f"close {place}")
            self.drop(("file", place))

    def name(self) -> None:
        if not (names := self.places("name")):
            return
        place, to = self.random.choice(names), self.random.randrange(4, 24)
        if ("file", to) not in self.holders:
            self.steps.append(f"ion-share 1 {place} {to}")
            self.holders["file", to] = self.holders["name", place]
        else:
            self.steps.append(f"ion-free 1 {place}")
            self.drop(("name", place))

    def map(self) -> None:
        """Places of pages are 16 to a map."""
        files, to = self.places("file"), self.random.randrange(12)
        pages = [page for page in self.places("page") if page // 16 == to]
        if pages:
            first = self.random.choice(pages)
            count = next(n for n in range(1, 17) if n == 4 or first + n not in pages)
            self.steps.append(f"unmap {to} {first % 16 * 4096} {count * 4096}")
            self.drop(*(("page", first + n) for n in range(count)))
        elif files:
            of = self.random.choice(files)
            self.steps.append(f"map {of} {to} {16 * 4096}")
            self.holders |= {("page", to * 16 + page): self.holders["file", of] for page in range(16)}


@pytest.mark.parametrize("seed", range(4))
def test_what_holds_a_buffer_is_as_in_a_model(seed: int, tmp_path: Path) -> None:
    model = Model(random.Random(seed), [HEAP, "open 1 /dev/ion"])
    for _ in range(1500):
        model.random.choice([model.make, model.copy, model.close, model.close, model.name, model.map, model.map])()
    run = ran(tmp_path, *model.steps)
    assert set(run.results) == {0}
    assert run.story == model.story
    assert model.made > 100


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_table_is_sound(compiler: str, tmp_path: Path) -> None:
    """Against a model in C, with what the compiler finds of accesses and of what is not defined."""
    c_helpers = ROOT / "c_helpers"
    line = [compiler, "-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
    line += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-pthread"]
    line += [f"-I{c_helpers / folder}" for folder in ("linux", "include", "log")]
    line += [str(PROGRAMS / "table.c"), str(c_helpers / "linux" / "device_table.c"), "-o", str(tmp_path / "table")]
    subprocess.run(line, check=True, timeout=SECONDS)
    done = subprocess.run([tmp_path / "table"], capture_output=True, text=True, env=environment(), timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


EVERYTHING = (
    *(HEAP, "heap 0 1 8192", "dup 1 2", "map 1 1 8192", "close 1", "close 2", "unmap 1", f"heap 0 1 {TOO_LARGE}"),
    *("open 3 /dev/ion", "ion-file 3 4 100", "ion 3 5 200", "ion-share 3 5 6", "ion-free 3 5", "close 6", "close 4"),
    *(
        "open 7 /dev/mali0",
        f"mali 7 8 1 {SAME_ADDRESS}",
        "map-name 7 8 4096 8",
        "unmap 8",
        "mali 7 9 2",
        "mali-free 7 9",
    ),
    *("open 10 /dev/kgsl-3d0", "kgsl 10 11 300", "kgsl-id 10 12 400", "kgsl-object 10 13 500", "kgsl-free 10 11"),
    *("kgsl-id-free 10 12", "kgsl-object-free 10 13", "mark"),
)
ALL_TOLD = [
    *("alloc 1 8192", "free 1", f"failed {TOO_LARGE}", "alloc 2 100", "alloc 3 200", "free 3", "free 2"),
    *("alloc 4 4096", "free 4", "alloc 5 8192", "free 5"),
    *("alloc 6 300", "alloc 7 400", "alloc 8 500", "free 6", "free 7", "free 8", "mark"),
]


@pytest.mark.parametrize("machine", MACHINES)
def test_structures_are_those_of_the_machine(machine: str, tmp_path: Path) -> None:
    """A failing size above what 32 bits hold is told as what they hold."""
    words = 32 if machine == "armhf" else 64
    steps = [step for step in EVERYTHING if words == 64 or str(TOO_LARGE) not in step]
    run = ran(tmp_path, *steps, machine=machine)
    assert run.story == [one for one in ALL_TOLD if words == 64 or not one.startswith("failed")]
