# SPDX-License-Identifier: Apache-2.0
"""`memtrace report` of the logs of a run's processes: the tree, the root's report, what a forked process inherited."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.process_log import DEVICE, DEVICE_ADDRESS, MAPPED, ProcessLog

RECORDING_AFTER_STOPPED = 0x200
WORKER = 17


def process(number: int, parent: int, command: bytes = b"./app", how: int = 0, blocks: int = 1) -> ProcessLog:
    log = ProcessLog(number, parent, command, how)
    log.thread(WORKER, "worker-1")
    if how:
        log.event(WORKER, 1000, "control", RECORDING_AFTER_STOPPED)
        log.event(WORKER, 1001, "free", 0x9000)  # of the parent
    for block in range(blocks):
        log.event(WORKER, 2000 + block, "alloc", 0x1000 + 64 * block, 50)
    return log


def written(folder: Path, *logs: ProcessLog) -> list[Path]:
    """The logs as files, whose names say nothing of their order."""
    paths = []
    for place, log in enumerate(logs):
        path = folder / f"{place}.log"
        path.write_bytes(log.finish())
        paths.append(path)
    return paths


def run_of_five() -> list[ProcessLog]:
    """A root with two children, one of which calls exec and starts a further one. Numbers go round."""
    return [
        process(9, 30, b"cc1\0-O2", blocks=5),
        process(30, 100, how=1, blocks=2),
        process(30, 100, b"gcc\0a b.c", blocks=3),
        process(100, 7, b"./app\0--fast", blocks=9),
        process(101, 100, how=1, blocks=1),
    ]


def test_processes_are_a_tree_in_whatever_order_their_logs_are_given(tmp_path: Path) -> None:
    paths = written(tmp_path, *run_of_five())
    for seed in range(3):
        Random(seed).shuffle(paths)
        found = shell("report", *paths)["processes"]
        assert [(one["process"], one["depth"], one["command"], one["live_blocks"]) for one in found] == [
            (100, 0, "./app --fast", 9),
            (30, 1, "./app", 2),
            (30, 2, "gcc 'a b.c'", 3),
            (9, 3, "cc1 -O2", 5),
            (101, 1, "./app", 1),
        ]
        assert [one["inherited_frees"] for one in found] == [0, 1, 0, 0, 1]


def test_the_report_is_of_the_root(tmp_path: Path) -> None:
    paths = written(tmp_path, *run_of_five())
    assert shell("report", *paths)["totals"]["live_blocks"] == 9
    told = memtrace("report", *paths).out.splitlines()
    assert told[0] == "5 processes; the report is of the first"
    assert told[2].split()[:4] == ["9", "450", "450", "9"] and told[2].endswith("100, by exec from 7: ./app --fast")
    assert told[3].endswith("     30, by fork from 100: ./app")
    assert "process:       100, by exec from 7: ./app --fast" in told
    assert "recorder:      its own memory is 390.6 KiB" in told


def test_the_tree_alone(tmp_path: Path) -> None:
    told = memtrace("report", "--processes", *written(tmp_path, *run_of_five())).out.splitlines()
    assert len(told) == 7 and told[0] == "5 processes"


def test_frees_of_the_parents_blocks_are_no_errors(tmp_path: Path) -> None:
    (path,) = written(tmp_path, process(101, 100, how=1))
    found = shell("report", path)
    assert (found["totals"]["invalid_frees"], found["totals"]["older"]) == (0, 1)
    assert [one["why"] for one in found["skipped"] if one["check"] == "events"] == [
        "not counted: 1 free of blocks that it had from the process that it was forked from"
    ]
    assert not [one for one in found["skipped"] if one["check"] == "live"]


@pytest.mark.parametrize("parent", [100, 101, 102])
def test_who_is_said_to_be_its_own_ancestor_has_a_place(tmp_path: Path, parent: int) -> None:
    paths = written(tmp_path, process(100, parent), process(101, 100), process(102, 101))
    found = shell("report", *paths)["processes"]
    assert sorted(one["process"] for one in found) == [100, 101, 102]
    assert max(one["depth"] for one in found) <= 2


def test_a_hostile_command_line_reaches_no_terminal(tmp_path: Path) -> None:
    (path,) = written(tmp_path, process(100, 1, b"./app\0\x1b[2J\0\n" + b"x" * 9000))
    told = memtrace("report", path).out
    assert "\x1b" not in told
    (line,) = [line for line in told.splitlines() if line.startswith("process:")]
    assert "\\x1b[2J" in line and len(line) < 200 and line.endswith(" ...")


def test_other_commands_take_one_of_them(tmp_path: Path) -> None:
    paths = written(tmp_path, *run_of_five())
    for command in ("leaks", "tree", "log"):
        said = memtrace(command, *paths)
        assert said.status == 2 and "are of 5 processes, which only report takes together" in said.err


def test_a_log_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    paths = written(tmp_path, *run_of_five())
    data = paths[4].read_bytes()
    paths[4].write_bytes(data[:500] + bytes(len(data) - 500))
    found = shell("report", *paths)
    assert found["totals"]["live_blocks"] == 9 and len(found["processes"]) == 5


def memory_of_three_kinds() -> ProcessLog:
    """Host, mmap and dma, whose peaks are at three times."""
    log = ProcessLog()
    log.thread(WORKER, "worker-1")
    log.event(WORKER, 10, "alloc", 0x1000, 3 << 20)
    log.event(WORKER, 11, "free", 0x1000)
    log.event(WORKER, 12, "map", 0x7000_0000, 2 << 20, heap=MAPPED)
    log.event(WORKER, 13, "unmap", 0x7008_0000, 1 << 20, heap=MAPPED)  # in its middle
    log.event(WORKER, 14, "alloc", DEVICE_ADDRESS | 7, 5 << 20, heap=DEVICE)
    return log


def test_peaks_of_each_kind_of_memory(tmp_path: Path) -> None:
    (path,) = written(tmp_path, memory_of_three_kinds())
    found = shell("report", path)
    assert found["peaks"] == [
        {"name": "host", "memory": "host", "peak_bytes": 3 << 20},
        {"name": "mmap", "memory": "mapped", "peak_bytes": 2 << 20},
        {"name": "dma", "memory": "device", "peak_bytes": 5 << 20},
    ]
    assert (found["totals"]["peak_bytes"], found["totals"]["live_bytes"]) == (6 << 20, 6 << 20)
    line = "memory:        host peak 3.0 MiB, mmap peak 2.0 MiB, dma peak 5.0 MiB, total peak 6.0 MiB"
    assert line in memtrace("report", path).out.splitlines()


def test_threads_are_called_threads(tmp_path: Path) -> None:
    (path,) = written(tmp_path, process(100, 1, blocks=3))
    told = memtrace("report", "--by", "thread", path).out.splitlines()
    assert "threads: 1" in told and told[told.index("threads: 1") + 2].split() == ["150", "150", "150", "3", "worker-1"]
    assert any(line.endswith("thread worker-1") for line in memtrace("report", "--top", path).out.splitlines())


def test_a_stack_that_is_not_whole_says_so(tmp_path: Path) -> None:
    log: Any = ProcessLog()
    log.thread(WORKER, "worker-1")
    for end in (1, 2):
        log.define("stack", end, 0x401000, 0x402000, end=end)
        log.event(WORKER, 10 + end, "alloc", 0x1000 * end, 16, stack=end)
    (path,) = written(tmp_path, log)
    told = memtrace("report", "--leaks", path).out
    assert "(cut at 2 frames) > 0x402000 > 0x401000" in told and "(unwinding ended here) > 0x402000 > 0x401000" in told
    events = memtrace("log", path).out
    assert "(cut at 2 frames) > 0x402000 > 0x401000" in events


@pytest.mark.parametrize(("width", "address"), [(8, DEVICE_ADDRESS | 7), (4, 0xD100_0007)])
def test_a_buffer_of_a_device_has_a_number_and_no_address(tmp_path: Path, width: int, address: int) -> None:
    log = ProcessLog(pointer_size=width)
    log.thread(WORKER, "worker-1")
    log.event(WORKER, 14, "alloc", address, 5 << 20, heap=DEVICE)
    log.event(WORKER, 15, "alloc", address, 6 << 20)  # a block of memory may lie there
    (path,) = written(tmp_path, log)
    assert re.search(r"dma buffer #7 +5,242,880  worker-1", memtrace("log", path).out)
    assert shell("log", path)["events"][0]["buffer"] == 7 and shell("log", path)["events"][1]["buffer"] is None


def test_live_buffers_are_listed_by_number_and_are_in_no_hole(tmp_path: Path) -> None:
    log = memory_of_three_kinds()
    log.event(WORKER, 15, "alloc", DEVICE_ADDRESS | 9, 4096, heap=DEVICE)
    log.event(WORKER, 16, "alloc", DEVICE_ADDRESS | 4096, 16, heap=DEVICE)
    (path,) = written(tmp_path, log)
    listed = memtrace("leaks", path).out
    assert "  dma buffer #7 5,242,880 bytes" in listed and "  dma buffer #9     4,096 bytes" in listed
    (holes,) = [one for one in shell("report", path)["conclusions"] if one["question"] == "fragmentation"]
    assert holes["certainty"] == "unknown" and "no holes" in holes["text"]
