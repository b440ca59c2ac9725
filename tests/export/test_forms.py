# SPDX-License-Identifier: Apache-2.0
"""What each form does with hostile names and with logs that cannot tell; where it goes; our own exports read again."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gdbext.commands import command_named
from gdbext.report.export import NAMES
from gdbext.report.outputs import output_named
from tests.cli.shell import memtrace, shell
from tests.export.readers import READERS, Pprof, metrics_of, pprof, sums_of_speedscope
from tests.export.recorded import ELF, written
from tests.support.paths import ROOT, SHARED, require
from tests.unit.profile_world import Running

LOGS = SHARED / "fixtures" / "logs"
EVIL = 'a;b\n=cmd|"x"\\{1}\x1b[31m\u202e,\ud800'
TASK, HEAP = 'net"\n} 5\n# EOF\\', "=1+1"


def hostile() -> Running:
    """A program whose names would break each form, if they were written as they are."""
    program = Running()
    for number in range(4):
        program.alloc(100 + number, f"{EVIL} evil\n;{number}.c:3", "main;x main.c:9", task=TASK, module=HEAP)
    program.free(program.alloc(1 << 40, "=SUM(A1) -x.c:1", "@main m.c:9", task=HEAP))
    program.free(program.alloc(1 << 40, "=SUM(A1) -x.c:1", "@main m.c:9", task=HEAP))
    program.alloc(7)
    return program


def made(program: Running, form: str, *words: str) -> bytes:
    out = io.BytesIO()
    output_named(form).write(program.ask("export", *words), command_named("export").text, out)
    return out.getvalue()


@pytest.mark.parametrize("form", [form for form in NAMES if not output_named(form).packed])
def test_no_name_commands_a_terminal(form: str) -> None:
    text = made(hostile(), form).decode("utf-8")
    assert [one for one in text if not one.isprintable() and one not in "\n"] == []


@pytest.mark.parametrize("form", READERS)
def test_hostile_names_change_no_sum(form: str, tmp_path: Path) -> None:
    name, reader = READERS[form]
    (tmp_path / name).write_bytes(made(hostile(), form))
    sums = reader(tmp_path / name)
    assert sums["live"] == 413
    assert sums.get("total", 413 + (1 << 41)) == 413 + (1 << 41)


def test_hostile_names_are_one_line_each() -> None:
    lines = made(hostile(), "folded").decode().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["406", "7"]
    assert all(re.fullmatch(r"[^;]+(;[^;]+)? \d+", line) for line in lines)
    told = metrics_of(made(hostile(), "openmetrics").decode())
    assert {labels[0][1] for labels in told["memtrace_task_live_bytes"]} == {r'net"\x0a} 5\x0a# EOF' + "\\", "=1+1"}


def test_no_cell_is_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(made(hostile(), "csv").decode())))
    texts = ("function", "file", "task", "module", "stack")
    cells = [row[name] for row in rows for name in texts]
    assert "'=SUM(A1)" in cells and [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("size", [1 << 41, (1 << 42) - 1], ids=hex)
def test_sums_beyond_what_a_double_holds(size: int, tmp_path: Path) -> None:
    """pprof's numbers are whole to 63 bits; JSON's are whole in the file, whatever JavaScript makes of them."""
    program = Running()
    for number in range(9000):
        program.event("alloc", 0x1000_0000 + number, size, program.names.pcs(("get a.c:1",)) and ("get a.c:1",))
    (tmp_path / "a.pb.gz").write_bytes(made(program, "pprof"))
    assert Pprof(tmp_path / "a.pb.gz").sums()["live"] == 9000 * size > 1 << 53
    assert json.loads(made(program, "speedscope"))["profiles"][0]["endValue"] == 9000 * size


def test_a_listing_is_honest(tmp_path: Path) -> None:
    log = require(LOGS / "alloc_hook" / "ah-shop.close.txt")
    report = shell("export", log)
    assert report["untold"] == ["peak", "peak-blocks", "total", "allocations", "temporary"]
    live = report["totals"]["live_bytes"]
    for name in ("a.pb.gz", "a.speedscope.json", "a.om", "a.csv"):
        assert memtrace("export", log, "--output", tmp_path / name).status == 0
    read = Pprof(tmp_path / "a.pb.gz")
    untold = dict.fromkeys(("peak", "peak-blocks", "total", "allocations"), 0)
    assert read.sums() == {"live": live, "live-blocks": 136, **untold}
    assert "not in the data, and 0 here: peak, peak-blocks, total, allocations, temporary" in read.comments
    assert sums_of_speedscope(tmp_path / "a.speedscope.json") == {"live": live, "live-blocks": 136}
    assert (
        not {"memtrace_peak_bytes", "memtrace_allocations_total"} & metrics_of((tmp_path / "a.om").read_text()).keys()
    )
    with (tmp_path / "a.csv").open(newline="") as text:
        assert {(row["allocations"], row["at_peak_bytes"]) for row in csv.DictReader(text)} == {("", "")}
    refused = memtrace("export", log, "--format", "folded", "--metric", "peak")
    assert (refused.status, refused.err) == (
        2, "memtrace: the log cannot tell bytes at the peak: choose another --metric\n",
    )  # fmt: skip


@pytest.mark.parametrize("form", ["heaptrack", "jsonl"])
def test_sums_have_no_events(form: str) -> None:
    said = memtrace("export", require(LOGS / "valgrind" / "dhat-shop.json"), "--format", form)
    assert said.status == 2 and "has sums in place of calls" in said.err and said.err.count("\n") == 1


SAME = ("allocations", "bytes_allocated", "peak_bytes", "live_bytes", "live_blocks")


def totals(report: Any, *names: str) -> dict[str, int]:
    return {name: report["totals"][name] for name in names}


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("a.jsonl", (*SAME, "frees", "temporary")),
        ("a.dhat.json", SAME),
        ("a.heaptrack", (*SAME, "frees")),
    ],
    ids=["jsonl", "dhat", "heaptrack"],
)
def test_our_own_exports_are_read_again(name: str, same: tuple[str, ...], tmp_path: Path) -> None:
    log = [require(LOGS / "media_lib" / "ml-leaky-rv.log"), "--elf", ELF]
    assert memtrace("export", *log, "--output", tmp_path / name).status == 0
    assert totals(shell("report", tmp_path / name), *same) == totals(shell("report", *log), *same)


def test_a_file_that_may_be_packed(tmp_path: Path) -> None:
    log = written(tmp_path)
    for name in ("a.folded", "a.folded.gz", "a.csv.zst"):
        assert memtrace("export", log, "--output", tmp_path / name).status == 0
    assert (
        subprocess.run(["gzip", "-dc", tmp_path / "a.folded.gz"], capture_output=True, check=True).stdout
        == (tmp_path / "a.folded").read_bytes()
    )
    assert (tmp_path / "a.csv.zst").read_bytes()[:4] == b"\x28\xb5\x2f\xfd"


def test_what_is_no_text_goes_into_a_pipe_alone(tmp_path: Path) -> None:
    log = written(tmp_path)
    refused = memtrace("export", log, "--format", "pprof")
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == "memtrace: pprof is no text: give --output FILE.pb.gz, or send the output to a file\n"
    line = [sys.executable, "-m", "gdbext", "export", str(log), "--format", "pprof"]
    with (tmp_path / "a.pb.gz").open("wb") as out:
        subprocess.run(line, cwd=ROOT, stdout=out, check=True)
    assert "Type: inuse_space" in pprof(tmp_path / "a.pb.gz", "-top")


def test_all_frames_are_dropped_by_pprof_alone(tmp_path: Path) -> None:
    program = Running()
    program.alloc(64, "heap_caps_malloc heap.c:1", "malloc m.c:1", "get a.c:3", "main m.c:9")
    (tmp_path / "a.pb.gz").write_bytes(made(program, "pprof", "--all-frames"))
    assert "heap_caps_malloc" in str(Pprof(tmp_path / "a.pb.gz").locations)
    assert pprof(tmp_path / "a.pb.gz", "-top").splitlines()[-2].split()[-1] == "get"


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "gdbext", "export", "-", "--format", "jsonl"]
    done = subprocess.run(line, cwd=ROOT, input=written(tmp_path).read_bytes(), capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"twice: `memtrace convert` it first\n" in done.stderr


def test_one_run_at_a_time(tmp_path: Path) -> None:
    data = written(tmp_path).read_bytes()
    (tmp_path / "two.log").write_bytes(data + data)
    refused = memtrace("export", tmp_path / "two.log", "--run", "all", "--format", "jsonl")
    assert refused.status == 2 and "choose one by --run N" in refused.err
    runs: tuple[list[str], list[str]] = ([], ["--run", "1"])
    one, two = (memtrace("export", tmp_path / "two.log", *words, "--format", "jsonl").out for words in runs)
    assert one == two != ""
