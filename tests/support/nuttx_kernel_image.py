# SPDX-License-Identifier: Apache-2.0
"""Builds what NuttX leaves in memory of its tasks, in any width and byte order: table, lists, control blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

VARIABLES, TABLE, TASKS, STACKS = 0x2000_0000, 0x2000_1000, 0x2001_0000, 0x2002_0000
NAMES = ("g_pidhash", "g_npidhash", "g_running_tasks", "g_readytorun", "g_pendingtasks", "g_inactivetasks", "g_tcbinfo")
SLOTS = 8
CONTROL_BYTES = 0x100
STACK_BYTES, TLS_BYTES, SAVED_BYTES = 1024, 32, 128
NAME_BYTES = 32
COLOUR = 0xDEAD_BEEF


@dataclass
class NuttXImage:
    """Tasks by name, with the list that each is in ("" for none). A task's pid is its place; the first one is idle.

    `inside`: registers are saved in the control block, and not on the stack.
    """

    tasks: dict[str, str]
    running: tuple[str, ...]
    word: int = 4
    order: Literal["little", "big"] = "little"
    inside: bool = False
    memory: dict[int, bytearray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.tasks)
        sizes = {VARIABLES: 0x800, TABLE: SLOTS * self.word, TASKS: CONTROL_BYTES * count, STACKS: STACK_BYTES * count}
        self.memory = {base: bytearray(size) for base, size in sizes.items()}
        self.put(self.variable("g_pidhash"), TABLE)
        self.put(self.variable("g_npidhash"), SLOTS, 4)
        for core, name in enumerate(self.running):
            self.put(self.variable("g_running_tasks") + core * self.word, self.control(name))
        for name in self.tasks:
            self._write_task(name)
        for one in {where for where in self.tasks.values() if where}:
            self._link(one, [self.control(name) for name, where in self.tasks.items() if where == one])
        for number, at in enumerate(self.offsets(told=True)):
            self.put(self.variable("g_tcbinfo") + 2 * number, at, 2)

    def members(self) -> dict[str, int]:
        """Where the members of a control block are."""
        word = self.word
        saved = 12 * word
        return {
            "flink": 0, "blink": word, "group": 2 * word, "pid": 4 * word, "sched_priority": 4 * word + 4,
            "task_state": 5 * word, "adj_stack_size": 8 * word, "stack_alloc_ptr": 9 * word,
            "stack_base_ptr": 10 * word, "xcp.regs": saved, "name": saved + self.saved_bytes,
        }  # fmt: skip

    @property
    def saved_bytes(self) -> int:
        """Of the member that leads to a task's registers, or has them."""
        return SAVED_BYTES if self.inside else self.word

    def offsets(self, told: bool) -> list[int]:
        """What g_tcbinfo tells, in its order."""
        wanted = ("pid", "task_state", "sched_priority", "name", "stack_alloc_ptr", "adj_stack_size", "xcp.regs")
        return [self.members()[name] for name in wanted] if told else [0] * len(wanted)

    def put(self, address: int, value: int, size: int | None = None) -> None:
        """Writes a number, of a word's size if none is given."""
        self.write(address, value.to_bytes(size or self.word, self.order))

    def write(self, address: int, data: bytes) -> None:
        """Writes bytes."""
        for base, held in self.memory.items():
            if base <= address < base + len(held):
                held[address - base : address - base + len(data)] = data

    def variable(self, name: str) -> int:
        """Where a variable is."""
        return VARIABLES + 0x100 * NAMES.index(name)

    def slot(self, name: str) -> int:
        """A task's place in the table."""
        return TABLE + list(self.tasks).index(name) % SLOTS * self.word

    def control(self, name: str) -> int:
        """The control block of a task."""
        return TASKS + CONTROL_BYTES * list(self.tasks).index(name)

    def member(self, name: str, member: str) -> int:
        """A member of a task's control block."""
        return self.control(name) + self.members()[member]

    def stack(self, name: str) -> int:
        """The memory of a task's stack; the task's own data lies in front of what its functions use."""
        return STACKS + STACK_BYTES * list(self.tasks).index(name)

    def low(self, name: str) -> int:
        """Where the stack proper begins."""
        return self.stack(name) + TLS_BYTES

    def top(self, name: str) -> int:
        """Where a task was left."""
        return self.stack(name) + STACK_BYTES - 256

    def _write_task(self, name: str) -> None:
        pid, stack = list(self.tasks).index(name), self.stack(name)
        self.put(self.slot(name), self.control(name))
        self.put(self.member(name, "pid"), pid, 4)
        self.put(self.member(name, "adj_stack_size"), STACK_BYTES - TLS_BYTES)
        self.put(self.member(name, "stack_alloc_ptr"), stack)
        self.put(self.member(name, "stack_base_ptr"), self.low(name))
        self.write(self.member(name, "name"), name.encode().ljust(NAME_BYTES, b"\0"))
        self.write(self.low(name), COLOUR.to_bytes(4, self.order) * ((STACK_BYTES - TLS_BYTES) // 4))
        self.write(self.top(name), b"\x11" * 256)
        saved = self.member(name, "xcp.regs")
        if self.inside:
            self.put(saved + 3 * self.word, self.top(name) + 64)
            self.put(saved + 2 * self.word, self.top(name))
        else:
            self.put(saved, self.top(name))

    def _link(self, name: str, controls: list[int]) -> None:
        head, back = self.variable(name), self.word
        for one, following in pairwise([head, *controls, 0]):
            self.put(one, following)
            if following:
                self.put(following + back, 0 if one == head else one)
        self.put(head + self.word, controls[-1])

    def images(self) -> list[tuple[int, bytes]]:
        """Address and bytes of all of it."""
        return [(base, bytes(data)) for base, data in self.memory.items()]
