# SPDX-License-Identifier: Apache-2.0
"""`memtrace report` on logs of memtrace: runs, streams, names, filters, and logs that are still being written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.log import Log
from tests.support.paths import ROOT
from tests.support.rsp_traffic import wait_until

BASE = 0x2000_0000


def numbered(log: Log) -> Log:
    """A log with names: two tasks, a tag with a task's number, a heap, a library, two stacks."""
    log.name(3, "net")
    log.name(4, "ui")
    log.name(3, "http", kind=3)
    log.heap_name(1, "internal", memory=1)
    log.module(0x4000_0000, "", "/lib/libapp.so")
    log.stack(1, 0x4000_1000, 0x4000_2000)
    log.stack(2, 0x4000_3000, 0x4000_2000)
    return log


def work(log: Log, rounds: int, first: int = 0) -> Log:
    """Each round keeps a block of task net, and frees one of task ui."""
    for number in range(first, first + rounds):
        log.event("alloc", BASE + 64 * number, 40, stack=1, context=3, heap=1)
        log.event("alloc", BASE + 0x10_0000, 400, stack=2, context=4)
        log.event("free", BASE + 0x10_0000, context=4)
    return log


def written(path: Path, log: Log) -> Path:
    path.write_bytes(log.data)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return written(tmp_path / "a.log", work(numbered(Log()), 100))


def test_what_a_log_says(log: Path) -> None:
    report = shell("report", log)
    totals = report["totals"]
    assert (totals["allocations"], totals["frees"], totals["live_bytes"], totals["peak_bytes"]) == (
        200,
        100,
        4000,
        4400,
    )
    assert {(one["name"], one["live_bytes"], one["peak_bytes"]) for one in report["tasks"]} == {
        ("net", 4000, 4000), ("ui", 0, 400),
    }  # fmt: skip
    assert [(one["name"], one["peak_bytes"]) for one in report["libraries"]] == [("libapp.so", 4400)]
    assert {one["name"] for one in report["heaps"]} == {"internal", "heap 0"}
    assert {site["class"] for site in report["sites"]} == {"grows", "freed"}
    assert report["timeline"]["unit"] == "time" and report["timeline"]["hz"] == 1000
    assert report["source"] == {
        "format": "memtrace", "file": str(log), "build_id": None, "complete": True, "unread": 0,
        "recognised_by": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lost", "certainties"), [(0, ["shown", "shown"]), (5, ["likely", "likely"])], ids=["whole", "lossy"]
)
def test_what_is_missing_makes_answers_less_certain(tmp_path: Path, lost: int, certainties: list[str]) -> None:
    log = numbered(Log())
    log.seq = lost
    log.event("alloc", BASE, 40, stack=1)
    log.event("free", BASE)
    report = shell("report", written(tmp_path / "a.log", log))
    assert [one["certainty"] for one in report["conclusions"] if one["question"] != "fragmentation"] == certainties
    assert (report["source"]["complete"], report["trace"]["lost"]) == (not lost, lost)


@pytest.mark.parametrize(
    ("words", "live"),
    [(("--task", "net"), 4000), (("--task", "ui"), 0), (("--heap", "internal"), 4000), (("--size", "400"), 0)],
)
def test_filters(log: Path, words: tuple[str, ...], live: int) -> None:
    assert shell("report", log, *words)["totals"]["live_bytes"] == live


def test_a_tag_with_the_number_of_a_task_keeps_its_name(tmp_path: Path) -> None:
    log = numbered(Log())
    log.row(BASE, 16, 3 | 3 << 8 | 1 << 16, 1)  # by task 3, with tag 3
    path = written(tmp_path / "a.log", log)
    report = shell("report", path)
    assert ([one["name"] for one in report["tasks"]], [one["name"] for one in report["modules"]]) == (["net"], ["http"])
    assert shell("report", path, "--module", "http")["totals"]["live_bytes"] == 16
    assert shell("report", path, "--module", "net")["totals"]["live_bytes"] == 0


def test_runs(tmp_path: Path) -> None:
    log = work(numbered(Log()), 10)
    log.header()
    log.seq = 0
    numbered(log)
    log.stack(1, 0x4000_9000)
    path = written(tmp_path / "a.log", work(log, 3))
    live = [shell("report", path, *words)["totals"]["live_bytes"] for words in ((), ("--run", "1"), ("--run", "all"))]
    assert live == [120, 400, 120]
    (tree,) = shell("report", path)["tree"]["children"]
    assert {node["name"] for node in tree["children"]} == {"libapp.so+0x9000", "libapp.so+0x3000"}
    refused = memtrace("report", path, "--run", "3")
    assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)


