# SPDX-License-Identifier: Apache-2.0
"""`memtrace explain` on a console log of 100 MB in which nothing is found."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.support.bench import Row
from tests.support.paths import ROOT

_BYTES, _BOUND = 100_000_000, 50  # a log, and the MB/s that it must pass with
_SHAPES = (
    "I ({time}) sensor: reading {small}: 22.1 C, 41 %RH\r\n",
    "W ({time}) mqtt_client: retry {small} of 12, waiting for a free slot\r\n",
    "I ({time}) wifi:<ba-add>idx:0, ifx:0, tid:0, TAHI:0x{small:x}, TALO:0x{large:08x}\r\n",
    "\x1b[0;32mD ({time}) net: buffer {large:#x}, free heap {small}\x1b[0m\r\n",
)


def rows() -> Iterable[Row]:
    """Time and memory of the process. Its output goes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder, "console.log"), Path(folder, "out.log")
        write_quiet(log, _BYTES)
        started = time.monotonic()
        with out.open("wb") as file:
            line = [sys.executable, "-m", "gdbext", "explain", str(log)]
            process = subprocess.Popen(line, cwd=ROOT, stdout=file, env={**os.environ, "PYTHONPATH": str(ROOT)})
            _, _, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        assert out.stat().st_size >= log.stat().st_size
        cpu = usage.ru_utime + usage.ru_stime
    whole = _BYTES / 1e6 / _BOUND
    yield Row(
        "console log of 100 MB without a crash: explain", seconds, whole, "s", f"{100 / seconds:.0f} MB/s, process"
    )
    yield Row("the same: CPU", cpu, whole, "s", f"{100 / cpu:.0f} MB/s")
    yield Row("the same: memory", usage.ru_maxrss / 1e3, 64, "MB", "largest resident set")


def write_quiet(path: Path, size: int) -> None:
    """A log of lines in which nothing happens."""
    chance, at = random.Random(5), 0
    with path.open("w", newline="") as file:
        while at < size:
            values = {"time": at // 50, "small": chance.randrange(100), "large": chance.randrange(1 << 32)}
            at += file.write(chance.choice(_SHAPES).format(**values))
