# SPDX-License-Identifier: Apache-2.0
"""Tasks with stacks in a heap of four blocks, or in variables."""

from __future__ import annotations

from gdbext.analyse.reach import Reach, UsedBlock
from gdbext.analyse.stacks import TaskStack, task_stacks
from gdbext.kernel.tasks import Task
from gdbext.model.said import Said
from gdbext.source.snapshot import Snapshot

HEAP, BLOCK = 0x2000_0000, 0x1000
STATIC, KNOWN_END = 0x1000_0000, 0x1010_0000
LOW = HEAP + 8


def task(name: str, low: int, top: int, **other: object) -> Task:
    told = {"last": None, "variable_end": None, "running": False, "deleted": False, "address": 0x1800_0000, **other}
    return Task(name=name, low=low, top=top, **told)  # type: ignore[arg-type]


def reach(held: Snapshot | None = None) -> Reach:
    """Four blocks, each with a word of header before it."""
    starts = [HEAP + number * BLOCK + 8 for number in range(4)]
    return Reach(held or Snapshot(), [UsedBlock(start, start + BLOCK - 8, start, HEAP) for start in starts])


def stacks_of(*tasks: Task, pointers: tuple[int, ...] = ()) -> tuple[list[TaskStack], list[Said]]:
    return task_stacks(
        tasks, reach(), pointers, lambda address: KNOWN_END if STATIC <= address < KNOWN_END else address
    )
