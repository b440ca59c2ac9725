# SPDX-License-Identifier: Apache-2.0
"""Device memory in the logs of the Linux recorder: each request of four families, and what descriptors do."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from gdbext.trace.log_event import MARK
from tests.linux.device_runs import MACHINES, alone, built, cases, mapped, ran, read, told

HEAP = "open /dev/dma_heap/system a\n"
ION = "open /dev/ion a\n"
MALI = "open /dev/mali0 a\n"
SAME_VA = 1 << 13

CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_log_tells_what_was_done(name: str, tmp_path: Path) -> None:
    script, expected = CASES[name]
    done = ran(script, tmp_path)
    (log,) = done.logs
    if name.endswith(" closed"):
        # In which order a device gives back what it has is its own business.
        assert sorted(told(log)) == sorted(expected)
    else:
        assert told(log) == expected
    assert done.printed == alone(script, tmp_path)


# Every family, and a copy, where the program, the C library or the machine is another.
EACH = (
    HEAP + "heap a 4096 b\nheap a 0 c\ndup b c\nclose b\nclose b\nclose c\n" + ION + "ion a 5000 b\nion-share a b c\n"
    "ion-free a b\nion-new a 6000 d\nclose c\nclose d\nopen /dev/mali0 a\n"
    f"mali a 2 {SAME_VA} b\nmap a 2 b c\nunmap c 2\nopen /dev/kgsl-3d0 a\nkgsl a 700 b\nkgsl-id a 800 d c\n"
    "kgsl-free a b\nkgsl-free-id a c\nkgsl-object a 900 b\n"
)
EACH_TOLD = (
    "alloc 4096 #1|failed 0|free #1|alloc 5000 #2|alloc 6000 #3|free #2|free #3|alloc 8192 #4|free #4|alloc 700 #5|"
    "alloc 800 #6|free #5|free #6|alloc 900 #7"
)


@pytest.mark.parametrize("machine", MACHINES)
def test_each_machine_tells_the_same(machine: str, tmp_path: Path) -> None:
    (log,) = ran(EACH, tmp_path, machine).logs
    assert "|".join(told(log)) == EACH_TOLD


def test_over_fork_each_process_tells_its_own(tmp_path: Path) -> None:
    script = (
        HEAP
        + "heap a 1 b\nheap a 2 c\ndup c d\nfork\nclose b\nclose c\nheap a 3 e\nclose d\nparent\nheap a 4 f\nclose b\n"
    )
    parent, child = ran(script, tmp_path).logs
    assert told(parent) == ["alloc 1 #1", "alloc 2 #2", "alloc 4 #3", "free #1"]
    assert told(child) == ["free #1", "alloc 3 #3", "free #2"]


def test_handles_over_fork(tmp_path: Path) -> None:
    script = (
        ION
        + "ion a 1 b\nion a 2 c\nion-share a c d\nfork\nclose d\nclose a\nparent\nion-free a b\nion-free a c\nclose d\n"
    )
    parent, child = ran(script, tmp_path).logs
    assert told(parent) == ["alloc 1 #1", "alloc 2 #2", "free #1", "free #2"]
    assert sorted(told(child)) == ["free #1", "free #2"]


def test_a_child_of_a_child(tmp_path: Path) -> None:
    script = HEAP + "heap a 1 b\nfork\nheap a 2 c\nclose b\nparent\nfork\nclose b\nparent\nclose b\n"
    logs = ran(script, tmp_path).logs
    assert [told(log) for log in logs] == [["alloc 1 #1", "free #1"], ["alloc 2 #2", "free #1"], ["free #1"]]


def test_exec_begins_anew(tmp_path: Path) -> None:
    """Buffers of dma-heap are closed by exec; what the new program does not know, it does not tell."""
    before, after = ran(HEAP + "heap a 1 b\nexec again\n", tmp_path).logs
    assert told(before) == ["alloc 1 #1"]
    assert told(after) == []


def test_maps_of_buffers_are_no_more_memory(tmp_path: Path) -> None:
    script = HEAP + "heap a 409600 b\nmap b 100 0 c\nunmap c 100\n" + "open /dev/zero d\nmap d 77 0 e\n"
    (log,) = ran(script, tmp_path).logs
    sizes = mapped(log)
    assert 77 * 4096 in sizes
    assert 100 * 4096 not in sizes


def test_maps_of_a_gpu_are_no_more_memory(tmp_path: Path) -> None:
    (log,) = ran(MALI + f"mali a 100 {SAME_VA} b\nmap a 100 b c\n", tmp_path).logs
    assert 100 * 4096 not in mapped(log)
    assert told(log) == ["alloc 409600 #1"]


def test_a_device_that_does_not_free_yet(tmp_path: Path) -> None:
    """The block is freed by the call that succeeds."""
    script = ION + "ion a 1 b\nion-free a b\nion a 2 c\nion-free a b\n"
    done = ran(script, tmp_path, STANDIN_BUSY="1")
    assert done.printed.count("Device or resource busy") == 1
    assert told(done.logs[0]) == ["alloc 1 #1", "alloc 2 #2", "free #1"]


def test_handles_that_were_freed_take_no_room(tmp_path: Path) -> None:
    (log,) = ran("open /dev/kgsl-3d0 a\nkgsl-cycle a 50000\n", tmp_path).logs
    found = told(log)
    assert found[-2:] == ["alloc 100 #50000", "free #50000"]
    assert len(found) == 100000


def test_there_is_room_for_many_at_once(tmp_path: Path) -> None:
    (log,) = ran(MALI + "mali-many a 60000\n", tmp_path).logs
    _, events = read(log)
    assert told(log) == [f"alloc 4096 #{i + 1}" for i in range(60000)]
    assert [event for event in events if event.kind == MARK] == []


def test_nothing_is_told_while_it_is_paused(tmp_path: Path) -> None:
    (log,) = ran(EACH, tmp_path, MEMTRACE_PAUSED="1").logs
    assert told(log) == []


def test_stacks_begin_in_the_program(tmp_path: Path) -> None:
    (log,) = ran(HEAP + "heap a 1 b\nclose b\n", tmp_path).logs
    reader, events = read(log)
    program = next(base for base, _, path in reader.modules if path == str(built("native").steps))
    size = os.stat(built("native").steps).st_size
    stacks = [reader.stacks[event.stack] for event in events if event.heap == 2]
    assert len(stacks) == 2
    assert all(program < stack[0] < program + size for stack in stacks)
    assert len(stacks[0]) > 3


def in_order(sentences: Sequence[str]) -> list[str]:
    """Frees that follow each other by their numbers: one step may give back several."""
    runs = groupby(sentences, key=lambda sentence: sentence.startswith("free"))
    return [one for frees, run in runs for one in (sorted(run) if frees else run)]


@pytest.mark.parametrize("seed", range(4))
def test_random_use_is_told_as_the_kernel_has_it(seed: int, tmp_path: Path) -> None:
    """After each step the program looks which buffers any of its descriptors still is."""
    done = ran(f"random {seed} 1500\n", tmp_path)
    (log,) = done.logs
    expected = re.findall(r"^(?:alloc|free) .*$", done.printed, re.MULTILINE)
    assert in_order(told(log)) == in_order(expected)
    assert len(expected) > 500


def test_threads_free_what_they_made(tmp_path: Path) -> None:
    (log,) = ran("threads 8 300\n", tmp_path).logs
    found = Counter(told(log))
    assert found == Counter([f"alloc 4096 #{i + 1}" for i in range(2400)] + [f"free #{i + 1}" for i in range(2400)])


def test_children_of_a_busy_process_tell_their_own(tmp_path: Path) -> None:
    """Whatever other threads were in the middle of when it was forked."""
    parent, *children = ran("busy-forks 4 500\n", tmp_path).logs
    assert len(children) == 20
    for child in children:
        made = [one for one in told(child) if one.startswith("alloc")]
        assert len(made) == 1 and made[0].startswith("alloc 12345 #")
        assert told(child) == [made[0], f"free {made[0].split()[-1]}"]
    found = Counter(told(parent))
    assert found == Counter([f"alloc 4096 #{i + 1}" for i in range(2000)] + [f"free #{i + 1}" for i in range(2000)])


def test_the_summary_says_the_peak(tmp_path: Path) -> None:
    """What is freed makes room in it."""
    rounds = "heap a 100000000 b\nheap a 200000000 c\nclose b\nclose c\n" * 3
    done = ran(HEAP + rounds + "heap a 50000000 d\n" + rounds, tmp_path, MEMTRACE_SUMMARY="1")
    assert re.findall(r"dma peak ([\d.]+) MB", done.summary) == ["350.0"]


def test_the_total_passes_a_limit_when_it_does(tmp_path: Path) -> None:
    """A mark at each time that 250 MB are passed, and none at what was freed before."""
    rounds = "heap a 100000000 b\nclose b\n" * 5 + "heap a 100000000 b\nheap a 200000000 c\nclose b\nclose c\n" * 2
    (log,) = ran(HEAP + rounds, tmp_path, MEMTRACE_PEAK_MB="250").logs
    reader, events = read(log)
    assert ["peak" in reader.names[event.address][1] for event in events if event.kind == MARK] == [True, True]
