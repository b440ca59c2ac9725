# SPDX-License-Identifier: Apache-2.0
"""The recorder compiled for this machine, 32 or 64 bits wide.

tests/unit/c/recorder/books.c runs a scenario, prints what it asked for and writes the ring.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.ring import read_ring
from gdbext.trace.trace import Trace
from tests.support import recorder

Expected = tuple[str, int, int, int, str, int, int, tuple[int, ...]]


@cache
def build(bits: int, flags: Sequence[str]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="memtrace-recorder-"))
    return recorder.compile_with(folder / "books", [recorder.FOLDER / "books.c"], ("-O1", f"-m{bits}", *flags))


@dataclass(frozen=True)
class Run:
    """What a scenario printed, and its ring's bytes."""

    bits: int
    lines: tuple[str, ...]
    address: int
    data: bytes

    @property
    def expected(self) -> list[Expected]:
        return [parsed for line in self.lines for parsed in _parsed(line)]

    def number(self, name: str) -> int:
        return next(int(line.split()[1]) for line in self.lines if line.startswith(name + " "))

    def trace(self) -> Trace:
        return read_ring(Memory(snapshot_of([(self.address, self.data)], self.bits // 8, "little")), self.address)


def _parsed(line: str) -> Iterator[Expected]:
    """A line of bookkeeping; names of tasks may have blanks."""
    words = line.split(" ")
    if len(words) < 8:
        return
    kind, address, size, heap = words[0], *map(int, words[1:4])
    core, time, pcs = int(words[-3]), int(words[-2]), words[-1]
    yield kind, address, size, heap, " ".join(words[4:-3]), core, time, tuple(int(pc) for pc in pcs.split(",") if pc)


def run(bits: int, flags: Sequence[str], scenario: str) -> Run:
    with tempfile.NamedTemporaryFile() as file:
        command = [str(build(bits, tuple(flags))), scenario, file.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stderr
        lines = tuple(done.stdout.splitlines())
        return Run(bits, lines, int(lines[-1].split()[1]), Path(file.name).read_bytes())
