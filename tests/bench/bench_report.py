# SPDX-License-Identifier: Apache-2.0
"""`memtrace report` on a log as a whole process, when the names of its addresses are in the cache."""

from __future__ import annotations

import os
import random
import struct
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from tests.support.bench import Row
from tests.support.log import Log
from tests.support.paths import ROOT, SHARED

_EVENTS, _SLOTS, _STACKS, _DEEP = 1_000_000, 20_000, 500, 6
_ELF = SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf"
_CODE = range(0x4200_0040, 0x4200_1E00, 2)
_TIMES = 5


def rows() -> Iterable[Row]:
    """A churn of 10,000 live blocks and 500 stacks, on 32 bits."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "churn.log")
        write_churn(log, _EVENTS)
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        # The first run keeps what it has compiled, as an installation does.
        environment = {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": folder, "XDG_CACHE_HOME": folder}
        cold, *_ = _run(log, environment)
        runs = [_run(log, environment) for _ in range(_TIMES)]
        seconds, cpu, memory = (median(column) for column in zip(*runs, strict=True))
        yield Row("memtrace report, 1 M events, warm symbols", seconds, 0.5, "s", "process; bound of an idle machine")
        yield Row("the same: CPU", cpu, 0.5, "s", "user and system, with Python's start")
        yield Row("the same: memory", memory, None, "MB", "largest resident set")
        yield Row("the same, names not in the cache", cold, None, "s", "process, 3,000 PCs of a small ELF")


def write_churn(path: Path, events: int) -> None:
    """A log of so many events: each allocates in a free slot, or frees the block in a used one."""
    chance, log = random.Random(2), Log(tick_hz=0)
    for number in range(1, _STACKS + 1):
        log.stack(number, *chance.choices(_CODE, k=_DEEP))
    used = [False] * _SLOTS
    with path.open("wb") as file:  # in pieces: a child's memory is measured from its parent's on
        file.write(log.data)
        for seq in range(events):
            slot, last = chance.randrange(_SLOTS), (seq & 0xFFF) << 8
            stack = slot % _STACKS + 1
            address, whose = 0x2000_0000 + slot * 512, 3 | stack << 16
            size = 0 if used[slot] else 16 + stack
            file.write(struct.pack("<4I", address, size, whose, (2 if used[slot] else 1) | last))
            used[slot] = not used[slot]


def _run(log: Path, environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and megabytes of a process of its own."""
    words = [sys.executable, "-m", "gdbext", "report", str(log), "--elf", str(_ELF)]
    began = time.monotonic()
    child = os.posix_spawn(
        sys.executable, words, environment, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(child, 0)
    assert status == 0, words
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
