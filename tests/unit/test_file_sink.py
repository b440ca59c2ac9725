# SPDX-License-Identifier: Apache-2.0
"""A log in real files: appended to, numbered, limited, in turn, on a full disk, and over an assertion and a reset.

tests/unit/c/sink/files.c writes them: allocation number i of a run has i + 1 bytes.
"""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from gdbext.trace.format import KINDS, Header
from gdbext.trace.log import LogEvent, LogReader
from tests.cli.shell import shell
from tests.support import recorder
from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
SINKS = [HELPERS / "sinks" / name for name in ("sink.c", "ring_view.c", "memtrace_sink.c", "memtrace_file.c")]
SOURCES = [ROOT / "tests/unit/c/sink/files.c", *SINKS, HELPERS / "log/memtrace_log.c"]
CHECKED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{HELPERS / 'sinks'}")
NAME = "MEMTRACE.LOG"
both = pytest.mark.parametrize("bits", [32, 64])


@cache
def program(bits: int) -> Path:
    return recorder.compile_with(
        Path(tempfile.mkdtemp(prefix="memtrace-files-")) / "files", SOURCES, (f"-m{bits}", *CHECKED)
    )


def write(
    bits: int,
    folder: Path,
    events: int,
    *,
    name: str = "",
    most: int = 0,
    two: bool = False,
    disk: int = 0,
    dies: bool = False,
) -> int:
    """One start of the program; returns how many events were dropped."""
    numbers = [str(int(number)) for number in (most, two, events, disk, dies)]
    command = [str(program(bits)), ".", name, *numbers]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def runs(data: bytes) -> list[list[LogEvent]]:
    reader, found = LogReader(), list[list[LogEvent]]()
    for items in (reader.feed(data), reader.finish()):
        for item in items:
            if isinstance(item, Header):
                found.append([])
            else:
                found[-1].append(item)
    assert reader.unread == 0
    return found


def sizes(events: list[LogEvent]) -> list[int]:
    return [event.size for event in events if KINDS[event.kind] == "alloc"]


@both
def test_a_log_that_is_there_gets_another_run(bits: int, tmp_path: Path) -> None:
    """Whole, and cut at a byte in the middle of a record."""
    write(bits, tmp_path, 300)
    write(bits, tmp_path, 200)
    log = tmp_path / NAME
    whole = log.read_bytes()
    assert [sizes(run) for run in runs(whole)] == [list(range(1, 301)), list(range(1, 201))]
    log.write_bytes(whole[:-5])
    write(bits, tmp_path, 7)
    assert [sizes(run) for run in runs(log.read_bytes())] == [
        list(range(1, 301)),
        list(range(1, 200)),
        list(range(1, 8)),
    ]
    assert log.stat().st_size % (bits // 2) == 0


@both
def test_each_start_has_a_file_of_its_own(bits: int, tmp_path: Path) -> None:
    for events in (5, 6, 7):
        write(bits, tmp_path, events, name="RUN%n.LOG")
    found = {path.name: [sizes(run) for run in runs(path.read_bytes())] for path in tmp_path.iterdir()}
    assert found == {f"RUN{n}.LOG": [list(range(1, n + 5))] for n in (1, 2, 3)}


@both
def test_two_files_take_turns(bits: int, tmp_path: Path) -> None:
    """Together they are no larger than was said, and each is a log by itself."""
    for _ in range(2):
        write(bits, tmp_path, 3000, most=60_000, two=True)
        newest, before = (runs((tmp_path / name).read_bytes()) for name in (NAME, "MEMTRACE.OLD"))
        last = sizes(before[-1]) + sizes(newest[-1])
        assert last == list(range(3001 - len(last), 3001)) and len(last) > 500
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 60_000


@both
def test_two_files_in_turn_are_one_run_of_one_log(bits: int, tmp_path: Path) -> None:
    """The second begins with the header of the first, and goes on. What a cut leaves of a record is passed over."""
    write(bits, tmp_path, 3000, two=True, most=60_000)
    newest, before = tmp_path / NAME, tmp_path / "MEMTRACE.OLD"
    first, second = (sizes(runs(path.read_bytes())[0]) for path in (before, newest))
    report = shell("report", before, newest)
    assert report["totals"]["allocations"] == len(first) + len(second) and report["runs"] == 1
    assert first[-1] + 1 == second[0] and not report["source"]["unread"]
    before.write_bytes(before.read_bytes()[:-3])
    assert shell("report", before, newest)["totals"]["allocations"] == len(first) + len(second) - 1


@both
def test_a_limit_counts_what_is_there(bits: int, tmp_path: Path) -> None:
    dropped = [write(bits, tmp_path, 500, most=40_000) for _ in range(8)]
    assert dropped[0] == 0 and dropped[-1] >= 499
    assert 38_000 < (tmp_path / NAME).stat().st_size <= 40_000
    assert sizes(runs((tmp_path / NAME).read_bytes())[0]) == list(range(1, 501))


@both
def test_a_full_disk_leaves_what_was_written(bits: int, tmp_path: Path) -> None:
    dropped = write(bits, tmp_path, 2000, disk=20_000)
    (run,) = runs((tmp_path / NAME).read_bytes())
    assert sizes(run) == list(range(1, len(run) + 1)) and 1500 > len(run) > 200
    assert 0 < dropped <= 2000 - len(run) + 100, "of the last piece some may have been written"


@both
@pytest.mark.parametrize("name", ["", "RUN%n.LOG"])
def test_the_run_that_died_is_whole_in_its_own_file(name: str, bits: int, tmp_path: Path) -> None:
    write(bits, tmp_path, 100, name=name, dies=True)
    first = (tmp_path / (name.replace("%n", "1") or NAME)).read_bytes()
    second = [] if not name else runs((tmp_path / "RUN2.LOG").read_bytes())
    died, started = runs(first) + second
    assert sizes(died) == list(range(1, 301)) and KINDS[died[-1].kind] == "assert"
    assert sizes(started) == list(range(1, 11))


def test_a_path_that_is_too_long_is_refused() -> None:
    done = subprocess.run([str(program(64)), "x" * 60, "", "0", "0", "1", "0", "0"], capture_output=True, text=True)
    assert done.returncode == 1 and "memtrace_file_open" in done.stderr
