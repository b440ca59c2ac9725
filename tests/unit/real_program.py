# SPDX-License-Identifier: Apache-2.0
"""Real programs with the recorder in them: compiled by any compiler, run, and their events with names of functions.

tests/unit/c/real is the port: the program's own stack and code. Addresses in the program are those of its file.
"""

from __future__ import annotations

import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.ring import read_ring
from tests.support.paths import ROOT
from tests.support.recorder import HELPERS

FOLDER = ROOT / "tests" / "unit" / "c" / "real"
PLACES = (f"-I{FOLDER}", f"-I{HELPERS / 'include'}")
FRAMES = ("-g", "-O1", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-ffunction-sections")
WARNINGS = ("-Wall", "-Wextra", "-pedantic", "-Werror")


@dataclass(frozen=True)
class Seen:
    """An event, as a test wants it: its stack is names of functions."""

    kind: str
    address: int
    size: int
    stack: tuple[str, ...]
    task: str | None
    time: int | None

    @property
    def caller(self) -> str:
        return self.stack[0]


def run(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(list(command), cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{' '.join(command)[:2000]}\n{done.stdout}{done.stderr}"
    return done.stdout


def objects(folder: Path, sources: Iterable[Path], compiler: Sequence[str]) -> list[str]:
    """An object of each source."""
    made = []
    for source in sources:
        made.append(str(folder / f"{source.parent.name}-{source.name}.o"))
        run([*compiler, *PLACES, "-c", str(source), "-o", made[-1]])
    return made


def recorder(folder: Path) -> list[str]:
    """The recorder and the port, with the flags that the documents name."""
    sources = [*sorted((HELPERS / "recorder").glob("*.c")), FOLDER / "real.c"]
    return objects(folder, sources, ("gcc", "-std=gnu11", "-O2", "-ffunction-sections"))


def names_of(program: Path, nm: str = "nm") -> list[tuple[int, str]]:
    """Functions by address."""
    lines = (line.split() for line in run([nm, "-n", str(program)]).splitlines())
    return [(int(words[0], 16), words[2]) for words in lines if len(words) == 3 and words[1] in "TtWw"]


def events_of(
    program: Path, address: int, data: bytes, *, bits: int = 64, nm: str = "nm", issued: int = 0
) -> list[Seen]:
    """Those that are kept; all must be, or of so many `issued` the last ones."""
    names = names_of(program, nm)
    starts = [start for start, _ in names]

    def name(pc: int) -> str:
        return names[bisect_right(starts, pc - 1) - 1][1]

    trace = read_ring(Memory(snapshot_of([(address, data)], bits // 8, "little")), address)
    assert trace.info is not None and trace.info.kept + trace.info.lost == (issued or trace.info.kept)
    return [
        Seen(event.kind, event.address, event.size, tuple(map(name, event.stack)), event.task, event.time)
        for event in trace.events
        if event.kind not in ("control", "mark")
    ]


def recorded(program: Path, *arguments: str) -> list[Seen]:
    """What the program recorded of itself."""
    ring = program.with_suffix(".ring")
    said = run([str(program), str(ring), *arguments])
    return events_of(program, int(said.split("ring ")[1].split()[0]), ring.read_bytes())
