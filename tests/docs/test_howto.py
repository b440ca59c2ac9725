# SPDX-License-Identifier: Apache-2.0
"""The how-to pages that add something to memtrace: what they show is written into a copy of the package, and works.

`example-file PATH` is a new file, `example-line PATH` a line and the one that comes behind it, `example-program NAME` a
program whose log under glibc's mtrace is NAME.log, `example-run` what is typed then, and what comes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fixtures, mbedtls_image
from tests.support.documents import DOCS
from tests.support.paths import ROOT

PAGES = ["add-a-command", "add-an-export", "add-a-foreign-log", "add-an-allocator"]
BLOCK = re.compile(r"^```example-(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_A_FOLDER = {"add-an-allocator"}  # what these pages add is the files of one folder; the others add one file


class Shell:
    """A folder in which the changed package is, and what the pages name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "gdbext", folder / "gdbext", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(fixtures.case("a005").images[0].path, folder / "a005.bin")
        (folder / "buffer.bin").write_bytes(mbedtls_image.sound())
        (folder / "broken.bin").write_bytes(mbedtls_image.broken())
        (folder / "bin").mkdir()
        script = folder / "bin" / "memtrace"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gdbext "$@" 2>&1\n')
        script.chmod(0o755)

    def run(self, line: str, **more: str) -> str:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder), **more}
        return subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ).stdout

    def carry_out(self, kind: str, name: str, text: str) -> None:
        """Writes a file, a line or a log."""
        if kind == "file":
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)
        elif kind == "line":
            before = "".join(text.splitlines(keepends=True)[:-1])
            whole = (self.folder / name).read_text()
            assert whole.count(before) == 1, f"{before!r} is not in {name}, or several times"
            (self.folder / name).write_text(whole.replace(before, text))
        elif kind == "program":
            (self.folder / f"{name}.c").write_text(text)
            assert self.run(f"gcc -g {name}.c -o {name}") == ""
            preload = "libc_malloc_debug.so.0"  # where glibc keeps mtrace since 2.34
            self.run(f"./{name}", MALLOC_TRACE=f"{name}.log", LD_PRELOAD=preload)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_adds_works(page: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    found = BLOCK.findall((DOCS / "how-to" / f"{page}.md").read_text())
    for kind, name, text in found:
        shell.carry_out(kind, name, text)
    for kind, _, text in found:
        for turn in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:] if kind == "run" else []:
            typed, _, wanted = turn.partition("\n")
            assert (typed, shell.run(typed)) == (typed, wanted)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_added_is_a_file_or_a_folder_and_a_line(page: str) -> None:
    found = BLOCK.findall((DOCS / "how-to" / f"{page}.md").read_text())
    files = [name for kind, name, _ in found if kind == "file"]
    added = {name.rpartition("/")[0] for name in files} if page in IN_A_FOLDER else files
    assert (len(added), [kind for kind, _, _ in found].count("line")) == (1, 1)


def test_what_a_page_adds_is_typed(tmp_path: Path) -> None:
    """The examples are held to the same rules as the package."""
    shell = Shell(tmp_path)
    for page in PAGES:
        for kind, name, text in BLOCK.findall((DOCS / "how-to" / f"{page}.md").read_text()):
            if kind in ("file", "line"):
                shell.carry_out(kind, name, text)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for tool in ("ruff check gdbext", "ruff format --check gdbext", "mypy gdbext"):
        done = subprocess.run(
            [sys.executable, "-m", *tool.split()],
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
