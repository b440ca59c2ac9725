# SPDX-License-Identifier: Apache-2.0
"""`memtrace check` in the shell as a whole process: time, memory, and how both grow with the heap."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from gdbext.faces.shell import main
from tests.support.bench import Row, median_of
from tests.support.paths import ROOT
from tests.support.tlsf_image import heap_image

_BASE = 0x3F80_0000
_TIMES = 5


def rows() -> Iterable[Row]:
    """Heaps whose every eighth block is free."""
    with tempfile.TemporaryDirectory() as folder:
        large = _words(Path(folder), "large", 30_000, 4 << 20)
        small = _words(Path(folder), "small", 2_000, 300 << 10)
        tenth = _words(Path(folder), "tenth", 3_000, 400 << 10)
        peaks: list[float] = []
        yield Row(
            "memtrace check, 4 MiB, 30,000 blocks", median_of(lambda: _run(large, peaks), _TIMES), 1, "s", "process"
        )
        yield Row("the same: memory", max(peaks), 100, "MB", "largest resident set")
        yield Row(
            "memtrace check, 300 KiB, 2,000 blocks", median_of(lambda: _run(small, peaks), _TIMES), 0.25, "s", "process"
        )
        growth = median_of(lambda: _inside(large), _TIMES) / median_of(lambda: _inside(tenth), _TIMES)
        yield Row("ten times the blocks: times the time", growth, 11, "", "of CPU, without the start of Python")


def _words(folder: Path, name: str, count: int, size: int) -> list[str]:
    """The command on a heap of so many blocks and bytes."""
    step = (size // count - 4) & -8
    data = heap_image(_BASE, [(step + 8 * (number % 3 - 1), number % 8 != 7) for number in range(count)])
    path = folder / name
    path.write_bytes(data)
    return ["check", "--image", f"{_BASE:#x}={path}", "--heap", f"multi_heap@{_BASE:#x}"]


def _run(words: list[str], peaks: list[float]) -> float:
    """Seconds of a process of its own; its memory is added to `peaks`."""
    began = time.monotonic()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "gdbext", *words],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    assert status == 0, words
    peaks.append(usage.ru_maxrss * 1024 / 1e6)
    return time.monotonic() - began


def _inside(words: list[str]) -> float:
    """Seconds of CPU in this process."""
    began = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(words) == 0
    return time.process_time() - began
