# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences appear that GDB alone can say: of its program, and of the automatic breakpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gdbext.model.reports.base import Cost
from gdbext.model.reports.status import StatusReport
from gdbext.model.said import Fact, Said
from tests.support import named_program
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.panic_stub import PanicStub
from tests.support.rsp_stub import Link, RspStub, stub_of
from tests.support.rsp_target import Memory

MEMORY = [(0x2000_0000, bytes(4096))]
ABORT = "void abort(void) { for (;;) ; }"
Stub = Callable[[], RspStub]


def plain() -> RspStub:
    """Any stub."""
    return stub_of(MEMORY)


def panicked() -> RspStub:
    """A chip's that stands in its panic handler."""
    return PanicStub(Memory.of(MEMORY), link=Link())


def status(source: str | None, *flags: str, stub: Stub = plain, before: str = "") -> Callable[[], StatusReport]:
    """What GDB's `memtrace status` says of its parts, with a program of this source."""

    def report() -> StatusReport:
        with TemporaryDirectory() as folder, stub() as served:
            program = None if source is None else _named(source)
            elf = None if program is None else named_program.build(program, Path(folder), *flags)
            first = [SOURCE, *filter(None, [before]), remote(served.remote)]
            told = run_gdb([*first, Capture("memtrace status --json")], elf=elf).json()["facts_facts"]
        return StatusReport(None, (), Cost(0, 0, 0.0), None, (), None, tuple(map(said_again, told)))

    return report


def _named(source: str) -> named_program.Program:
    return named_program.Program(source, (), "", (), "", ())


def said_again(fact: Any) -> Any:
    """A sentence out of a report's JSON; of a file the last part of its path."""
    if isinstance(fact, list):
        return tuple(map(said_again, fact))
    if not isinstance(fact, dict):
        return fact
    values: dict[str, Fact] = {name: said_again(value) for name, value in fact.items() if name != "sentence"}
    values |= {name: Path(str(value)).name for name, value in values.items() if name == "file"}
    return Said(fact["sentence"], tuple(values.items()))


RECIPES: dict[str, Callable[[], Any]] = {
    "no program in GDB": status(None),
    "a program without lines in GDB": status(ABORT),
    "a stripped program": status("", "-s"),
    "a breakpoint switched off": status(ABORT, "-g", before="set memtrace auto-stop off"),
    "a chip in its panic handler in GDB": status(ABORT, "-g", stub=panicked),
}
