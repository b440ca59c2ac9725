# SPDX-License-Identifier: Apache-2.0
"""add-an-architecture.md carried out on sources without what it adds: they become the repository's, and pass in QEMU.

RV64, which shares a file with RV32, passes the same cases.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
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


def helpers_without_it(folder: Path) -> Path:
    """A copy of c_helpers without the file and the lines that the page shows."""
    shutil.copytree(HELPERS, folder / "c_helpers")
    for kind, name, text in BLOCK.findall(PAGE):
        path = folder / name
        if kind == "file":
            path.unlink()
            continue
        lines = text.splitlines(keepends=True)
        assert path.read_text().count(text) == 1
        path.write_text(path.read_text().replace(text, "".join(lines[: len(lines) // 2])))
    return folder / "c_helpers"


def add_it(folder: Path) -> None:
    """Do what the page says."""
    for kind, name, text in BLOCK.findall(PAGE):
        path = folder / name
        if kind == "file":
            path.write_text(text)
            continue
        lines = text.splitlines(keepends=True)
        before = "".join(lines[: len(lines) // 2])
        assert path.read_text().count(before) == 1
        path.write_text(path.read_text().replace(before, text))


def failures(helpers: Path, program: Path, compiler: Sequence[str], emulator: str) -> list[tuple[str, str]]:
    """The recorder's cases that fail on an architecture."""
    sources = [*(FOLDER / "cases").glob("*.c"), FOLDER / "world.c", *(helpers / "recorder").glob("*.c")]
    line = [*compiler, *FLAGS, "-O1", *ABOVE, f"-I{FOLDER}", f"-I{helpers / 'include'}"]
    done = subprocess.run([*line, *map(str, sources), "-o", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([emulator, str(program), *words], capture_output=True, text=True, timeout=600)

    names = [name for name in run().stdout.split() if name not in LEFT_OUT]
    assert len(names) >= 26
    with ThreadPoolExecutor(2) as pool:
        ran = zip(names, pool.map(run, names), strict=True)
        return [(name, done.stderr[:500]) for name, done in ran if done.returncode]


def test_the_recorder_passes_its_cases_on_it(tmp_path: Path) -> None:
    helpers = helpers_without_it(tmp_path)
    add_it(tmp_path)
    for path in filter(Path.is_file, HELPERS.rglob("*")):
        assert (helpers / path.relative_to(HELPERS)).read_bytes() == path.read_bytes()
    assert failures(helpers, tmp_path / "cases", ["aarch64-linux-gnu-gcc"], "qemu-aarch64") == []


def test_the_recorder_passes_its_cases_on_rv64(tmp_path: Path) -> None:
    assert failures(HELPERS, tmp_path / "cases", ["riscv64-linux-gnu-gcc"], "qemu-riscv64") == []


def test_rv32e_has_stacks_aligned_to_a_word(tmp_path: Path) -> None:
    source = tmp_path / "aligned.c"
    source.write_text('#include "recorder/frames.h"\n_Static_assert(FRAME_ALIGNMENT == 4, "ilp32e");\n')
    machine = ["-march=rv32e", "-mabi=ilp32e", "--specs=picolibc.specs", "-std=c11", "-c"]
    includes = [f"-I{HELPERS}", f"-I{HELPERS / 'include'}", f"-I{FOLDER}"]
    line = ["riscv64-unknown-elf-gcc", *machine, *includes, str(source), "-o", str(tmp_path / "aligned.o")]
    assert subprocess.run(line).returncode == 0


def test_it_is_one_file_and_its_lines() -> None:
    assert [(kind, name) for kind, name, _ in BLOCK.findall(PAGE)] == [
        ("file", "c_helpers/arch/aarch64.h"),
        ("line", "c_helpers/arch/arch.h"),
        ("line", "c_helpers/include/memtrace_format.h"),
    ]
