# SPDX-License-Identifier: Apache-2.0
"""The engine's core without Python: under ASan, UBSan and LSan, on random, broken and fuzzed logs, short of memory."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from random import Random

import pytest

from tests.support.paths import ROOT
from tests.unit.random_log import broken, random_log

ENGINE = ROOT / "c_helpers" / "engine"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")
CHECKED = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
RUNS = 15_000
PLAIN = bytes(8)  # what is asked: everything of the last run, in small pieces


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("engine") / "fuzz"
    sources = [ROOT / "tests/unit/c/engine/fuzz.c", *sorted(ENGINE.glob("*.c"))]
    includes = [f"-I{ENGINE}", f"-I{ROOT / 'c_helpers/include'}"]
    command = ["clang", "-std=c11", "-g", "-O1", *WARNINGS, *CHECKED, "-Wl,--wrap=aligned_alloc", *includes]
    done = subprocess.run([*command, *map(str, sources), "-o", str(made)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


@cache
def inputs() -> tuple[bytes, ...]:
    """Logs with something random in front of them that says what is asked."""
    random = Random(4)
    logs = [random_log(random, random.choice((20, 100, 300))) for _ in range(60)]
    logs += [broken(random, log) for log in logs]
    return tuple(random.choice((PLAIN, random.randbytes(4) + bytes((0, *random.randbytes(3))))) + log for log in logs)


def run(fuzzer: Path, *words: object) -> None:
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    line = [str(fuzzer), "-verbosity=0", "-rss_limit_mb=1000", *map(str, words)]
    done = subprocess.run(line, cwd=fuzzer.parent, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-4000:]


def test_random_and_broken_logs(fuzzer: Path, tmp_path: Path) -> None:
    for number, data in enumerate(inputs()):
        (tmp_path / str(number)).write_bytes(data)
    run(fuzzer, "-runs=1", *sorted(tmp_path.iterdir()))


def test_every_allocation_may_fail(fuzzer: Path, tmp_path: Path) -> None:
    random = Random(5)
    for number in range(1, 250):
        data = bytearray(random.choice(inputs()))
        data[4] = number
        (tmp_path / str(number)).write_bytes(data)
    run(fuzzer, "-runs=1", *sorted(tmp_path.iterdir()))


def test_fuzzed_logs(fuzzer: Path, tmp_path: Path) -> None:
    for number, data in enumerate(inputs()):
        (tmp_path / str(number)).write_bytes(data[:3000])
    run(fuzzer, f"-runs={RUNS}", "-seed=1", "-max_len=4000", tmp_path)
