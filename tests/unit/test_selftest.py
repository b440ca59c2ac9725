# SPDX-License-Identifier: Apache-2.0
"""The self-test of the hooks names the one that is missing, and no other: one program for each hook left out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
PROGRAM = ROOT / "tests" / "unit" / "c" / "selftest" / "main.c"
ALIGNED = "-DMEMTRACE_SELFTEST_ALIGNED(alignment, size)=aligned_alloc(alignment, size)"
FLAGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O2", "-ffunction-sections", ALIGNED)
C_SOURCES = (
    "wrap/memtrace_wrap.c",
    "wrap/malloc.c",
    "wrap/aligned.c",
    "wrap/posix_memalign.c",
    "sinks/ring_view.c",
    "selftest/memtrace_selftest.c",
)
CPP_SOURCES = ("wrap/new.cpp", "selftest/memtrace_selftest_new.cpp")
LISTS = ("malloc", "aligned", "posix_memalign", "new")
# The functions that are not wrapped: the bit that must be missing, a word of its sentence, and the entries that fire.
LEFT_OUT = {
    "nothing": ((), 0, "every hook works", 0x7001E),
    "malloc": (("malloc",), 1 << 1, "malloc", 0x7001E),
    "free": (("free",), 1 << 2, "free", 0x7001E),
    "realloc": (("realloc",), 1 << 3, "realloc", 0x70006),
    "calloc": (("calloc",), 1 << 16, "calloc", 0x6001E),
    "aligned": (("memalign", "aligned_alloc", "posix_memalign"), 1 << 17, "aligned", 0x5001E),
    "new": (("_Znw",), 1 << 18, "new or delete", 0x3001E),
    "delete": (("_Zdl",), 1 << 18, "new or delete", 0x7001E),
}


def run(*line: str) -> str:
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The recorder, its wrappers and the self-test."""
    folder = tmp_path_factory.mktemp("selftest")
    includes = [f"-I{path}" for path in (HELPERS / "include", HELPERS / "selftest", ROOT / "examples" / "linux")]
    made = []
    sources = [
        PROGRAM,
        *sorted((HELPERS / "recorder").glob("*.c")),
        *(HELPERS / name for name in (*C_SOURCES, *CPP_SOURCES)),
    ]
    for source in sources:
        compiler = ("g++",) if source.suffix == ".cpp" else ("gcc", "-std=gnu11")
        made.append(str(folder / f"{source.stem}{source.suffix}.o"))
        run(*compiler, *FLAGS, *includes, "-c", str(source), "-o", made[-1])
    return made


def wrapped(left_out: tuple[str, ...]) -> list[str]:
    """The linker's options for all functions but those; C++'s are named by their mangled name's start."""
    lists = [(HELPERS / "wrap" / f"{name}.wrap").read_text().split() for name in LISTS]
    starts = tuple(f"--wrap={name}" for name in left_out if name.startswith("_"))
    names = {f"--wrap={name}" for name in left_out}
    kept = [line for lines in lists for line in lines if line not in names and not line.startswith(starts or "none")]
    return [f"-Wl,{line}" for line in kept]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_the_hook_that_is_left_out_is_named_and_no_other(objects: list[str], name: str, tmp_path: Path) -> None:
    left_out, missing, word, entries = LEFT_OUT[name]
    program = str(tmp_path / "program")
    run("g++", "-Wl,--gc-sections", *wrapped(left_out), *objects, "-o", program)
    before, recording, fired, stopped = run(program).splitlines()
    assert before.split()[:2] == ["before", "80000000"] and stopped.split()[:2] == ["stopped", "80000000"]
    assert int(recording.split()[1], 16) == missing and word in recording
    assert fired == f"entries {entries:x}"


def test_without_the_assertions_hook_that_is_named(objects: list[str], tmp_path: Path) -> None:
    """The same programs with an allocator that is a TLSF: with the hook's header in it, and without."""
    source, made = HELPERS / "selftest" / "memtrace_selftest.c", str(tmp_path / "selftest.o")
    includes = [f"-I{path}" for path in (HELPERS / "include", ROOT / "examples" / "linux")]
    run("gcc", "-std=gnu11", *FLAGS, "-DMEMTRACE_SELFTEST_ASSERT=1", *includes, "-c", str(source), "-o", made)
    others = [one for one in objects if "memtrace_selftest.c" not in one]
    said: list[int] = []
    for defines in ((), ("-DMEMTRACE_TLSF_ASSERT_H",)):
        main, program = str(tmp_path / "main.o"), str(tmp_path / f"program{len(said)}")
        run(
            "gcc",
            "-std=gnu11",
            *FLAGS,
            *defines,
            *includes,
            f"-I{HELPERS / 'selftest'}",
            "-c",
            str(PROGRAM),
            "-o",
            main,
        )
        rest = [one for one in others if not one.endswith("/main.c.o")]
        run("g++", "-Wl,--gc-sections", *wrapped(()), main, made, *rest, "-o", program)
        said.append(int(run(program).splitlines()[1].split()[1], 16))
    assert said == [0, 1 << 7]
