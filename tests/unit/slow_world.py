# SPDX-License-Identifier: Apache-2.0
"""A live target whose memory comes slowly, and at one of whose reads Ctrl-C comes; and what the commands say of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.model.machine import Machine, machine_of
from gdbext.report.destination import told
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.target.files import FileBytes
from gdbext.target.target import Debugger, NoProgram, Target
from tests.support import fixtures
from tests.support.ring import Ring

CASE = fixtures.case("a016")  # 300 KiB, 2,043 used blocks
GLOBALS, STACK, RING, POINTER = 0x1000_0000, 0x1100_0000, 0x2000_0000, 0x3000_0000
USED = CASE.truth.blocks
BLOCK = USED[1000].payload


class Slow:
    """A live target that gives at most 16 KiB a request, and Ctrl-C at one of them."""

    pointer_size = 4
    byte_order: ByteOrder = "little"

    def __init__(self, images: list[tuple[int, bytes]], at: int, holes: tuple[range, ...] = ()) -> None:
        self._source, self._at, self._holes, self.reads = snapshot_of(images), at, holes, 0

    def read(self, address: int, length: int) -> bytes | None:
        self.reads += 1
        if self.reads == self._at:
            raise KeyboardInterrupt
        if any(address < hole.stop and hole.start < address + length for hole in self._holes):
            return None
        return self._source.read(address, length)


class Link(FileBytes):
    """A live target's memory."""

    is_file = False


class Program(NoProgram):
    """A program of which the ring's pointer and one section are known."""

    def address_of(self, name: str) -> int | None:
        return POINTER if name == "memtrace_ring" else None

    def writable(self) -> list[tuple[str, int, int]]:
        return [("globals", GLOBALS, GLOBALS + 0x10000)]


class Stopped(Debugger):
    """One thread."""

    def __init__(self, registers: bool) -> None:
        super().__init__()
        self._registers = registers

    def machine(self) -> Machine | None:
        return machine_of(243, 4)

    def registers(self) -> list[dict[str, int]]:
        return [{"sp": STACK, "pc": 0}] if self._registers else []


class Live(Target):
    """Every block is held by a global; the ring knows them all."""

    def __init__(self, at: int = 0, plan: str = "auto", holes: tuple[range, ...] = (), registers: bool = True) -> None:
        self.source = Slow(images(), at, holes)
        super().__init__(Link(Memory(self.source, plan=plan)), Program(), Stopped(registers))


@lru_cache
def images() -> list[tuple[int, bytes]]:
    pointers = b"".join(block.payload.to_bytes(4, "little") for block in USED)
    ring = Ring(RING, capacity=4096)
    for block in USED[:500]:
        ring.event("alloc", block.payload, block.requested)
    heap = [(image.base, image.data) for image in CASE.images]
    globals_ = (GLOBALS, pointers.ljust(0x10000, b"\0"))
    pointer = (POINTER, RING.to_bytes(4, "little"))
    return [*heap, globals_, (STACK, bytes(256)), (RING, ring.data()), pointer]


def ask(host: Live, line: str) -> Any:
    name, *words = line.split()
    command = command_named(name)
    takes_heap = any(one.name == "--heap" for one in command.arguments) and "--search" not in words
    options = parsed_in_gdb(command, [*words, *(["--heap", CASE.heap.option] if takes_heap else [])])
    report = command.run(host, options)
    told(report, command.text, options)
    return report


def interrupted(line: str) -> list[Any]:
    """The reports of a command for Ctrl-C at each of its first reads."""
    found = []
    for at in range(1, 12):
        try:
            found.append(ask(Live(at), line))
        except KeyboardInterrupt:
            pass
    return found
