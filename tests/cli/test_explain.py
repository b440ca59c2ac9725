# SPDX-License-Identifier: Apache-2.0
"""`memtrace explain`: the text goes through, and what happened stands behind it."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Said, memtrace, shell
from tests.support.console import log_bytes, manifest
from tests.support.console_texts import TEXTS, Text
from tests.support.panic_program import CALLS, panic
from tests.support.paths import ROOT
from tests.support.terminal import commanding

BY_NAME = {one.name: one.text for one in TEXTS}
OVERFLOW = BY_NAME["tail, string's end"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "console.log"
    path.write_text(OVERFLOW)
    return path


def passed(data: bytes, *words: str) -> str:
    line = [sys.executable, "-m", "gdbext", "explain", *words]
    done = subprocess.run(line, cwd=ROOT, input=data, capture_output=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.mark.parametrize("text", [OVERFLOW, OVERFLOW.rstrip()], ids=["whole", "without its last end"])
def test_the_text_goes_through_and_the_answer_stands_behind_it(text: str) -> None:
    out = passed(text.encode())
    through, _, summary = out.partition("----------------------------------------------------------------\n")
    assert [line for line in through.splitlines() if not line.startswith("--- ")] == text.splitlines()
    first, answer = summary.splitlines()[:2]
    assert first == "crash, line 8 (esp32c3, ESP-IDF 5.4.1): overflow, shown"
    assert answer == "  a block was written past its end, by 1 byte"


def test_a_program_names_the_frames(tmp_path: Path) -> None:
    elf = tmp_path / "app.elf"
    elf.write_bytes(panic().elf)
    log = tmp_path / "console.log"
    log.write_bytes(panic().text)
    (crash,) = shell("explain", log, "--elf", elf)["crashes"]
    names = list(dict.fromkeys(frame["function"] for frame in crash["backtrace"]))
    assert names[: len(CALLS) + 1] == ["peek", *CALLS]
    assert any("the application is peek" in line for line in crash["text"])
    assert not any("--elf" in line for line in crash["next"])
    (plain,) = shell("explain", log)["crashes"]
    assert any("--elf" in line for line in plain["next"])


def test_a_summary_is_alone(log: Path) -> None:
    out = memtrace("explain", "--summary", log).out
    assert out.startswith("----")
    assert "CORRUPT HEAP" not in out


def test_json_is_what_was_promised(log: Path) -> None:
    report = shell("explain", log)
    (crash,) = report["crashes"]
    told = ("situation", "certainty", "line", "chip", "addresses", "expected", "got", "got_is", "by")
    assert [crash[name] for name in told] == [
        "overflow", "shown", 8, "esp32c3", [0x3FC92027], 0xBAAD5678, 0xBAAD5600, "zero-byte", 1,
    ]  # fmt: skip
    assert report["lines"] == len(OVERFLOW.splitlines())
    assert report["leaks"] == []


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    def explained(*words: str) -> Said:
        with log.open("rb") as file, io.TextIOWrapper(file) as given:
            monkeypatch.setattr(sys, "stdin", given)
            return memtrace("explain", "--json", *words)

    expected = memtrace("explain", "--json", log).same()
    assert explained().same() == expected
    assert explained("-").same() == expected


def test_a_packed_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "console.log.gz"
    path.write_bytes(gzip.compress(OVERFLOW.encode()))
    assert shell("explain", path)["crashes"][0]["situation"] == "overflow"


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    said = memtrace("explain", tmp_path / "none.log")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)


def test_a_quiet_text_has_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "quiet.log"
    path.write_text(BY_NAME["quiet, with numbers"])
    assert shell("explain", path)["crashes"] == []
    assert "no crash in this log (9 lines)" in memtrace("explain", "--summary", path).out


def test_a_boot_loop_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "loop.log"
    path.write_text(BY_NAME["a boot loop"])
    crashes = shell("explain", path)["crashes"]
    first = crashes[0]["line"]
    assert [(one["times"], one["same_as"]) for one in crashes] == [(3, None), (1, first), (1, first)]
    assert memtrace("explain", "--summary", path).out.count("fault-elsewhere") == 1


@pytest.mark.parametrize("name", ["c004", "c048", "c062"])
def test_a_heap_trace_is_grouped(name: str, tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(log_bytes(name))
    report = shell("explain", path)
    records = manifest()[name]["facts"]["heap_trace"][0]["records"]
    assert report["crashes"] == []
    assert sum(group["blocks"] for group in report["leaks"]) <= records
    assert len({tuple(frame["pc"] for frame in group["frames"]) for group in report["leaks"]}) == len(report["leaks"])
    assert "not each of them is a leak" in memtrace("explain", "--summary", path).out


def test_identical_leaks_are_one_group(tmp_path: Path) -> None:
    rows = "".join(
        f"16 bytes (@ 0x3ffb{at:04x}, Internal) allocated CPU 0 ccount 0x{at:08x} caller 0x400d1b2c:0x400d1b3c\n"
        for at in range(0, 160, 16)
    )
    head, end = (
        "====== Heap Trace: 10 records (100 capacity) ======\n",
        "160 bytes alive in trace (10/10 allocations)\n",
    )
    path = tmp_path / "console.log"
    path.write_text(head + rows + "====== Heap Trace Summary ======\n" + end)
    (group,) = shell("explain", path)["leaks"]
    assert (group["blocks"], group["bytes"]) == (10, 160)


STEADY = [182_344 - 4_000 * (number % 3) for number in range(30)]
FALLS = [182_344 - 2_016 * number for number in range(30)]
FILLS_ONCE = [182_344, *[140_000] * 29]


@pytest.mark.parametrize(
    ("numbers", "told"),
    [(FALLS, (182_344, 123_880, 30, 2_016)), ([*FALLS, *FALLS], (182_344, 123_880, 30, 2_016)), (STEADY, None),
     (FILLS_ONCE, None), (FALLS[:5], None)],
    ids=["falls", "falls in each run", "goes up and down", "fell once", "few"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["Free heap: {}", "I (900) app: free heap {:,}, minimum 120,000", "heap free={} B"])
def test_free_memory_that_falls_is_said(
    form: str, numbers: list[int], told: tuple[int, ...] | None, tmp_path: Path
) -> None:
    path = tmp_path / "console.log"
    path.write_text("".join(f"I (1) app: connected\n{form.format(number)}\n" for number in numbers))
    report = shell("explain", path)
    assert report["crashes"] == []
    found = [tuple(one[name] for name in ("first", "last", "count", "each")) for one in report.get("remarks_facts", [])]
    assert found == ([told] if told else [])


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.name)
def test_nothing_that_commands_a_terminal_is_in_a_summary(one: Text, tmp_path: Path) -> None:
    text = one.text.replace("parser", "p\x1b[31mx").replace("main", "m\x9bain\x07")
    path = tmp_path / "console.log"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert not commanding(memtrace("explain", "--summary", path).out)
