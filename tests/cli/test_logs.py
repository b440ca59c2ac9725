# SPDX-License-Identifier: Apache-2.0
"""A log of memtrace in the shell: it answers what a target answers, as far as it goes."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from gdbext.trace.format import Header
from gdbext.trace.log import LogEvent, LogReader, items_of
from gdbext.trace.log_regions import sorted_regions
from tests.cli.shell import memtrace, shell
from tests.support.log import Log
from tests.support.paths import ROOT

A, B, C, OLD = 0x2000_0000, 0x2000_1000, 0x2000_2000, 0x2000_9000
PACKERS = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}


def small(run: int = 1, **more: Any) -> Log:
    """A run: an old block, one that is given back, one that moves, two marks, one that is left."""
    log = Log(run=run, **more)
    log.live(OLD, 24)
    log.name(3, "main")
    log.name(4, "warm", kind=2)
    log.stack(1, 0x4200_1000, 0x4200_2000)
    log.stack(2, 0x4200_3000)
    log.event("alloc", A, 100, stack=1)
    log.event("free", A, stack=2)
    log.event("mark", 4)
    log.event("alloc", A, 40, stack=2)
    log.event("realloc-begin", A, 60, stack=1)
    log.event("realloc-end", B, 60, stack=1)
    log.event("alloc", C, 8 * run, stack=2, context=1)
    return log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "MEMTRACE.LOG").write_bytes(small().data)
    return tmp_path / "MEMTRACE.LOG"


def test_who_had_an_address(path: Path) -> None:
    report = shell("last", A + 10, path)
    assert report["block"] == {
        "payload": A, "raw": A, "size": 40, "requested": 40, "offset": 10, "state": "free", "heap": None,
        "role": None,
    }  # fmt: skip
    lives = [
        (life["size"], life["seq"], life["freed_seq"], [frame["pc"] for frame in life["allocated"]], life["task"])
        for life in report["generations"]
    ]
    assert lives == [(40, 3, 4, [0x4200_3000], "main"), (100, 0, 1, [0x4200_1000, 0x4200_2000], "main")]
    assert [frame["pc"] for frame in report["generations"][0]["freed"]] == [0x4200_1000, 0x4200_2000]
    assert report["trace"]["log"] == {"format": "memtrace", "runs": 1, "run": "last", "unread": 0}


def test_an_address_that_nobody_had(path: Path) -> None:
    said = memtrace("last", "0x100", path)
    assert said.out.splitlines()[:2] == [
        "0x100: in no block of the log",
        "  no event of the trace is about it",
    ]


def test_what_is_live(path: Path) -> None:
    blocks = shell("blocks", path)["blocks"]
    told = [(one["payload"], one["size"], one["state"], one["owner"]["seq"], one["owner"]["task"]) for one in blocks]
    assert told == [(B, 60, "used", 5, "main"), (C, 8, "used", 6, "(interrupt)"), (OLD, 24, "used", None, "main")]
    assert memtrace("blocks", path).status == 0
    assert [one["payload"] for one in shell("blocks", path, "--size", "20:30")["blocks"]] == [OLD]


def test_what_is_left(path: Path) -> None:
    assert [leak["payload"] for leak in shell("leaks", path)["blocks"]] == [B, OLD, C]
    assert [leak["payload"] for leak in shell("leaks", path, "--since", "warm")["blocks"]] == [B, C]
    refused = memtrace("leaks", path, "--since", "cold")
    assert (refused.status, refused.err) == (2, "memtrace: no mark cold in the trace; it has: warm\n")


def test_the_last_events(path: Path) -> None:
    report = shell("log", path, "--limit", 3)
    assert [event["seq"] for event in report["events"]] == [4, 5, 6]
    assert (report["matching"], report["trace"]["kept"]) == (7, 7)
    frees = shell("log", path, "--kind", "free")
    assert ([event["payload"] for event in frees["events"]], frees["matching"]) == ([A], 1)
    assert shell("log", path, "--kind", "alloc", "--limit", 1)["matching"] is None
    assert [event["seq"] for event in shell("log", path, "--task", "(interrupt)")["events"]] == [6]
    assert "none of the 7 events" in memtrace("log", path, "--size", "5000:").out


def test_what_is_there(path: Path) -> None:
    said = memtrace("status", path)
    assert said.status == 0 and "a trace alone has no memory" in said.out


@pytest.mark.parametrize("words", [["check"], ["free"], ["leaks", "--unreachable"]], ids=lambda words: words[0])
def test_what_needs_memory_says_so(words: list[str], path: Path) -> None:
    assert "a trace alone has no memory" in memtrace(*words, path).out


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_and_through_a_pipe(packer: str, path: Path) -> None:
    data = PACKERS[packer](path.read_bytes())
    path.write_bytes(data)
    assert len(shell("leaks", path)["blocks"]) == 3
    line = [sys.executable, "-m", "gdbext", "leaks", "-"]
    done = subprocess.run(line, input=data, cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.startswith(b"3 blocks, 92 bytes: not freed\n")


def test_runs(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(bytes(small(run).data) for run in (1, 2, 3)))
    assert [shell("blocks", path, "--run", run, "--size", "8:24", "--address", f"{C}:{C}")["blocks"][0]["size"]
            for run in (1, "2", "last")] == [8, 16, 24]  # fmt: skip
    assert shell("leaks", path)["trace"]["log"]["runs"] == 3
    assert shell("log", path, "--run", "all")["trace"]["kept"] == 21
    assert "the last of 3 runs" in memtrace("leaks", path).out
    assert memtrace("leaks", path, "--run", "4").err == f"memtrace: --run 4: {path} has 3 runs\n"
    assert memtrace("leaks", path, "--run", "0").err == "memtrace: --run 0: give a number from 1 on, last or all\n"


def test_a_run_of_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(b"\x7fELF" + bytes(100))
    said = memtrace("check", tmp_path / "core", "--run", "2")
    assert said.err == "memtrace: --run chooses a run of a log, and there is none here: leave it out\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bytes(Log(required=16).data), "it needs features 0x10 that this memtrace does not know: update memtrace"),
        (bytes(Log().data)[:100], "shorter than a header"),
    ],
)
def test_what_cannot_be_read_is_one_line(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(data)
    for words in (["leaks"], ["last", "0x1000"], ["log"], ["status"]):
        said = memtrace(*words, tmp_path / "log")
        assert (said.status, said.out, said.err) == (2, "", f"memtrace: {tmp_path / 'log'}: {why}\n")


def test_a_cut_packed_log_says_so(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes())[:-30])
    assert "the gzip file is cut off" in memtrace("log", path).out


def unsorted() -> Log:
    log = Log(required=2 | 8)
    log.time = 7
    log.event("alloc", 0x10, 1)
    for stream, least in ((1, 50), (2, 10), (1, 90), (2, 60)):
        inside = log.inside()
        inside.time, inside.seq = least, (least > 50)
        inside.stack(least, 0x1000 + least)
        inside.event("alloc", 16 * least, 8, stack=least)
        log.region(stream, least, inside.data)
    log.stream(3, 0, 20)
    log.seq, log.time = 0, 20
    log.event("alloc", 16 * 20, 8)
    return log


def test_regions_are_sorted(tmp_path: Path) -> None:
    data = bytes(unsorted().data + small(2).data)
    pieces = sorted_regions(lambda at, size: data[at : at + size], len(data))
    reader, items = LogReader(), []
    for item in items_of(reader, pieces):
        items.append(item.run if isinstance(item, Header) else item.address if isinstance(item, LogEvent) else None)
    assert items[:8] == [0, 0x10, 160, 320, 800, 960, 1440, 2]
    assert (reader.lost, reader.unread) == (0, 0)
    (tmp_path / "log").write_bytes(data)
    times = [event["time"] for event in shell("log", tmp_path / "log", "--run", 1)["events"]]
    assert times == [7, 10, 20, 50, 60, 90]
    (tmp_path / "log").write_bytes(gzip.compress(data))
    said = memtrace("log", tmp_path / "log")
    assert said.err.endswith("its regions are not in order, and only a plain file can be sorted: unpack it into one\n")


def test_regions_are_sorted_wherever_the_log_is_cut() -> None:
    data = bytes(unsorted().data + small(2).data)
    known = {item.address for item in items_of(LogReader(), [data]) if isinstance(item, LogEvent)}
    for cut in range(416, len(data), 3):
        part, reader = data[:cut], LogReader()
        pieces = sorted_regions(lambda at, size, part=part: part[at : at + size], cut)  # type: ignore[misc]
        found = {item.address for item in items_of(reader, pieces) if isinstance(item, LogEvent)}
        plain = {item.address for item in items_of(LogReader(), [part]) if isinstance(item, LogEvent)}
        assert plain == found <= known
        assert (reader.lost, reader.unread) == (0, 0)
