# SPDX-License-Identifier: Apache-2.0
"""`memtrace convert`: the same events in another form, in a file that is there only when it is whole."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from gdbext.trace.format import Header
from gdbext.trace.log import LogReader, items_of
from tests.cli.shell import memtrace, shell
from tests.support.log import Log
from tests.support.paths import ROOT, SHARED

TORN = SHARED / "fixtures" / "logs" / "media_lib" / "ml-torn-rv.log"
PROGRAM = SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf"


def churn(run: int, count: int = 500) -> bytes:
    log = Log(run=run)
    log.stack(1, 0x4200_1000)
    log.name(3, "main")
    for number in range(count):
        log.time += 5
        log.event("alloc" if number % 2 == 0 else "free", 0x2000_0000 + 16 * (number // 2), 24, stack=1)
    return bytes(log.data)


def told(data: bytes) -> list[Any]:
    """The runs and events of a log."""
    reader = LogReader()
    return [item.run if isinstance(item, Header) else item for item in items_of(reader, [data])]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "in.log").write_bytes(churn(1) + churn(2))
    return tmp_path / "in.log"


def test_packs_and_back(log: Path, tmp_path: Path) -> None:
    packs, rows = tmp_path / "packs.log", tmp_path / "rows.log"
    said = memtrace("convert", log, packs)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{packs}: 1,000 events, ")
    memtrace("convert", packs, rows, "--rows")
    assert told(log.read_bytes()) == told(packs.read_bytes()) == told(rows.read_bytes())
    assert rows.read_bytes() == log.read_bytes()
    assert packs.stat().st_size < log.stat().st_size / 4


def unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data).read()


@pytest.mark.parametrize(("suffix", "unpack"), [(".zst", unzstd), (".gz", gzip.decompress)])
def test_the_suffix_packs(suffix: str, unpack: Any, log: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out{suffix}"
    memtrace("convert", log, out)
    data = unpack(out.read_bytes())
    assert told(data) == told(log.read_bytes())
    assert memtrace("log", out, "--run", "1").status == 0


@pytest.mark.parametrize(("run", "runs"), [("1", [1]), ("2", [2]), ("last", [2]), ("all", [1, 2])])
def test_runs(run: str, runs: list[int], log: Path, tmp_path: Path) -> None:
    for out in (tmp_path / "out.log", tmp_path / "out.gz"):
        memtrace("convert", log, out, "--run", run)
        data = out.read_bytes()
        found = told(gzip.decompress(data) if out.suffix == ".gz" else data)
        assert [item for item in found if isinstance(item, int)] == runs
        assert len(found) == 501 * len(runs)


def test_a_run_that_is_not_there(log: Path, tmp_path: Path) -> None:
    said = memtrace("convert", log, tmp_path / "out.log", "--run", "3")
    assert (said.status, said.err) == (2, f"memtrace: --run 3: {log} has 2 runs\n")
    assert sorted(os.listdir(tmp_path)) == ["in.log"]


def test_another_tools_log(tmp_path: Path) -> None:
    out = tmp_path / "out.log"
    said = memtrace("convert", TORN, out, "--elf", PROGRAM)
    assert "847 events, 1 record not understood" in said.out
    assert "the log ends inside the record that begins at byte 15,358" in said.out
    before, after = (shell("leaks", one, "--elf", PROGRAM, "--all") for one in (TORN, out))
    assert before["blocks"] == after["blocks"] and len(after["blocks"]) == 133
    assert after["trace"]["log"] == {"format": "memtrace", "runs": 1, "run": "last", "unread": 1}


def test_nothing_is_replaced(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.log"
    out.write_text("mine")
    said = memtrace("convert", log, out)
    assert said.err == f"memtrace: {out} cannot be written: there is a file already; --overwrite replaces it\n"
    assert out.read_text() == "mine"
    assert memtrace("convert", log, out, "--overwrite").status == 0
    os.mkfifo(tmp_path / "pipe")
    said = memtrace("convert", log, tmp_path / "pipe", "--overwrite")
    assert said.err == f"memtrace: {tmp_path / 'pipe'} cannot be written: it is a pipe\n"


def test_a_log_is_not_converted_into_itself(tmp_path: Path) -> None:
    same, link = tmp_path / "TRACE.LOG", tmp_path / "link"
    same.write_bytes(TORN.read_bytes())
    link.symlink_to(same)
    for out in (same, link):
        said = memtrace("convert", same, out, "--overwrite")
        why = "it is the file that is read; give another name"
        assert (said.status, said.err) == (2, f"memtrace: {out} cannot be written: {why}\n")
    assert same.read_bytes() == TORN.read_bytes()


def test_a_dash_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the terminal for reports, and standard input for logs."""
    monkeypatch.chdir(tmp_path)
    said = memtrace("convert", TORN, "-")
    assert (said.status, said.err) == (
        2,
        "memtrace: - cannot be written: it would be a file of this name; ./- is one\n",
    )
    assert memtrace("convert", TORN, "./-").status == 0 and os.listdir(tmp_path) == ["-"]


@pytest.mark.parametrize("data", [b"text\n" * 1000, b"", bytes(Log(required=64).data)], ids=["text", "empty", "later"])
def test_what_is_no_log_leaves_nothing_behind(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(data)
    said = memtrace("convert", tmp_path / "in", tmp_path / "out")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert os.listdir(tmp_path) == ["in"]


def test_from_standard_input(log: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "gdbext", "convert", "-", str(tmp_path / "out.zst")]
    subprocess.run(line, input=gzip.compress(log.read_bytes()), cwd=ROOT, check=True, capture_output=True)
    assert memtrace("leaks", tmp_path / "out.zst").status == 0
