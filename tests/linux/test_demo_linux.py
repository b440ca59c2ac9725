# SPDX-License-Identifier: Apache-2.0
"""`make demo-linux` names the leak: its function and its line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import demo_linux
from tests.support.markers import marked_line
from tests.support.paths import ROOT

SOURCE = ROOT / "examples" / "linux" / "wordcount.c"


def test_the_first_line_of_the_report_names_the_leak() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo_linux"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    report = done.stdout.partition("--leaks\n")[2].splitlines()
    assert f"from 1 site that grew each time: text_copy (wordcount.c:{marked_line(SOURCE, 'copy')})" in report[0]
    assert "README.md: " in done.stdout and "memtrace: host peak" in done.stdout


def test_a_report_without_the_leak_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its exit status hangs on what the report says."""
    monkeypatch.setattr(demo_linux, "STEPS", ("echo leak: nothing",))
    monkeypatch.chdir(ROOT)
    assert demo_linux.main() == 1
    assert capsys.readouterr().err == "demo-linux: the report did not name the leak\n"
