# SPDX-License-Identifier: Apache-2.0
"""Help is what was asked for: it goes to stdout with status 0. A word that is nearly right is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gdbext.commands import NAMES
from tests.cli.shell import memtrace
from tests.support.paths import ROOT


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]], ids=" ".join)
def test_help_lists_the_commands(words: list[str]) -> None:
    said = memtrace(*words)
    assert (said.status, said.err) == (0, "")
    assert "memtrace check" in said.out and said == memtrace("--help")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_helps_however_it_is_asked(name: str) -> None:
    said = memtrace(name, "--help")
    assert (said.status, said.err) == (0, "")
    assert f"usage: memtrace {name}" in said.out
    assert said == memtrace("help", name) == memtrace(name, "-h") == memtrace(name, "nonsense", "-h")


@pytest.mark.parametrize("name", ["save", "watch"])
def test_help_says_what_is_for_gdb_alone(name: str) -> None:
    said = memtrace(name, "--help")
    assert "in GDB alone" in said.out and "--elf" not in said.out


def test_the_module_is_the_command() -> None:
    line = [sys.executable, "-m", "gdbext"]
    ends = [
        subprocess.run([*line, *words], cwd=ROOT, capture_output=True, text=True)
        for words in (["help"], ["help", "check"], ["--version"], [])
    ]
    assert [(end.returncode, bool(end.stdout), bool(end.stderr)) for end in ends] == [
        (0, True, False), (0, True, False), (0, True, False), (2, False, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["chek"], "chek is no command: did you mean check?; see `memtrace --help`"),
        (["help", "bloks"], "bloks is no command: did you mean blocks?; see `memtrace --help`"),
        (["--versoin"], "--versoin is no command: did you mean --version?; see `memtrace --help`"),
        (["zzz"], "zzz is no command; see `memtrace --help`"),
        (["check", "--jsn"], "--jsn is no option: did you mean --json?; see `memtrace check --help`"),
        (["log", "--sise=4"], "--sise is no option: did you mean --size?; see `memtrace log --help`"),
        (["blocks", "--zzz", "4"], "--zzz is no option; see `memtrace blocks --help`"),
        (["gdb", "--chp", "esp32"], "--chp is no option: did you mean --chip?; see `memtrace gdb --help`"),
    ],
)
def test_a_word_that_is_nearly_right_is_named(words: list[str], line: str) -> None:
    said = memtrace(*words)
    assert (said.status, said.out, said.err) == (2, "", f"memtrace: {line}\n")
