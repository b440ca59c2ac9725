# SPDX-License-Identifier: Apache-2.0
"""`make demo` tells the story to its end: both lines of the seed case stand in it, and no process stays behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import demo
from tests.support.markers import marked_line
from tests.support.paths import ROOT

SOURCE = ROOT / "tests" / "target" / "scenarios" / "malloc_test.c"


def processes_with(mark: str) -> list[str]:
    """The command lines of every process that has inherited `mark` in its environment, whoever its parent is by now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if line]


OWNERS = ["seed-alloc-data", "seed-free-data"]


@pytest.mark.parametrize(
    ("chip", "story", "markers"),
    [
        ("rv32", "owners", OWNERS),
        ("rv32", "writer", ["seed-write"]),
        ("esp32-like", "owners", OWNERS),
        ("esp32-like", "writer", ["seed-write"]),
        ("esp8266-like", "owners", OWNERS),
        ("esp8266-like", "writer", ["seed-write"]),
    ],
)
def test_demo_names_the_lines_of_the_culprit(chip: str, story: str, markers: list[str]) -> None:
    mark = f"demo-{chip}-{story}-{os.getpid()}"
    env = {**os.environ, "MEMTRACE_TEST_MARK": mark}
    line = [sys.executable, "-m", "tests.demo", chip, story]
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for marker in markers:
        assert f"{SOURCE.name}:{marked_line(SOURCE, marker)}" in done.stdout, marker
    assert processes_with(f"MEMTRACE_TEST_MARK={mark}") == []


def test_without_a_terminal_to_open_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container without /dev/ptmx."""

    def refuse() -> None:
        raise OSError("out of pty devices")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("pty.openpty", refuse)
    assert demo.main([]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"\ndemo: no pseudo-terminal can be opened here \(out of pty devices\): .* try again\n", said)
