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
STACK_BYTES = 1024
NAME_BYTES = 16


@dataclass
class KernelImage:
    """Tasks by name, with the list that each is in. `running`: those that are current, one a core."""

    tasks: dict[str, str]
    running: tuple[str, ...]
    word: int = 4
    order: Literal["little", "big"] = "little"
    memory: dict[int, bytearray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.tasks)
        self.memory = {
            VARIABLES: bytearray(0x1000),
            TASKS: bytearray(0x200 * count),
            STACKS: bytearray(STACK_BYTES * count),
        }
        for number, name in enumerate(LISTS):
            self._link(
                VARIABLES + 0x100 * number, [self.control(one) for one, place in self.tasks.items() if place == name]
            )
        for name in self.tasks:
            self._write_control(name)
        for core, name in enumerate(self.running):
            self.put(VARIABLES + 0x800 + core * self.word, self.control(name))
        self.put(VARIABLES + 0x900, count)

    def put(self, address: int, value: int) -> None:
        """Writes a word."""
        self.write(address, value.to_bytes(self.word, self.order))

    def write(self, address: int, data: bytes) -> None:
        """Writes bytes."""
        for base, held in self.memory.items():
            if base <= address < base + len(held):
                held[address - base : address - base + len(data)] = data

    def head(self, name: str) -> int:
        """Where a list is."""
        return VARIABLES + 0x100 * LISTS.index(name)

    def end_of(self, name: str) -> int:
        """The item that is the end of a list."""
        return self.head(name) + 2 * self.word

    def control(self, name: str) -> int:
        """The control block of a task."""
        return TASKS + 0x200 * list(self.tasks).index(name)

    def item(self, name: str) -> int:
        """The item by which a task is in its list: value, next, previous, owner, container."""
        return self.control(name) + self.word

    def stack(self, name: str) -> int:
        """Where a task's stack begins."""
        return STACKS + STACK_BYTES * list(self.tasks).index(name)

    def top(self, name: str) -> int:
        """Where a task was left."""
        return self.stack(name) + STACK_BYTES - 256

    def _link(self, head: int, controls: list[int]) -> None:
        end = head + 2 * self.word
        chain = [end, *(control + self.word for control in controls), end]
        self.put(head, len(controls))
        for one, following in pairwise(chain):
            self.put(one + self.word, following)
            self.put(following + 2 * self.word, one)
        for control in controls:
            self.put(control + 4 * self.word, control)
            self.put(control + 5 * self.word, head)

    def _write_control(self, name: str) -> None:
        control = self.control(name)
        self.put(control, self.top(name))
        self.put(control + 6 * self.word, self.stack(name))
        self.write(control + 7 * self.word, name.encode().ljust(NAME_BYTES, b"\0"))

    def images(self) -> list[tuple[int, bytes]]:
        """Address and bytes of all of it."""
        return [(base, bytes(data)) for base, data in self.memory.items()]
