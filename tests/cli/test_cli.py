# SPDX-License-Identifier: Apache-2.0
"""The shell's face: wrong words and refusals are one line and status 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
    assert (
        done.stderr
        == f"memtrace: {command} asks a live target, which files are not: use it in GDB, or give --rsp HOST:PORT\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("check",), "no memory to look at: give a core, --image BASE=FILE or --rsp HOST:PORT"),
        (("check", "--image", "here"), "--image here: give BASE=FILE, the base as 0x... or a decimal number"),
        (("last", IMAGE), "the following arguments are required: ADDRESS; see `help memtrace last`"),
        (("log", IMAGE, "--search", "0"), "--search 0: give START,END"),
        (("log", IMAGE, "--search", "9,3"), "--search 9,3: START must lie below END, by 64 MiB at most"),
    ],
)
def test_wrong_words_are_one_line(words: tuple[str, ...], line: str) -> None:
    done = memtrace(*words)
    assert (done.returncode, done.stderr) == (2, f"memtrace: {line}\n")
