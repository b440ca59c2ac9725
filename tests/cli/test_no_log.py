# SPDX-License-Identifier: Apache-2.0
"""What is no log at all is one clear line, which says what to do with it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support.core import core_bytes
from tests.support.paths import ROOT

COMMANDS = ("report", "tree", "leaks", "log")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\6\0\0\0" + bytes(range(256)) * 8
FILES = {
    "a PNG": (PNG, "--image BASE=FILE"),
    "a program": (core_bytes([(0, b"x")])[:16] + b"\2\0" + core_bytes([(0, b"x")])[18:], "behind --elf"),
    "nothing": (b"", "nothing was written to it"),
    "JSON of another tool": (b'{"traceEvents": []}\n', "memtrace explain"),
    "one letter": (b"+", "memtrace explain"),
    "a line without an end": (b"a" * 100_000, "memtrace explain"),
}


def refused(command: str, path: object) -> str:
    """The one line that a command says of a file."""
    said = memtrace(command, path)
    assert (said.status, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert said.err.startswith("memtrace: ") and str(path) in said.err
    return said.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", FILES)
def test_a_file(name: str, command: str, tmp_path: Path) -> None:
    data, hint = FILES[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    assert hint in refused(command, path)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_lies_about(command: str, tmp_path: Path) -> None:
    assert "memtrace explain" in refused(command, ROOT / "README.md")
    assert "give a file in it" in refused(command, tmp_path)
    assert "nothing was written to it" in refused(command, "/dev/null")


def test_a_pipe_that_closes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: os.close(os.open(path, os.O_WRONLY)))
    writer.start()
    assert "nothing was written to it" in refused("report", path)
    writer.join()


def test_a_core_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "core"
    path.write_bytes(core_bytes([(0x2000_0000, bytes(4096))]))
    said = memtrace("report", path)
    assert (said.status, said.out) == (2, "") and "no trace tells what was allocated" in said.err
