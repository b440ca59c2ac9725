# SPDX-License-Identifier: Apache-2.0
"""A program that uses device memory under the recorder, on a stand-in for the kernel's devices.

Approach: tests/linux/devices/standin.c is preloaded behind the recorder. Its devices and buffers are files in memory,
so that dup, close, fork and exec are the kernel's own. tests/linux/devices/steps.c does what a test's lines say.
Rejected: character devices in user space, which need a kernel with CUSE and its superuser.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gdbext.trace.log import LogReader, items_of
from gdbext.trace.log_event import ALLOC, ALLOC_FAILED, FREE, MAP, LogEvent
from gdbext.trace.opened import open_trace
from tests.support.linux import environment, library
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "linux" / "devices"
SECONDS = 300
DMA = 2
KINDS = {ALLOC: "alloc", FREE: "free", ALLOC_FAILED: "failed"}


@dataclass(frozen=True)
class Machine:
    """How to build for a machine, and what runs its programs here."""

    target: str  # of the recorder's Makefile
    compiler: str
    emulator: tuple[str, ...] = ()


MACHINES = {
    "native": Machine("all", "gcc"),
    "musl": Machine("musl", "musl-gcc"),
    "aarch64": Machine("aarch64", "aarch64-linux-gnu-gcc", ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")),
    "riscv64": Machine("riscv64", "riscv64-linux-gnu-gcc", ("qemu-riscv64", "-L", "/usr/riscv64-linux-gnu")),
}


@dataclass(frozen=True)
class Built:
    """What was built for a machine."""

    recorder: Path
    standin: Path
    steps: Path


@cache
def built(machine: str) -> Built:
    """The recorder, the stand-in and the program for a machine."""
    how = MACHINES[machine]
    folder = Path(tempfile.mkdtemp(prefix="memtrace-devices-"))
    flags = ["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
    for made, more in (("standin", ["-fPIC", "-shared"]), ("steps", [])):
        source = [str(FOLDER / f"{made}.c"), "-o", str(folder / made)]
        subprocess.run([how.compiler, *flags, *more, *source, "-ldl", "-lpthread"], check=True, timeout=SECONDS)
    return Built(library(how.target), folder / "standin", folder / "steps")


def cases() -> dict[str, tuple[str, list[str]]]:
    """By name, a program's steps and what the log must tell."""
    found = {}
    for part in (FOLDER / "cases.txt").read_text(encoding="utf-8").split("\n\n# ")[1:]:
        name, steps, expected = part.rstrip().splitlines()
        found[name] = steps.replace("; ", "\n") + "\n", [one for one in expected[2:].split("; ") if one]
    return found


@dataclass(frozen=True)
class Ran:
    """What a program printed, what the recorder said, and the logs, the first process's first."""

    printed: str
    summary: str
    logs: tuple[Path, ...]


def ran(script: str, folder: Path, machine: str = "native", **variables: str) -> Ran:
    """Runs a script under the recorder, which must succeed."""
    made = built(machine)
    settings = {
        "LD_PRELOAD": f"{made.recorder} {made.standin}",
        "MEMTRACE_LOG": str(folder / "%p.log"),
        **variables,
    }
    emulator = MACHINES[machine].emulator
    set_there = [word for name, value in settings.items() for word in ("-E", f"{name}={value}")] if emulator else []
    with subprocess.Popen(
        [*emulator, *set_there, str(made.steps)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(**({} if emulator else settings)),
    ) as process:
        printed, said = process.communicate(script, timeout=SECONDS)
    assert process.returncode == 0, (process.returncode, said, printed)
    assert bool(said) == ("MEMTRACE_SUMMARY" in variables), said
    return Ran(printed, said, tuple(sorted(folder.glob("*.log"), key=lambda log: _place(log, process.pid))))


def _place(log: Path, first: int) -> tuple[bool, int, int]:
    """Sorts logs by their processes, `first` before all, and by the programs that one process was."""
    number, *again = log.stem.split(".")
    return int(number) != first, int(number), int(again[0]) if again else 1


def alone(script: str, folder: Path) -> str:
    """What the same prints without the recorder."""
    made = built("native")
    env = environment(LD_PRELOAD=str(made.standin))
    done = subprocess.run(
        [made.steps], input=script, capture_output=True, text=True, cwd=folder, env=env, check=True, timeout=SECONDS
    )
    return done.stdout


def read(log: Path) -> tuple[LogReader, list[LogEvent]]:
    """A log's events and definitions. None may be lost."""
    opened = open_trace(str(log))
    assert opened is not None
    reader = LogReader()
    events = [item for item in items_of(reader, opened.chunks()) if isinstance(item, LogEvent)]
    assert (reader.lost, reader.unread) == (0, 0)
    return reader, events


def told(log: Path) -> list[str]:
    """What a log tells of device memory: `alloc BYTES #NUMBER`, `free #NUMBER`, `failed BYTES`."""
    reader, events = read(log)
    assert reader.header is not None
    bits = 8 * reader.header.pointer_size
    return [_sentence(event, bits) for event in events if event.heap == DMA]


def mapped(log: Path) -> list[int]:
    """The sizes of the maps that are counted."""
    return [event.size for event in read(log)[1] if event.kind == MAP]


def _sentence(event: LogEvent, bits: int) -> str:
    if event.kind == ALLOC_FAILED:
        return f"failed {event.size}"
    top, serial = divmod(event.address, 1 << (bits - 8))
    assert top == 0xD1 and serial != 0
    return f"alloc {event.size} #{serial}" if event.kind == ALLOC else f"{KINDS[event.kind]} #{serial}"
