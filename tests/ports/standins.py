# SPDX-License-Identifier: Apache-2.0
"""Users' projects with a stand-in for their kernel, run in QEMU under GDB: the program's book, and what the ring says.

Such a program has `app_book`, entries of four words, and `app_entries`, their number, and calls `app_done` at its end.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.chips import RV32, Chip
from tests.support.gdb import SOURCE, Capture, GdbResult, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

KINDS = {"A": "alloc", "F": "free", "X": "alloc-failed", "B": "realloc-begin", "E": "realloc-end"}
EVENTS = Capture("malloc-log --all --json")
_ENTRY = struct.Struct("<4I")


@dataclass(frozen=True)
class Told:
    """What happened to a block, and the function that did it; a realloc's end has none of its own."""

    kind: str
    address: int
    size: int
    user: str


def helpers_beside(folder: Path) -> Path:
    """A copy of c_helpers in a user's folder, to be built in and changed."""
    target = folder / "memtrace"
    shutil.copytree(ROOT / "c_helpers", target / "c_helpers", ignore=shutil.ignore_patterns("*.o", "Make.dep"))
    return target / "c_helpers"


def run_to_end(
    elf: Path, commands: Sequence[str | Capture], chip: Chip = RV32, before: Sequence[str] = (), stop: str = "app_done"
) -> GdbResult:
    """Runs the program up to its end, or to another function, and gives GDB the commands there."""
    with Qemu(elf, chip=chip) as machine:
        begin = [remote(machine.remote), *before, f"break {stop}", "continue"]
        return run_gdb([*begin, SOURCE, *commands], elf=elf, program=chip.gdb)


def said_before(elf: Path, stop: str, chip: Chip = RV32) -> str:
    """What the program has printed when a function begins."""
    with Qemu(elf, chip=chip) as machine:
        run_gdb([remote(machine.remote), f"break {stop}", "continue"], elf=elf, program=chip.gdb)
        return machine.console


def book_of(elf: Path, folder: Path, nm: str) -> list[Told]:
    """The book that `book_commands` have put into a folder."""
    count = int.from_bytes((folder / "entries").read_bytes(), "little")
    names = dict(_names(elf, nm))
    entries = list(_ENTRY.iter_unpack((folder / "book").read_bytes()))[:count]
    return [
        Told(KINDS[chr(kind)], at, size, names[by & ~1] if kind != ord("E") else "") for kind, at, size, by in entries
    ]


def book_commands(folder: Path) -> list[str]:
    """What GDB is asked for the book."""
    return [f"dump binary value {folder / name} app_{name}" for name in ("entries", "book")]


def ring_of(report: Any) -> list[Told]:
    """The events of functions of the program, in their order. A realloc's end is of who began it."""
    told: list[Told] = []
    user = ""
    for one in report["events"]:
        user = one["stack"][0]["function"] if one["stack"] else user
        name = user if one["stack"] else ""
        if user.startswith("user_"):
            told.append(Told(one["kind"], one["payload"], one["size"], name))
    return told


def tasks_of(report: Any) -> set[tuple[str, str]]:
    """Who called which function of the program."""
    return {
        (one["task"], one["stack"][0]["function"])
        for one in report["events"]
        if one["stack"] and one["stack"][0]["function"].startswith("user_")
    }


def sizes_of(elf: Path, size: str) -> list[str]:
    """What `size` says of a program."""
    return subprocess.run([size, elf], check=True, capture_output=True, text=True).stdout.split()[6:9]


def without(helpers: Path, hook: str) -> None:
    """Takes one function out of all lists of the linker's options."""
    for path in helpers.rglob("*.wrap"):
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("".join(f"{line}\n" for line in lines if line != f"--wrap={hook}"), encoding="utf-8")


def _names(elf: Path, nm: str) -> list[tuple[int, str]]:
    lines = subprocess.run([nm, elf], check=True, capture_output=True, text=True).stdout.splitlines()
    return [(int(line.split()[0], 16) & ~1, line.split()[2]) for line in lines if len(line.split()) == 3]
