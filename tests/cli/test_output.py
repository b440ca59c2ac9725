# SPDX-License-Identifier: Apache-2.0
"""Where a report goes: to the terminal or to a file, in which form, and over nothing that is there."""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.paths import ROOT

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


@pytest.mark.parametrize("words", [["--image=0x20000000=it"], ["--elf", "it"], ["it"]], ids=str)
def test_what_is_read_is_not_replaced(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it").write_bytes(b"mine")
    said = memtrace("check", *words, "--output", tmp_path / "it", "--overwrite")
    why = "it is the file that is read; give another name"
    assert (said.status, said.err) == (2, f"memtrace: {tmp_path / 'it'} cannot be written: {why}\n")
    assert (tmp_path / "it").read_bytes() == b"mine"
    assert memtrace("check", *words, "--heap=tlsf@0", "--output", "new", "--overwrite").err != said.err


@pytest.mark.parametrize("words", ["report -", "explain", "decode"])
def test_input_that_is_closed_is_one_line(words: str) -> None:
    done = in_bash(f"MEMTRACE {words} <&-")
    why = "the input is closed: nothing can be read from it"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"memtrace: {why}\n")


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


def in_bash(command: str, largest: int = resource.RLIM_INFINITY) -> subprocess.CompletedProcess[str]:
    """A line of the shell in which MEMTRACE is the command; `largest`: the bytes that a file may have."""
    program = shlex.join([sys.executable, "-B", "-m", "gdbext"])
    words = command.replace("MEMTRACE", program).replace("SOURCES", shlex.join(SOURCES))
    limits = (largest, resource.RLIM_INFINITY)
    arguments = ["bash", "-o", "pipefail", "-c", words]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, preexec_fn=limit)


@pytest.mark.parametrize(
    "words", ["check SOURCES", "check SOURCES --json", "blocks SOURCES --all", "check --help", "--version"]
)
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("> /dev/full", "the output cannot be written: No space left on device"),
        (">&-", "the output is closed: nothing can be printed"),
    ],
)
def test_output_that_cannot_be_written_is_one_line(words: str, where: str, said: str) -> None:
    done = in_bash(f"MEMTRACE {words} {where}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"memtrace: {said}\n")


@pytest.mark.parametrize("form", ["", "--json"])
def test_a_file_that_may_grow_no_further_is_one_line(form: str, tmp_path: Path) -> None:
    place = tmp_path / "report"
    done = in_bash(f"exec MEMTRACE blocks SOURCES --all {form} > {place}", largest=100)
    assert (done.returncode, done.stderr) == (2, "memtrace: the output cannot be written: File too large\n")
    done = in_bash(f"exec MEMTRACE blocks SOURCES --all {form} --output {place} --overwrite", largest=100)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"memtrace: {place} cannot be written: File too large\n"
    assert os.listdir(tmp_path) == ["report"]


def test_a_report_for_a_file_needs_no_terminal(tmp_path: Path) -> None:
    done = in_bash(f"MEMTRACE check SOURCES --output {tmp_path / 'r.json'} >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((tmp_path / "r.json").read_text())["version"] == 1


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_an_error_that_nobody_can_read_is_still_a_status(where: str) -> None:
    assert in_bash(f"MEMTRACE check nowhere {where}").returncode == 2
    assert in_bash(f"MEMTRACE check SOURCES {where}").returncode == 0


@pytest.mark.parametrize("words", [["check", *SOURCES], ["blocks", *SOURCES, "--all", "--json"], ["check", "--help"]])
def test_a_reader_that_has_gone_is_silence(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gdbext", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
