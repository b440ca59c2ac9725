# SPDX-License-Identifier: Apache-2.0
"""The shell's face: wrong words and refusals are one line and status 2."""

from __future__ import annotations

import subprocess
import sys
from unittest import mock

import pytest

from gdbext import __main__ as entry
from tests.support import fixtures
from tests.support.paths import ROOT

CASE = fixtures.case("a005")
IMAGE = f"--image={CASE.images[0].base:#x}={CASE.images[0].path}"


def memtrace(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gdbext", *words], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("command", ["start", "stop", "frees-only", "mark"])
def test_an_image_cannot_be_asked(command: str) -> None:
    done = memtrace(command, IMAGE, *(["here"] if command == "mark" else []))
    assert done.returncode == 2
    ways = "use it in GDB, or give --rsp HOST:PORT" + ("" if command == "frees-only" else " or --pid PID")
    assert done.stderr == f"memtrace: {command} asks a live target, which files are not: {ways}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("check",), "nothing to look at: give a core or a log, --image BASE=FILE or --rsp HOST:PORT"),
        (("check", "--image", "here"), "--image here: give BASE=FILE, the base as 0x... or a decimal number"),
        (("last", IMAGE), "the following arguments are required: ADDRESS; see `memtrace last --help`"),
        (("log", IMAGE, "--search", "0"), "--search 0: give START,END"),
        (("log", IMAGE, "--search", "9,3"), "--search 9,3: START must lie below END, by 64 MiB at most"),
    ],
)
def test_wrong_words_are_one_line(words: tuple[str, ...], line: str) -> None:
    done = memtrace(*words)
    assert (done.returncode, done.stderr) == (2, f"memtrace: {line}\n")


@pytest.mark.parametrize(
    ("problem", "status", "line"),
    [
        (
            KeyError("a\nb"),
            2,
            "memtrace: a bug of memtrace: KeyError: 'a\\nb'; python3 -X dev -m gdbext ... shows where\n",
        ),
        (KeyboardInterrupt(), 130, "memtrace: interrupted\n"),
        (MemoryError(), 2, "memtrace: memory has run out: a report takes up to three times the bytes that it reads\n"),
    ],
)
def test_nothing_comes_out_but_lines(
    problem: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gdbext.faces.shell.main", mock.Mock(side_effect=problem))
    assert (entry.main(), capsys.readouterr().err) == (status, line)


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    words = f"{sys.executable} -m gdbext blocks {IMAGE} --heap {CASE.heap.option} --all --json | head -c 10"
    done = subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True)
    assert (len(done.stdout), done.stderr) == (10, "")
