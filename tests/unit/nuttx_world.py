# SPDX-License-Identifier: Apache-2.0
"""NuttX's memory with six tasks, and the program that has its symbols and types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.target.target import NoProgram
from tests.support.nuttx_kernel_image import CONTROL_BYTES, NAME_BYTES, NAMES, TASKS, NuttXImage

STATES = {
    "Idle_Task": "g_readytorun",
    "hpwork": "",
    "nsh_main": "g_readytorun",
    "net": "",
    "ui": "g_inactivetasks",
    "disk": "g_inactivetasks",
}
RUNNING = "nsh_main"


class Symbols(NoProgram):
    """A program with such a kernel, and with its types; some variables may be left out."""

    def __init__(self, image: NuttXImage, cores: int = 1, without: Sequence[str] = ()) -> None:
        self.image, self.cores, self.without = image, cores, without

    def address_of(self, name: str) -> int | None:
        if name == "g_idletcb":
            return TASKS
        return self.image.variable(name) if name in NAMES and name not in self.without else None

    def size_of(self, name: str) -> int | None:
        sizes = {"g_running_tasks": self.cores * self.image.word, "g_idletcb": CONTROL_BYTES}
        return sizes.get(name, 2 * self.image.word)

    def objects(self) -> Iterator[tuple[str, int, int]]:
        yield from ((name, self.image.variable(name), 2 * self.image.word) for name in NAMES)

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        assert (function, name, follow) == ("nx_start", "g_pidhash", ("", ""))
        pointer = Shape(self.image.word, {}, {})
        return Variable(0, (pointer, pointer, Shape(CONTROL_BYTES, self.members(), {})))

    def members(self) -> dict[str, Member]:
        sizes = {"pid": 4, "sched_priority": 1, "name": NAME_BYTES, "xcp.regs": self.image.saved_bytes}
        return {name: Member(at, sizes.get(name, self.image.word)) for name, at in self.image.members().items()}


class NoTypes(Symbols):
    """The same without debug information."""

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        return None


def kernel(
    word: int = 4, order: ByteOrder = "little", running: tuple[str, ...] = (RUNNING,), inside: bool = False
) -> NuttXImage:
    states = {name: STATES[name] for name in sorted(STATES, key=lambda one: (one != "Idle_Task", one != RUNNING))}
    return NuttXImage(states, running, word, order, inside)


def memory_of(image: NuttXImage) -> Memory:
    return Memory(snapshot_of(image.images(), image.word, image.order))
