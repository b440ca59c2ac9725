# SPDX-License-Identifier: Apache-2.0
"""memtrace_checkpoint.h: calls reach what is preloaded, and nothing happens without it, however a program is built."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PROGRAM = """\
#include <stdlib.h>
#include "memtrace_checkpoint.h"
int main(void)
{
    memtrace_recording_stop();
    memtrace_recording_start();
    for (int round = 0; round < 2; round++)
        memtrace_checkpoint("one");
    return 0;
}
"""
STAND_IN = """\
#include <stdio.h>
void memtrace_checkpoint(const char *name);
void memtrace_recording_start(void);
void memtrace_recording_stop(void);
void memtrace_checkpoint(const char *name) { printf("mark %s\\n", name); }
void memtrace_recording_start(void) { puts("start"); }
void memtrace_recording_stop(void) { puts("stop"); }
"""
STRICT = "-Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror".split()
HEADERS = str(ROOT / "c_helpers" / "include")
FIXED = ["-no-pie", "-fno-pie"]
MACHINES = {
    "x86-64": ("gcc", []),
    "x86": ("gcc -m32", []),
    "aarch64": ("aarch64-linux-gnu-gcc", ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]),
    "riscv64": ("riscv64-linux-gnu-gcc", ["qemu-riscv64", "-L", "/usr/riscv64-linux-gnu"]),
    "armhf": ("arm-linux-gnueabihf-gcc", ["qemu-arm", "-L", "/usr/arm-linux-gnueabihf"]),
    "musl": ("musl-gcc", []),
}


def compiled(folder: Path, compiler: str, *flags: str) -> Path:
    source = folder / ("program.cpp" if "++" in compiler else "program.c")
    source.write_text(PROGRAM)
    line = [*compiler.split(), *STRICT, f"-I{HEADERS}", *flags, str(source), "-o", str(folder / "program")]
    subprocess.run(line, check=True, timeout=120)
    return folder / "program"


def printed(line: list[str], **env: str) -> str:
    done = subprocess.run(line, env={**os.environ, **env}, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


@pytest.mark.parametrize("flags", [[], ["-O2"], FIXED, [*FIXED, "-O2"]], ids=" ".join)
@pytest.mark.parametrize("compiler", ["gcc -std=c11", "clang -std=gnu99", "g++ -std=c++11 -Wold-style-cast", "clang++"])
def test_every_call_reaches_what_is_preloaded(tmp_path: Path, compiler: str, flags: list[str]) -> None:
    program = compiled(tmp_path, compiler, *flags)
    (tmp_path / "stand_in.c").write_text(STAND_IN)
    library = tmp_path / "stand_in.so"
    subprocess.run(["gcc", "-shared", "-fPIC", str(tmp_path / "stand_in.c"), "-o", str(library)], check=True)
    assert printed([str(program)]) == ""
    assert printed([str(program)], LD_PRELOAD=str(library)) == "stop\nstart\nmark one\nmark one\n"


@pytest.mark.parametrize("flags", [[], FIXED], ids=["any", "fixed"])
@pytest.mark.parametrize("machine", MACHINES)
def test_on_other_machines_and_libraries(tmp_path: Path, machine: str, flags: list[str]) -> None:
    compiler, runner = MACHINES[machine]
    program = compiled(tmp_path, compiler, *flags)
    (tmp_path / "stand_in.c").write_text(STAND_IN)
    library = tmp_path / "stand_in.so"
    line = [*compiler.split(), "-shared", "-fPIC", str(tmp_path / "stand_in.c"), "-o", str(library)]
    subprocess.run(line, check=True)
    assert printed([*runner, str(program)]) == ""
    preload = {} if runner else {"LD_PRELOAD": str(library)}
    given = ["-E", f"LD_PRELOAD={library}"] if runner else []
    assert printed([*runner, *given, str(program)], **preload) == "stop\nstart\nmark one\nmark one\n"


@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_a_static_program_links_and_says_nothing(tmp_path: Path, compiler: str) -> None:
    for flags in (["-static"], ["-static", "-fno-pie"]):
        assert printed([str(compiled(tmp_path, compiler, *flags))]) == ""


def test_a_library_of_the_program_may_call_it_too(tmp_path: Path) -> None:
    """Both have the header's functions, as their own."""
    (tmp_path / "part.c").write_text(PROGRAM.replace("main", "part"))
    part = [*STRICT, f"-I{HEADERS}", "-shared", "-fPIC", str(tmp_path / "part.c"), "-o", str(tmp_path / "part.so")]
    subprocess.run(["gcc", "-Wno-missing-prototypes", *part], check=True)
    names = printed(["nm", "-D", "--defined-only", str(tmp_path / "part.so")])
    assert "memtrace" not in names and "part" in names
