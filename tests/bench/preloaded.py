# SPDX-License-Identifier: Apache-2.0
"""Programs that run bare, under heaptrack's recorder, and under ours.

heaptrack is started as its script starts it, by its preload, but writes to a file: so its recorder alone is measured,
without the programs that read its pipe, and it is a little cheaper than for its users. Ours has its defaults.

What one recorder adds is small beside how much a shared machine varies from one minute to the next. So the three run
one after the other, in turns, every other turn backwards; each turn gives one share, and the median of these is the
result. Rejected: the least of each, which compares different minutes. CPU time is what wait4 says of the process.

A recorder that records nothing would win: as many events as in heaptrack's file must be in our log.
BENCH_LIBRARY names another library than the one that is built here. With heaptrack's own, each share of time should be
1: how far it is from that is what the machine adds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from gdbext.source.log_file import open_log
from gdbext.trace.engine import EngineReplay
from gdbext.trace.replay import Wish
from tests.support import linux
from tests.support.bench import Row
from tests.support.paths import ROOT

HEAPTRACK = Path("/usr/lib/heaptrack/libheaptrack_preload.so")
CFLAGS = ["-std=c11", "-O2", "-fomit-frame-pointer", "-g", "-pthread"]
# Events of ours that may be missing beside heaptrack's: what happens before either is there.
LEAST_SEEN = 0.98
PIECE = 1 << 20


def have(*programs: str) -> bool:
    """Whether all are there; one line says which is not, and the rows that need it are left out."""
    missing = [name for name in programs if shutil.which(name) is None and not Path(name).exists()]
    if missing:
        print(f"no {', '.join(Path(name).name for name in missing)} here: left out", file=sys.stderr)
    return not missing


def library(build: Callable[[], Path] = linux.library) -> Path:
    """Our recorder, built if no other one is named."""
    named = os.environ.get("BENCH_LIBRARY")
    return Path(named).resolve() if named else build()


def compiled(name: str, folder: Path) -> str:
    """A program of tests/bench/c."""
    made = folder / name
    if not made.exists():
        subprocess.run(["gcc", *CFLAGS, str(ROOT / f"tests/bench/c/{name}.c"), "-o", str(made)], check=True)
    return str(made)


@dataclass(frozen=True)
class Program:
    """What is measured: its command, where its input comes from, what it has in its environment."""

    command: tuple[str, ...]
    input: Path = Path(os.devnull)
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Recorder:
    """A library, and the file that it writes."""

    library: Path
    file: Path

    @property
    def is_heaptrack(self) -> bool:
        """Whether this is heaptrack's."""
        return "heaptrack" in self.library.name

    def environment(self) -> dict[str, str]:
        """What makes a program run under it."""
        under = {"LD_PRELOAD": str(self.library)}
        if self.is_heaptrack:
            return {**under, "DUMP_HEAPTRACK_OUTPUT": str(self.file)}
        return {**under, "MEMTRACE_LOG": str(self.file)}

    def events(self) -> int:
        """How many events are in its file."""
        return heaptrack_events(self.file) if self.is_heaptrack else log_events(self.newest)

    @property
    def newest(self) -> Path:
        """The program's log. A script that starts it has an earlier one: ours.log, ours.2.log, and so on."""
        logs = self.file.parent.glob(f"{self.file.stem}*{self.file.suffix}")
        return max(logs, key=lambda path: (len(path.name), path.name))


class Cost(NamedTuple):
    """What a run took, in seconds."""

    cpu: float
    wall: float


class Turn(NamedTuple):
    """One run of each, one after the other."""

    bare: Cost
    heaptrack: Cost
    ours: Cost

    def share(self, kind: str) -> float:
        """What ours adds, of what heaptrack adds; `kind` is cpu or wall."""
        return self.added("ours", kind) / self.added("heaptrack", kind)

    def added(self, who: str, kind: str) -> float:
        """Seconds beyond the bare run."""
        return float(getattr(getattr(self, who), kind) - getattr(self.bare, kind))


