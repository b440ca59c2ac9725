# SPDX-License-Identifier: Apache-2.0
"""The port to NuttX, in a stand-in with NuttX's names and the shape of its build; and NuttX's tasks in GDB.

tests/ports/nuttx is a user's folder: nuttx, apps, and a program that keeps a book.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ports import standins
from tests.ports.standins import (
    EVENTS,
    book_commands,
    book_of,
    helpers_beside,
    ring_of,
    run_to_end,
    said_before,
    sizes_of,
    tasks_of,
)
from tests.ports.steps import are_few, carry_out, steps_of, with_python
from tests.support.gdb import Capture, GdbResult
from tests.support.paths import ROOT

PROJECT = Path(__file__).parent / "nuttx"
README = ROOT / "c_helpers" / "ports" / "nuttx" / "README.md"
TOOLS = "riscv64-unknown-elf-"
ENTRIES = {f"user_{name}" for name in ("malloc", "calloc", "zalloc", "memalign", "strdup", "realloc")}
FREE, STATUS = Capture("heap-free --json"), Capture("memtrace status --json")


def project(folder: Path) -> Path:
    shutil.copytree(PROJECT, folder, symlinks=True, dirs_exist_ok=True)
    return folder


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = ["make", "-C", str(folder / "nuttx"), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=600, env=with_python())


def build(folder: Path) -> Path:
    for done in (make(folder, "olddefconfig"), make(folder)):
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "nuttx" / "nuttx"


def with_port(folder: Path) -> Path:
    """A user's folder with the README's lines in it, and a copy of c_helpers in place of a clone."""
    helpers_beside(project(folder))
    carry_out([step for step in steps_of(README) if step.how == "add"], folder)
    (folder / "apps" / "external").symlink_to("../memtrace/c_helpers/ports/nuttx")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = with_port(tmp_path_factory.mktemp("nuttx"))
    build(place)
    return place


@pytest.fixture(scope="module")
def stopped(folder: Path) -> GdbResult:
    elf = folder / "nuttx" / "nuttx"
    words = [Capture("print/x app_selftest"), EVENTS, FREE, STATUS, *book_commands(folder)]
    return run_to_end(elf, words)


def test_the_ring_says_what_the_book_says(folder: Path, stopped: GdbResult) -> None:
    book = book_of(folder / "nuttx" / "nuttx", folder, f"{TOOLS}nm")
    assert len(book) > 30 and ring_of(stopped.json(1)) == book


def test_tasks_and_interrupts_are_told_apart(stopped: GdbResult) -> None:
    told = tasks_of(stopped.json(1))
    assert told == {(task, entry) for task in ("init", "net") for entry in ENTRIES} | {
        ("(interrupt)", "user_interrupt"),
        ("sensor", "user_leak"),
    }


def test_a_task_that_ends_gives_its_memory_back_as_nobody(stopped: GdbResult) -> None:
    """The kernel names the next one by then, whose stack it is not."""
    [stack, control] = [one for one in stopped.json(1)["events"] if one["stack"][:1] and is_release(one)]
    made = {one["payload"]: one["size"] for one in stopped.json(1)["events"] if one["kind"] == "alloc"}
    assert (made[stack["payload"]], stack["task"], control["task"]) == (1024, "(start-up)", "(start-up)")


def is_release(event: Any) -> bool:
    return bool(event["stack"][0]["function"] == "nxsched_release_tcb")


def test_every_hook_works(stopped: GdbResult) -> None:
    assert stopped.captured[0].output == "$1 = 0x0\n"


def test_gdb_shows_the_tasks_and_their_stacks(stopped: GdbResult) -> None:
    tasks = {one["task"]: one for one in stopped.json(2)["tasks"]}
    assert list(tasks) == ["Idle_Task", "init", "net"]
    assert {name: one["size"] for name, one in tasks.items()} == {"Idle_Task": 2032, "init": 2016, "net": 992}
    for name in ("init", "net"):
        assert 0 < tasks[name]["in_use"] < tasks[name]["size"] - tasks[name]["never_used"]
        assert tasks[name]["never_used"] > 400
    assert "tasks  3 of NuttX, by lists that are whole: Idle_Task, init, net" in stopped.json(3)["facts"]


def test_the_console_tells_heaps_and_tasks(folder: Path, stopped: GdbResult) -> None:
    """What NuttX itself says is what memtrace reads out of its memory."""
    lines = [line.split() for line in said_before(folder / "nuttx" / "nuttx", "app_done").splitlines()]
    [heap] = [line[2:] for line in lines if line[1] == "H"]
    total, free, least, largest = (int(word, 16) for word in heap[3:7])
    [told] = stopped.json(2)["heaps"]
    assert (heap[0], free, largest) == ("Umem", told["free_bytes"] + 4 * told["free_blocks"], told["largest_free"] + 4)
    assert 0 < least < free < total < told["end"] - told["start"]
    tasks = {line[2]: line[3:] for line in lines if line[1] == "K"}
    seen = {one["task"]: one for one in stopped.json(2)["tasks"]}
    assert {name: (int(words[6], 16), int(words[7], 16)) for name, words in tasks.items()} == {
        name: (one["start"], one["start"] + one["size"]) for name, one in seen.items()
    }
    assert {name: words[0] for name, words in tasks.items()} == {"Idle_Task": "R", "init": "X", "net": "R"}
    assert int(tasks["net"][3], 16) == seen["net"]["never_used"]


def test_roles_and_roots_know_the_stacks(folder: Path) -> None:
    elf = folder / "nuttx" / "nuttx"
    found = run_to_end(elf, [Capture("heap-blocks --role stack --json"), Capture("heap-leaks --unreachable --json")])
    assert [one["role"] for one in found.json(0)["blocks"]] == ["stack of task init", "stack of task net"]
    scanned = {one["name"] for one in found.json(1)["scanned"] if one["kind"] == "stack"}
    assert scanned == {f"stack of task {name}" for name in ("Idle_Task", "init", "net")}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("set var g_npidhash=7", "NuttX's table of tasks would be at"),
        ("set var g_pidhash[3]->pid=98", "has pid 98 of another"),
        ("set var g_readytorun.head->flink=(struct tcb_s *)0x41414140", "NuttX's g_readytorun is damaged"),
        ("set var g_readytorun.tail->flink=g_readytorun.tail", "does not lead back"),
    ],
)
def test_what_is_damaged_is_said(damage: str, said: str, folder: Path) -> None:
    found = run_to_end(folder / "nuttx" / "nuttx", [damage, STATUS])
    assert any(said in one["why"] for one in found.json()["skipped"]), found.json()["skipped"]


def test_a_second_free_stops_with_the_ring_frozen(folder: Path) -> None:
    begin = ["break app_main", "continue", "set var app_frees_twice=1"]
    words = [EVENTS, Capture("heap-check --json")]
    found = run_to_end(folder / "nuttx" / "nuttx", words, before=begin, stop="memtrace_assert_stop")
    events = found.json(0)["events"]
    assert [one["kind"] for one in events[-3:]] == ["free", "free", "assert"]
    assert {one["stack"][0]["function"] for one in events[-3:]} == {"free_twice"}
    assert found.json(0)["trace"]["state"] == "frozen"
    told = found.json(1)["assertion"]
    assert (told["text"], told["function"]) == ("(node->size & ALLOCATED) != 0", "mm/mm_heap.c")


@pytest.mark.parametrize(
    ("hook", "bit"),
    [("malloc", 1 << 1), ("free", 1 << 2), ("realloc", 1 << 3), ("calloc", 1 << 16), ("memalign", 1 << 17)],
)
def test_a_hook_that_is_left_out_is_named_and_no_other(hook: str, bit: int, tmp_path: Path) -> None:
    folder = with_port(tmp_path)
    standins.without(folder / "memtrace" / "c_helpers", hook)
    found = run_to_end(build(folder), [Capture("print/x app_selftest")])
    assert found.captured[0].output == f"$1 = {bit:#x}\n"


@pytest.mark.parametrize("hook", ["_assert", "__assert", "nxsched_release_tcb"])
def test_a_hook_of_the_kernel_that_is_left_out_does_not_link(hook: str, tmp_path: Path) -> None:
    folder = with_port(tmp_path)
    standins.without(folder / "memtrace" / "c_helpers", hook)
    assert make(folder, "olddefconfig").returncode == 0
    done = make(folder)
    assert done.returncode != 0 and f"undefined reference to `__real_{hook}'" in done.stderr


def test_the_example_is_a_program(tmp_path: Path) -> None:
    """NuttX has POSIX's functions, as this machine does."""
    source = ROOT / "examples" / "nuttx" / "leaky_main.c"
    flags = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-format-truncation", "-pthread"]
    subprocess.run(["gcc", *flags, source, "-o", tmp_path / "leaky"], check=True)
    done = subprocess.run([tmp_path / "leaky"], check=True, capture_output=True, text=True)
    assert done.stdout == "40 requests answered\n"
    assert len(source.read_text().splitlines()) <= 60


def test_the_steps_of_the_readme_are_few_and_work_and_leave_nothing_behind(tmp_path: Path) -> None:
    """As typed, in a folder of the user's; his program is then as it was."""
    place = project(tmp_path)
    bare = sizes_of(build(place), f"{TOOLS}size")
    steps = steps_of(README)
    assert are_few(steps)
    carry_out(steps, place)
    elf = place / "nuttx" / "nuttx"
    assert sizes_of(elf, f"{TOOLS}size") != bare
    assert run_to_end(elf, [EVENTS]).json()["trace"]["kept"] > 40
    carry_out(steps_of(README, "Take it out"), place)
    assert sizes_of(elf, f"{TOOLS}size") == bare
