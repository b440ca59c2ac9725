# SPDX-License-Identifier: Apache-2.0
"""The recorder on the host: every kind of event, every table, wrap and clock, and four threads as cores.

tests/unit/c/recorder/cases holds them, and a second reading of the format's bytes. They run on both pointer widths
under ASan and UBSan, without the quick way, without the optional features, with a lock in place of the atomics, and
under TSan.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import recorder

CHECKED = "-fsanitize=address,undefined"
CONCURRENT = ("threads", "threads_tiny_ring", "threads_new_stacks", "signals")


@dataclass(frozen=True)
class Build:
    """One way to compile the recorder with its cases; `only` names those that it is for."""

    name: str
    flags: tuple[str, ...]
    only: tuple[str, ...] = ()


BUILDS = (
    Build("32-bit", ("-m32", "-O1", "-DMEMTRACE_TAGS=1", CHECKED)),
    Build("64-bit", ("-m64", "-O1", "-DMEMTRACE_TAGS=1", CHECKED)),
    Build("small", ("-m32", "-Os", "-DMEMTRACE_QUICK=0", CHECKED)),
    Build("base", ("-m32", "-O2", "-DMEMTRACE_FILTERS=0", "-DMEMTRACE_LIVE=0", "-fsanitize=undefined")),
    Build("lock", ("-m32", "-O1", "-DMEMTRACE_ATOMICS_BY_LOCK", "-DEVENTS_A_THREAD=30000")),
    Build(
        "lock-tsan",
        ("-m64", "-O1", "-DMEMTRACE_ATOMICS_BY_LOCK", "-DEVENTS_A_THREAD=3000", "-fsanitize=thread"),
        CONCURRENT,
    ),
    Build("tsan", ("-m64", "-O1", "-DEVENTS_A_THREAD=30000", "-fsanitize=thread"), CONCURRENT),
)
PLAIN = Build("plain", ("-m64", "-O1", "-DMEMTRACE_TEST_PLAIN_ATOMICS"))
PLAIN_TRIES = 100  # threads must meet; on a busy machine they seldom do


def build(folder: Path, wanted: Build) -> Path:
    """Compile the cases with the recorder."""
    flags = ("-fno-sanitize-recover=all", *wanted.flags)
    return recorder.compile_with(folder / wanted.name, sorted((recorder.FOLDER / "cases").glob("*.c")), flags)


def failure(program: Path, case: str) -> str:
    """What the case found wrong; empty if nothing."""
    done = subprocess.run([str(program), case], capture_output=True, text=True, timeout=600)
    return "" if done.returncode == 0 else f"{case}: {done.returncode}\n{done.stderr[:2000]}"


def cases(program: Path) -> list[str]:
    return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize("wanted", BUILDS, ids=lambda wanted: wanted.name)
def test_recorder(wanted: Build, tmp_path: Path) -> None:
    program = build(tmp_path, wanted)
    names = [name for name in cases(program) if not wanted.only or name in wanted.only]
    assert len(names) >= (len(wanted.only) or 30)
    with ThreadPoolExecutor(2) as pool:
        failures = [text for text in pool.map(lambda name: failure(program, name), names) if text]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("quick", [0, 1])
@pytest.mark.parametrize("bits", [32, 64])
def test_no_word_is_read_as_another_type(bits: int, quick: int, tmp_path: Path) -> None:
    flags = (f"-m{bits}", "-O3", f"-DMEMTRACE_QUICK={quick}", "-Wstrict-aliasing=1")
    recorder.compile_with(tmp_path / "one", [recorder.FOLDER / "cases" / "reader.c"], ("-shared", "-fPIC", *flags))


def test_plain_steps_in_place_of_atomics_are_noticed(tmp_path: Path) -> None:
    """The thread cases see what atomics are there for: without them they fail."""
    program = build(tmp_path, PLAIN)
    assert not failure(program, "wrap"), "it must record as well as any, while it is alone"
    assert any(failure(program, case) for _ in range(PLAIN_TRIES) for case in CONCURRENT[:2])