class Case:
    """A program in a folder, with what the recorders write there."""

    def __init__(self, program: Program, folder: Path, ours: Path | None = None) -> None:
        self.program, self.folder = program, folder
        self.heaptrack = Recorder(HEAPTRACK, folder / "heaptrack.raw")
        self.ours = Recorder(ours or library(), folder / "ours.log")
        self.recorders = {"heaptrack": self.heaptrack, "ours": self.ours}
        self.events: dict[str, int] = {}

    def environment(self, who: str, **more: str) -> dict[str, str]:
        """The environment under `who`: bare, heaptrack or ours. What the caller has set for a recorder is not there."""
        own = {name: text for name, text in os.environ.items() if not name.startswith(("MEMTRACE_", "LD_PRELOAD"))}
        under = self.recorders[who].environment() if who in self.recorders else {}
        return {**own, **dict(self.program.environment), **under, **more}

    def clean(self) -> None:
        """Remove what was recorded: heaptrack writes over an old file, ours beside it."""
        for path in (*self.folder.glob("heaptrack*.raw"), *self.folder.glob("ours*.log")):
            path.unlink(missing_ok=True)

    def run(self, who: str, **more: str) -> Cost:
        """Run it once; what was recorded stays for the caller."""
        self.clean()
        error = self.folder / "stderr"
        with self.program.input.open("rb") as given, error.open("wb") as said:
            pipes: dict[str, Any] = {"stdin": given, "stdout": subprocess.DEVNULL, "stderr": said}
            began = time.perf_counter()
            process = subprocess.Popen(
                self.program.command, env=self.environment(who, **more), cwd=self.folder, **pipes
            )
            _, status, used = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said = error.read_text(errors="replace")[-300:]
            raise RuntimeError(f"{self.program.command[0]}, {who}: {process.returncode}, {said}")
        return Cost(used.ru_utime + used.ru_stime, took)

    def turn(self, backwards: bool = False) -> Turn:
        """Each of the three once."""
        costs = {}
        for who in ("ours", "heaptrack", "bare") if backwards else ("bare", "heaptrack", "ours"):
            costs[who] = self.run(who)
            if who != "bare" and who not in self.events:
                self.events[who] = self.recorders[who].events()
        self.clean()
        if self.events["ours"] < LEAST_SEEN * self.events["heaptrack"]:
            raise RuntimeError(f"{self.program.command[0]}: recorders saw {self.events}")
        return Turn(**costs)

    def turns(self, times: int) -> list[Turn]:
        """Turns in both directions."""
        return [self.turn(backwards=number % 2 == 1) for number in range(times)]


def descends(folder: Path, events: int, depth: int, way: str, threads: int = 1, step: str = "toss") -> Program:
    """The program that allocates from deep stacks."""
    return Program((compiled("descent", folder), str(events), str(depth), way, step, str(threads)))


def descent(folder: Path, events: int, depth: int, way: str, threads: int = 1, step: str = "toss") -> Case:
    """That program, and the recorder that is measured."""
    return Case(descends(folder, events, depth, way, threads, step), folder)


def heaptrack_events(raw: Path) -> int:
    """The allocations and frees in heaptrack's file."""
    count, last = 0, b""
    with raw.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            text = last + piece
            count += text.count(b"\n+ ") + text.count(b"\n- ")
            last = text[-2:]
    return count


def log_events(log: Path) -> int:
    """The events in our log; it must have lost none."""
    replay = EngineReplay(Wish())
    for piece in open_log(str(log)).chunks():
        replay.feed(piece)
    totals = replay.finish().totals
    if totals.lost or totals.unread:
        raise RuntimeError(f"{log.name}: {totals.events:,} events, {totals.lost:,} lost, {totals.unread:,} unread")
    return totals.events


def share_row(what: str, case: Case, bound: float | None, times: int) -> Row:
    """What our recorder adds, of what heaptrack's adds to the same program: CPU; wall time in the note."""
    return share_of(what, case, case.turns(times), bound)


def share_of(what: str, case: Case, turns: list[Turn], bound: float | None, kind: str = "cpu") -> Row:
    """The row of turns that were measured."""
    shares = sorted(turn.share(kind) for turn in turns)
    count = case.events["heaptrack"]
    ours, theirs = (1e9 * median(turn.added(who, kind) for turn in turns) / count for who in ("ours", "heaptrack"))
    bare = median(getattr(turn.bare, kind) for turn in turns)
    other = "wall" if kind == "cpu" else "cpu"
    note = (
        f"{ours:.0f} of {theirs:.0f} ns an event, {count / 1e6:.1f} M events, {bare:.2f} s bare; {other} "
        f"{median(turn.share(other) for turn in turns):.2f}; {len(turns)} turns: {shares[0]:.2f} to {shares[-1]:.2f}"
    )
    return Row(f"added to {what}, {kind}, share of heaptrack's", median(shares), bound, "", note)