def test_a_log_from_standard_input_and_packed(log: Path) -> None:
    import gzip

    packed = written(log.with_name("b.gz"), Log())
    packed.write_bytes(gzip.compress(log.read_bytes()))
    line = [sys.executable, "-m", "gdbext", "report", "-", "--json"]
    piped = subprocess.run(line, input=log.read_bytes(), cwd=ROOT, capture_output=True, check=True)
    reports = [shell("report", log), shell("report", packed), json.loads(piped.stdout)]
    assert without_source(reports[0]) == without_source(reports[1]) == without_source(reports[2])


def without_source(report: Any) -> Any:
    return {name: one for name, one in report.items() if name not in ("cost", "source")}


@pytest.mark.parametrize("streams", [False, True], ids=["rows", "streams"])
def test_a_log_that_is_still_written_is_followed(tmp_path: Path, streams: bool) -> None:
    """The first report comes before the log is whole. The last one is that of the whole log; a byte is read once."""
    whole = Log(required=2 if streams else 0)
    numbered(whole)
    size = len(whole.data) // whole.pointer_size // 4 * whole.pointer_size * 4
    if streams:
        region = whole.inside()
        region.sync(5)
        whole.region(1, 5, work(region, 40).data)
        whole.region(2, 6, work(whole.inside(), 20, 50).data)
        size = len(whole.data)
    work(whole, 60, 100)
    path = tmp_path / "growing.log"
    path.write_bytes(whole.data[:size])
    line = [sys.executable, "-m", "gdbext", "report", str(path), "--follow", "--json"]
    out = tmp_path / "out"
    with out.open("wb") as stream:
        running = subprocess.Popen(line, cwd=ROOT, stdout=stream, env=os.environ)
        try:
            wait_until(lambda: len(reports_in(out)) == 1)
            with path.open("ab") as file:
                file.write(whole.data[size:-7])
                file.flush()
                wait_until(lambda: len(reports_in(out)) == 2)
                file.write(whole.data[-7:])
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 0
        finally:
            running.kill()
    first, *_, last = reports_in(out)
    assert first["totals"]["events"] < last["totals"]["events"]
    assert without_cost(last) == without_cost(shell("report", path))
    assert last["cost"]["bytes"] == len(whole.data)


def without_cost(report: Any) -> Any:
    return {name: one for name, one in report.items() if name != "cost"}


def reports_in(path: Path) -> list[Any]:
    """The whole reports in a file, one behind the other."""
    found, text, decoder = [], path.read_text(), json.JSONDecoder()
    while text.strip():
        try:
            report, end = decoder.raw_decode(text)
        except ValueError:
            break
        found.append(report)
        text = text[end:].lstrip()
    return found


def test_a_core_is_not_followed(tmp_path: Path) -> None:
    refused = memtrace("report", "--image", f"0x1000={written(tmp_path / 'ram', Log())}", "--follow")
    assert refused.status == 2 and refused.err.startswith("memtrace: --follow goes on with a log")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("--leaks",), ["live at the end: 1 site; growth is judged over 5 windows of as many events each"]),
        (("--top",), ["most bytes allocated: 2 sites"]),
        (("--peak",), ["held at the peak: 2 sites"]),
        (("--tasks", "--heaps"), ["tasks: 2", "heaps: 2"]),
        (("--modules",), ["modules: the log names none"]),
        (("--libraries",), ["libraries: 1"]),
        (("--temporary",), ["freed before the next allocation: 1 site"]),
        (("--flat",), ["sites by their own peak: 2 sites"]),
        (("--timeline",), ["live bytes over time: least, most of each part"]),
    ],
)
def test_sections_are_chosen(log: Path, words: tuple[str, ...], lines: list[str]) -> None:
    printed = memtrace("report", log, *words).out.splitlines()
    assert [line for line in lines if line not in printed] == []
    assert not any("directory > file > line" in line for line in printed)
    assert [line.split(":")[0] for line in printed[:3]] == ["leak", "peak", "fragmentation"]
