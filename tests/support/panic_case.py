# SPDX-License-Identifier: Apache-2.0
"""A chip in its panic handler, as a stub serves it: the seed case's memories and registers at its assertion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.panic_stub import PanicStub
from tests.support.qemu import Qemu
from tests.support.rsp_stub import Link
from tests.support.rsp_target import Core, Memory

SECTION = re.compile(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at \S+: \S+ .*ALLOC")
REGISTERS = ("pc", "sp", "ra", "fp")
VALID = range(0x2000_0000, 0x9000_0000)


@dataclass(frozen=True)
class Panic:
    """Memories, registers, and the report of a fast link. Nothing is mapped but the program's sections."""

    images: tuple[tuple[int, bytes], ...]
    registers: dict[str, int]
    report: Any

    def stub(self, link: Link) -> PanicStub:
        """The chip behind a link."""
        return PanicStub(Memory.of(self.images), Core(4, dict(self.registers)), link, valid=VALID)


def panic_case(folder: Path) -> Panic:
    """Run the seed case to its assertion; `folder` holds the memories meanwhile."""
    elf = firmware.build(firmware.DEFAULT)
    listed = run_gdb(["maint info sections"], elf=elf).stdout
    spans = [(int(start, 16), int(end, 16)) for start, end in SECTION.findall(listed) if start != end]
    dumps = [f"dump binary memory {folder}/{start:x} {start:#x} {end:#x}" for start, end in spans]
    words = [Capture(f"p/x ${name}") for name in REGISTERS]
    with Qemu(elf, append="scenario=seed") as chip:
        lines: list[str | Capture] = [
            SOURCE,
            remote(chip.remote),
            "continue",
            *dumps,
            Capture("heap-check --json"),
            *words,
        ]
        done = run_gdb(lines, elf=elf)
    values = [int(one.output.split("=")[1], 16) for one in done.captured[1:]]
    images = tuple((start, (folder / f"{start:x}").read_bytes()) for start, _ in spans)
    return Panic(images, dict(zip(REGISTERS, values, strict=True)), done.json())
