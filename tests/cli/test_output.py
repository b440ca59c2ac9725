# SPDX-License-Identifier: Apache-2.0
"""Where a report goes: to the terminal or to a file, in which form, and over nothing that is there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support import fixtures

CASE = fixtures.case("a005")
SOURCES = [f"--image={image.base:#x}={image.path}" for image in CASE.images] + [f"--heap={CASE.heap.option}"]


def check(*words: object) -> tuple[int, str, str]:
    said = memtrace("check", *SOURCES, *words)
    return said.status, said.out, said.err


@pytest.mark.parametrize(
    ("words", "is_json"),
    [
        (["--output", "r.json"], True),
        (["--output", "r.txt"], False),
        (["--output", "report"], False),
        (["--output", "r.txt", "--format", "json"], True),
        (["--output", "r.txt", "--json"], True),
    ],
)
def test_a_file_is_in_the_form_of_its_suffix_or_as_asked(
    words: list[str], is_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert check(*words) == (0, "", "")
    text = (tmp_path / words[1]).read_text(encoding="utf-8")
    shown = json.loads(text)["heaps"][0]["status"] if is_json else text.splitlines()[0].rpartition("; ")[2]
    assert shown == "clean"


def test_a_dash_is_the_terminal() -> None:
    assert check("--output", "-")[1].splitlines()[0].endswith("clean")
    assert json.loads(check("--output", "-", "--format", "json")[1])["version"] == 1


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    there = tmp_path / "r.json"
    there.write_text("mine")
    status, out, err = check("--output", there)
    assert (status, out) == (2, "")
    assert err == f"memtrace: {there} cannot be written: there is a file already; --overwrite replaces it\n"
    assert there.read_text() == "mine"
    assert check("--output", there, "--overwrite")[0] == 0
    assert json.loads(there.read_text())["version"] == 1


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_nothing_but_a_file_is_replaced(overwrite: list[str], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    status, _, err = check("--output", pipe, *overwrite)
    assert status == 2 and err == f"memtrace: {pipe} cannot be written: it is a pipe\n"
    assert os.listdir(tmp_path) == ["pipe"]


def test_an_unknown_form_is_one_line() -> None:
    status, _, err = check("--format", "html")
    assert status == 2 and err.count("\n") == 1 and "choose from" in err
