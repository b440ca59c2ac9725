# SPDX-License-Identifier: Apache-2.0
"""add-an-architecture.md carried out: the recorder's cases pass on what it adds, compiled for it and run in QEMU."""

from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.documents import DOCS
from tests.support.recorder import FLAGS, FOLDER, HELPERS

PAGE = (DOCS / "how-to" / "add-an-architecture.md").read_text()
BLOCK = re.compile(r"^```arch-(file|line) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What needs threads or signals is slow in an emulator, and says nothing of frames; "header" asks for x86's number.
LEFT_OUT = ("threads", "threads_tiny_ring", "threads_new_stacks", "signals", "header")

# The cases make code up, below 8 MiB: nothing of the program may lie there.
ABOVE = ("-static", "-Wl,-Ttext-segment=0x40000000")


def helpers_with_it(folder: Path) -> Path:
    """A copy of c_helpers with the file and the lines that the page shows."""
    shutil.copytree(HELPERS, folder / "c_helpers")
    for kind, name, text in BLOCK.findall(PAGE):
        path = folder / name
        if kind == "file":
            path.write_text(text)
            continue
        lines = text.splitlines(keepends=True)
        before = "".join(lines[: len(lines) // 2])
        assert path.read_text().count(before) == 1
        path.write_text(path.read_text().replace(before, text))
    return folder / "c_helpers"


def test_the_recorder_passes_its_cases_on_it(tmp_path: Path) -> None:
    helpers, program = helpers_with_it(tmp_path), tmp_path / "cases"
    sources = [*(FOLDER / "cases").glob("*.c"), FOLDER / "world.c", *(helpers / "recorder").glob("*.c")]
    line = ["aarch64-linux-gnu-gcc", *FLAGS, "-O1", *ABOVE, f"-I{FOLDER}", f"-I{helpers / 'include'}"]
    done = subprocess.run([*line, *map(str, sources), "-o", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["qemu-aarch64", str(program), *words], capture_output=True, text=True, timeout=600)

    names = [name for name in run().stdout.split() if name not in LEFT_OUT]
    assert len(names) >= 26
    with ThreadPoolExecutor(2) as pool:
        failed = [
            (name, ran.stderr[:500]) for name, ran in zip(names, pool.map(run, names), strict=True) if ran.returncode
        ]
    assert failed == []


def test_it_is_one_file_and_its_lines() -> None:
    assert [(kind, name) for kind, name, _ in BLOCK.findall(PAGE)] == [
        ("file", "c_helpers/arch/aarch64.h"),
        ("line", "c_helpers/arch/arch.h"),
        ("line", "c_helpers/include/memtrace_format.h"),
    ]
