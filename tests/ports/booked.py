# SPDX-License-Identifier: Apache-2.0
"""Programs that keep a book of what they allocate (tests/ports/bare/book.h), run in QEMU: the book, and the ring.

A program prints both over semihosting: a line an entry, then the ring's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.chips import M3, Chip
from tests.support.gdb import remote, run_gdb
from tests.support.qemu import Qemu
from tests.unit.real_program import Seen, events_of, names_of

KINDS = {"A": "alloc", "F": "free", "X": "alloc-failed", "B": "realloc-begin", "E": "realloc-end"}
SELFTEST = "print memtrace_selftest_text(memtrace_selftest())"  # as the ports' pages say it
LARGEST = (1 << 27) - 1  # size that an event can say
SIZED = ("alloc", "alloc-failed", "realloc-begin", "realloc-end")


@dataclass(frozen=True)
class Told:
    """What happened to a block; a realloc's end has no caller of its own."""

    kind: str
    address: int
    size: int
    user: str


@dataclass(frozen=True)
class Run:
    """Both sides, in their order."""

    book: list[Told]
    ring: list[Seen]

    def users_of_ring(self) -> list[Told]:
        """The ring's events that functions of the program made."""
        return [
            Told(seen.kind, seen.address, seen.size if seen.kind in SIZED else 0, seen.caller if seen.stack else "")
            for seen in self.ring
            if not seen.stack or _is_user(seen.caller)
        ]

    def of_libraries(self) -> list[Seen]:
        """The ring's other events."""
        return [seen for seen in self.ring if seen.stack and not _is_user(seen.caller)]


def _is_user(name: str) -> bool:
    return re.match(r"(_ZN12_GLOBAL__N_1L\d+)?user_", name) is not None


def run(elf: Path, chip: Chip, nm: str) -> Run:
    """The program's one run."""
    said = elf.with_suffix(".said")
    console = ("-chardev", f"file,id=said,path={said}", "-semihosting-config", "enable=on,target=native,chardev=said")
    with Qemu(elf, chip=chip, paused=False, extra=console) as machine:
        machine.wait(600)
    lines = [(line[0], _words(line[1:])) for line in said.read_text().split()]
    functions = dict(names_of(elf, nm))
    book = [
        Told(KINDS[kind], words[0], min(words[1], LARGEST), functions[words[2] & ~1] if kind != "E" else "")
        for kind, words in lines
        if kind in KINDS
    ]
    ring = next((words[0] for kind, words in lines if kind == "@"), None)
    data = b"".join(word.to_bytes(4, "little") for kind, words in lines if kind == "=" for word in words)
    return Run(book, events_of(elf, ring, data, bits=32, nm=nm) if ring is not None else [])


def selftest_says(elf: Path) -> tuple[int, str]:
    """What it answers to the page's last command: bits, and the sentence."""
    with Qemu(elf, chip=M3) as machine:
        stop = [remote(machine.remote), "tbreak main", "continue"]
        asked = ["print/x memtrace_selftest()", SELFTEST]
        found = run_gdb([*stop, *asked], elf=elf, program=M3.gdb)
    answers = re.findall(r'^\$1 = (0x\w+)\n\$2 = 0x\w+ "(.*)"$', found.stdout, re.MULTILINE)
    assert len(answers) == 1, found.stdout + found.stderr
    return int(answers[0][0], 16), answers[0][1]


def _words(digits: str) -> list[int]:
    return [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
