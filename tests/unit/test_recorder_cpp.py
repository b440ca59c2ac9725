# SPDX-License-Identifier: Apache-2.0
"""memtrace.h in C++: every compiler and standard takes it without a word, and what a C++ program records is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recorder import HELPERS
from tests.unit.real_program import FOLDER, FRAMES, WARNINGS, objects, recorded, recorder, run

COMPILERS = ("g++", "clang++")
STANDARDS = ("11", "14", "17", "20")
RV32 = ("-march=rv32imac", "-mabi=ilp32")
# Compilers for 32 bits, which have no C++ library here: the headers ask for nothing of one.
BARE = (
    ("g++", "-m32"),
    ("clang++", "--target=riscv32", *RV32),
    ("riscv64-unknown-elf-g++", "-misa-spec=2.2", *RV32),
    ("xtensa-lx106-elf-g++",),
    ("arm-none-eabi-g++", "-mthumb", "-mcpu=cortex-m0"),
    ("clang++", "--target=arm-none-eabi", "-mthumb", "-mcpu=cortex-m33"),
)
MORE = ("-Wold-style-cast", "-Wconversion", "-Wshadow", "-Wcast-qual")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return recorder(tmp_path_factory.mktemp("recorder"))


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_in_cpp_records(compiler: str, standard: str, parts: list[str], tmp_path: Path) -> None:
    words = (compiler, f"-std=c++{standard}", *FRAMES, *WARNINGS, *MORE)
    own = objects(tmp_path, [FOLDER / "caller.cpp"], words)
    program = tmp_path / "program"
    run([compiler, "-no-pie", *own, *parts, "-o", str(program)])
    events = recorded(program)
    assert [event.kind for event in events] == ["alloc", "realloc-begin", "realloc-end", "free"]
    assert [event.size for event in events] == [30, 40, 40, 0]
    assert {event.stack for event in events if event.kind != "realloc-end"} == {("user", "real_run")}


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("compiler", BARE, ids=("x86", "riscv-clang", "riscv", "xtensa", "arm", "arm-clang"))
def test_the_headers_are_taken_on_32_bits(compiler: tuple[str, ...], standard: str, tmp_path: Path) -> None:
    source = tmp_path / "all.cpp"
    headers = sorted(path.name for path in (HELPERS / "include").glob("*.h"))
    headers.append(str(HELPERS / "usage" / "memtrace_usage.h"))
    source.write_text("".join(f'#include "{name}"\n' for name in headers))
    words = (*compiler, f"-std=c++{standard}", "-ffreestanding", "-DMEMTRACE_ASSERT_ABORT=__builtin_trap")
    objects(tmp_path, [source], (*words, *WARNINGS, *MORE))
