# SPDX-License-Identifier: Apache-2.0
"""A report fits the terminal that it is printed to, in GDB and in the shell. Without a terminal lines stay whole."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios

from tests.support import fixtures
from tests.support.gdb import SOURCE, GdbSession, remote
from tests.support.paths import ROOT
from tests.support.rsp_stub import stub_of

CASE = fixtures.case("a030")
IMAGES = [f"--image={image.base:#x}={image.path}" for image in CASE.images]
CHECK = ["check", *IMAGES, "--heap", CASE.heap.option]


def plain(text: str) -> str:
    return re.sub(r"\s|read .* reads?", "", text)


def in_terminal(columns: int, *words: str) -> str:
    """What `memtrace WORDS` prints to a terminal that is so wide."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    line = [sys.executable, "-m", "gdbext", *words]
    with subprocess.Popen(line, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=theirs) as process:
        os.close(theirs)
        printed = b""
        try:
            while piece := os.read(ours, 65536):
                printed += piece
        except OSError:  # its other end is closed
            pass
        process.wait(timeout=60)
    os.close(ours)
    return printed.decode().replace("\r", "")


def fits(text: str, columns: int) -> bool:
    return max(map(len, text.splitlines())) <= columns


def test_the_shell_fits_the_terminal() -> None:
    line = [sys.executable, "-m", "gdbext", *CHECK]
    whole = subprocess.run(line, cwd=ROOT, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True).stdout
    assert not fits(whole, 100)
    for columns in (60, 80, 100):
        shown = in_terminal(columns, *CHECK)
        assert fits(shown, columns) and plain(shown) == plain(whole)
        assert len(shown.splitlines()) > len(whole.splitlines())
    assert in_terminal(400, *CHECK) == whole
    for words in (["--help"], ["help", "blocks"], ["gdb", "-h"]):
        assert fits(in_terminal(80, *words), 80) and not fits(in_terminal(400, *words), 80)
    assert in_terminal(60, *CHECK, "--format", "json").count("\n") > 100, "data is never wrapped"


def test_gdb_fits_the_terminal() -> None:
    """As wide as `set width` says. GDB itself never breaks a line, of which some fill the terminal exactly."""
    check = f"heap-check --heap {CASE.heap.option}"
    with stub_of((image.base, image.data) for image in CASE.images) as stub, GdbSession(columns=80) as gdb:
        for line in (SOURCE, remote(stub.remote)):
            gdb.command(line)
        shown = {80: gdb.command(check)}
        for width in (*range(60, 70), 0):
            gdb.command(f"set width {width}")
            shown[width] = gdb.command(check)
        gdb.command("set width 60")
        piped = gdb.command(f"pipe {check} | cat")
    whole = shown.pop(0)
    assert plain(piped) == plain(whole) and len(piped.splitlines()) == len(whole.splitlines())
    assert not fits(whole, 100)
    assert any(width in map(len, text.splitlines()) for width, text in shown.items())
    for width, text in shown.items():
        assert fits(text, width) and plain(text) == plain(whole)
        firsts = {line.partition(" ")[0] for line in text.splitlines()}
        assert firsts <= {"", "heap", "not", "trace:", "who:"} and "" not in text.splitlines()


def test_a_gdb_without_a_terminal_wraps_nothing() -> None:
    check = f"heap-check --heap {CASE.heap.option}"
    with (
        stub_of((image.base, image.data) for image in CASE.images) as stub,
        GdbSession(columns=80, tty=False) as gdb,
    ):
        for line in (SOURCE, remote(stub.remote)):
            gdb.command(line)
        assert not fits(gdb.command(check), 100)
