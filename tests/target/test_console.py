# SPDX-License-Identifier: Apache-2.0
"""The console of a firmware, over its serial line: explain, decode and report say what the firmware's own book says."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gdbext.trace.console_records import ConsoleRecord, record_in
from tests.cli.shell import shell
from tests.support import firmware
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

SOURCE = ROOT / "tests" / "target" / "console" / "console.c"


@cache
def console() -> str:
    with Qemu(firmware.build("console"), append="scenario=console live=512", paused=False) as chip:
        assert chip.wait(120) == 3, chip.console
        return chip.console


def book(what: str) -> list[tuple[int, int]]:
    lines = [line.split() for line in console().splitlines() if line.startswith(f"book {what} ")]
    return [(int(first, 16), int(second, 16)) for _, _, first, second in lines]


def records(kind: str) -> list[ConsoleRecord]:
    found = [record_in(line) for line in console().splitlines() if line.startswith("MT1 ")]
    assert None not in found
    return [one for one in found if one is not None and one.kind == kind]


def test_its_leaks_are_those_of_the_book() -> None:
    leaks = records("L")
    assert sorted((one.number(0), one.number(1)) for one in leaks) == sorted(book("leak")) != []
    assert all(one.number(5) is not None and one.number(6) == 0x205 for one in leaks)
    bytes_leaked = sum(size for _, size in book("leak"))
    assert [(one.word(0), one.number(1), one.number(2)) for one in records("Y")] == [("internal", 3, bytes_leaked)]
    assert {one.word(1): one.number(2) for one in records("D")}["network"] == bytes_leaked


def test_its_heaps_are_those_of_the_book() -> None:
    assert [(one.number(3), one.number(4)) for one in records("H")[-2:]] == book("free")


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    """The console's text in a file, and the program."""
    text = tmp_path / "console.txt"
    text.write_text(console())
    return str(text), "--elf", str(firmware.build("console"))


def test_report_names_who_leaked(words: tuple[str, ...]) -> None:
    report = shell("report", *words)
    assert report["totals"]["live_blocks"] == len(book("leak"))
    places = {(site["function"], site["line"]) for site in report["sites"]}
    assert places == {("reply_create", marked_line(SOURCE, "console-leak"))}


def test_explain_shows_the_double_free(words: tuple[str, ...]) -> None:
    crash = shell("explain", *words)["crashes"][0]
    ((block, _),) = book("twice")
    assert (crash["situation"], crash["certainty"], crash["addresses"]) == ("double-free", "shown", [block])
    assert crash["backtrace"][0]["line"] == marked_line(SOURCE, "console-free-again")


def test_decode_names_both_frees(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "gdbext", "decode", *words]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, second = (
        text.index(f"console.c:{marked_line(SOURCE, f'console-{name}')}") for name in ("free", "free-again")
    )
    assert text.index("MT1 X double-free") < second < text.index("MT1 F ") < first
