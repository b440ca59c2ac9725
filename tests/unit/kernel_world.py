# SPDX-License-Identifier: Apache-2.0
"""A kernel's memory with seven tasks, and the program that has its symbols and types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.target.target import NoProgram
from tests.support.kernel_image import COUNT, LISTS, NAME_BYTES, RUNNING, STACK_BYTES, STACKS, KernelImage

STATES = {
    "worker": "ready1",
    "idle": "ready0",
    "net": "xDelayedTaskList1",
    "log": "xSuspendedTaskList",
    "ui": "xSuspendedTaskList",
    "disk": "xSuspendedTaskList",
    "gone": "xTasksWaitingTermination",
}


class Symbols(NoProgram):
    """A program with such a kernel, and with its types."""

    def __init__(self, image: KernelImage, cores: int = 1) -> None:
        self.image, self.cores = image, cores
        self.addresses = {name: image.head(name) for name in LISTS if name.startswith("x")}
        self.addresses |= {"pxReadyTasksLists": image.head("ready0"), "uxCurrentNumberOfTasks": COUNT}
        self.addresses["pxCurrentTCBs" if cores > 1 else "pxCurrentTCB"] = RUNNING

    def address_of(self, name: str) -> int | None:
        return self.addresses.get(name)

    def objects(self) -> Iterator[tuple[str, int, int]]:
        yield "stacks", STACKS, STACK_BYTES
        for name, address in self.addresses.items():
            lists = 2 if name == "pxReadyTasksLists" else 1
            yield name, address, self.cores * self.image.word if address == RUNNING else lists * self.image.list_bytes

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        assert function == "vTaskSwitchContext"
        if follow:
            return Variable(0, (Shape(self.image.word, {}, {}, self.cores), self.control()))
        elements = 2 if name == "pxReadyTasksLists" else 1
        return Variable(0, (Shape(self.image.list_bytes, self.list_members(), {}, elements),))

    def control(self) -> Shape:
        word, stack = self.image.word, self.image.stack_at
        own = {"pxTopOfStack": Member(0, word), "pxStack": Member(stack, word)}
        own |= {"xStateListItem": Member(word, self.image.item_bytes), **self.links("xStateListItem", word, 4)}
        return Shape(stack + word + NAME_BYTES, {**own, "pcTaskName": Member(stack + word, NAME_BYTES)}, {})

    def list_members(self) -> dict[str, Member]:
        end = self.image.end_of("ready0") - self.image.head("ready0")
        count = Member(self.image.check * self.image.word, self.image.word)
        return {"uxNumberOfItems": count, "xListEnd": Member(end, 1), **self.links("xListEnd", end, 2)}

    def links(self, outer: str, base: int, count: int) -> dict[str, Member]:
        names = ("pxNext", "pxPrevious", "pvOwner", "pxContainer")[:count]
        return {
            f"{outer}.{name}": Member(self.image.link(base, at), self.image.word) for at, name in enumerate(names, 1)
        }


class NoTypes(Symbols):
    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        return None


def kernel(word: int = 4, order: ByteOrder = "little", running: tuple[str, ...] = ("worker",)) -> KernelImage:
    return KernelImage(STATES, running, word, order)
