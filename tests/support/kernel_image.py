# SPDX-License-Identifier: Apache-2.0
"""Builds what FreeRTOS leaves in memory of its tasks, in any width and byte order, for what no firmware here has."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

LISTS = ("ready0", "ready1", "xDelayedTaskList1", "xSuspendedTaskList", "xTasksWaitingTermination")
VARIABLES = 0x2000_0000
TASKS = 0x2001_0000
STACKS = 0x2002_0000
RUNNING, COUNT = VARIABLES + 0x800, VARIABLES + 0x900
STACK_BYTES = 1024
NAME_BYTES = 16


@dataclass
class KernelImage:
    """Tasks by name, with the list that each is in. `running`: those that are current, one a core.

    `check`: words of list integrity at both ends of lists and items; `whole`: a list's end is an item like any other.
    """

    tasks: dict[str, str]
    running: tuple[str, ...]
    word: int = 4
    order: Literal["little", "big"] = "little"
    check: int = 0
    whole: bool = False
    memory: dict[int, bytearray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.tasks)
        sizes = {VARIABLES: 0x1000, TASKS: 0x200 * count, STACKS: STACK_BYTES * count}
        self.memory = {base: bytearray(size) for base, size in sizes.items()}
        for name in LISTS:
            self._link(name, [self.item(one) for one, place in self.tasks.items() if place == name])
        for name in self.tasks:
            self._write_control(name)
        for core, name in enumerate(self.running):
            self.put(RUNNING + core * self.word, self.control(name))
        self.put(COUNT, count)

    def put(self, address: int, value: int) -> None:
        """Writes a word."""
        self.write(address, value.to_bytes(self.word, self.order))

    def write(self, address: int, data: bytes) -> None:
        """Writes bytes."""
        for base, held in self.memory.items():
            if base <= address < base + len(held):
                held[address - base : address - base + len(data)] = data

    @property
    def item_bytes(self) -> int:
        """Of an item: check, value, next, previous, owner, container, check."""
        return (5 + 2 * self.check) * self.word

    @property
    def list_bytes(self) -> int:
        """Of a list: check, count, index, end, check. A short end has neither owner, container nor second check."""
        return (2 + 2 * self.check + (5 + 2 * self.check if self.whole else 3 + self.check)) * self.word

    @property
    def stack_at(self) -> int:
        """Where in a control block the start of the stack stands; the name is behind it."""
        return 2 * self.word + 2 * self.item_bytes

    def head(self, name: str) -> int:
        """Where a list is; those of ready tasks are an array."""
        return VARIABLES + (self.list_bytes if name == "ready1" else 0x100 * LISTS.index(name))

    def end_of(self, name: str) -> int:
        """The item that is the end of a list."""
        return self.head(name) + (2 + self.check) * self.word

    def link(self, item: int, number: int) -> int:
        """A field of an item: 0 is its value, then next, previous, owner, container."""
        return item + (self.check + number) * self.word

    def control(self, name: str) -> int:
        """The control block of a task."""
        return TASKS + 0x200 * list(self.tasks).index(name)

    def item(self, name: str) -> int:
        """The item by which a task is in its list."""
        return self.control(name) + self.word

    def stack(self, name: str) -> int:
        """Where a task's stack begins."""
        return STACKS + STACK_BYTES * list(self.tasks).index(name)

    def top(self, name: str) -> int:
        """Where a task was left."""
        return self.stack(name) + STACK_BYTES - 256

    def _link(self, name: str, items: list[int]) -> None:
        end = self.end_of(name)
        self.put(self.head(name) + self.check * self.word, len(items))
        for one, following in pairwise([end, *items, end]):
            self.put(self.link(one, 1), following)
            self.put(self.link(following, 2), one)
        for item in items:
            self.put(self.link(item, 4), self.head(name))

    def _write_control(self, name: str) -> None:
        control = self.control(name)
        self.put(control, self.top(name))
        self.put(self.link(self.item(name), 3), control)
        self.put(self.link(self.item(name) + self.item_bytes, 3), control)
        self.put(control + self.stack_at, self.stack(name))
        self.write(control + self.stack_at + self.word, name.encode().ljust(NAME_BYTES, b"\0"))

    def images(self) -> list[tuple[int, bytes]]:
        """Address and bytes of all of it."""
        return [(base, bytes(data)) for base, data in self.memory.items()]
