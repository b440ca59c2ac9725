# SPDX-License-Identifier: Apache-2.0
"""Names of code that was made at run time: from a map that is named, beside the log, or hostile."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from gdbext.model.events import Frame
from gdbext.symbols import perf_map
from gdbext.symbols.perf_map import PerfMap, map_of
from tests.cli.shell import memtrace, shell
from tests.support.process_log import ProcessLog

TEXT = """7f0000001000 80 py::fill:/srv/app/cache.py
7f0000001080 20 LazyCompile:~next /srv/app/a.js:9
"""
FILL, NEXT, NOWHERE = 0x7F00_0000_1010, 0x7F00_0000_10A0, 0x7F00_0000_2000


def log_of(folder: Path) -> Path:
    log = ProcessLog(process=4242)
    log.thread(17, "MainThread")
    for number, pc in enumerate((FILL, NEXT, NOWHERE), 1):
        log.define("stack", number, pc)
        log.event(17, 10 + number, "alloc", 0x1000 * number, 100 * number, stack=number)
    (folder / "a.log").write_bytes(log.finish())
    return folder / "a.log"


def sites(*words: object) -> list[tuple[str | None, str | None]]:
    return [(site["function"], site["file"]) for site in shell("report", *words)["sites"]]


NAMED = [(None, None), ("LazyCompile:~next /srv/app/a.js:9", None), ("fill", "/srv/app/cache.py")]


def test_a_map_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "names").write_text(TEXT)
    assert sites(log_of(tmp_path), "--perf-map", tmp_path / "names") == NAMED


def test_a_map_beside_the_log(tmp_path: Path) -> None:
    (tmp_path / "perf-4242.map").write_text(TEXT)
    assert sites(log_of(tmp_path)) == NAMED
    assert "fill" in memtrace("log", log_of(tmp_path)).out


def test_a_map_that_was_left_by_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, log = tmp_path / "shared", log_of(tmp_path)
    shared.mkdir()
    monkeypatch.setattr(perf_map, "_SHARED_FOLDER", str(shared))
    (shared / "perf-4242.map").write_text(TEXT)
    os.utime(shared / "perf-4242.map", (1_700_000_100, 1_700_000_100))
    assert sites(log) == NAMED
    os.utime(shared / "perf-4242.map", (1_600_000_000, 1_600_000_000))  # of somebody who had the number before
    assert map_of(str(log), 4242, 1_700_000_000) is None and sites(log) != NAMED
    (shared / "perf-4242.map").unlink()
    (shared / "perf-4242.map").symlink_to(tmp_path / "perf-1.map")
    assert map_of(str(log), 4242, 0) is None


def test_a_map_without_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("no map\n")
    said = memtrace("report", log_of(tmp_path), "--perf-map", tmp_path / "names")
    assert said.status == 2 and "has no line START SIZE NAME" in said.err
    assert memtrace("report", log_of(tmp_path), "--perf-map", tmp_path / "gone").status == 2


def test_code_that_was_made_anew_has_the_later_name(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("1000 100 old\n1040 20 new\n2000 10 first\n2000 10 second\n")
    made = PerfMap(str(tmp_path / "m"))
    assert [made.frame_at(pc) for pc in (0x1001, 0x1041, 0x1060, 0x2001, 0x2010, 0x2011, 0x1000)] == [
        Frame(0x1001, "old"), Frame(0x1041, "new"), Frame(0x1060, "new"), Frame(0x2001, "second"),
        Frame(0x2010, "second"), None, None,
    ]  # fmt: skip


def test_hostile_maps(tmp_path: Path) -> None:
    whole = TEXT.encode() * 20
    for seed in range(200):
        random, data = Random(seed), bytearray(whole)
        for _ in range(random.randrange(1, 30)):
            data[random.randrange(len(data))] = random.choice((0, 10, 32, 255, 0x1B, 0x66))
        (tmp_path / "m").write_bytes(bytes(data[: random.randrange(len(data))]))
        made = PerfMap(str(tmp_path / "m"))
        for pc in (0, 1, FILL, NEXT, NOWHERE, (1 << 64) - 1, 1 << 64):
            frame = made.frame_at(pc)
            assert frame is None or frame.pc == pc
    (tmp_path / "m").write_bytes(b"0 ffffffffffffffff all\nffffffffffffffff 1 last\n0 0 none\n" + b"1" * 99 + b" 1 x\n")
    assert len(PerfMap(str(tmp_path / "m"))) == 2


def test_an_escape_in_a_name_reaches_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"7f0000001000 80 \x1b[2Jfill\n")
    assert "\x1b" not in memtrace("report", log_of(tmp_path), "--perf-map", tmp_path / "names").out
