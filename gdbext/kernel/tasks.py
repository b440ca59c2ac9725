# SPDX-License-Identifier: Apache-2.0
"""What a kernel's memory tells of its tasks: the same, whichever kernel it is.

A kernel is a module with `read_tasks(memory, program)`, which returns `NO_TASKS` if the program does not have that
kernel. `gdbext.kernel.kernels` has the list of them, and is what others ask.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from gdbext.model.said import Said


class Task(NamedTuple):
    """A task as its control block describes it. Only its address is verified: the kernel points to it."""

    address: int  # of its control block, which is the task's handle
    name: str
    top: int  # the stack pointer that was saved when it last ran
    low: int  # where its stack begins
    last: Optional[int]  # address of the last word of its stack; None if the kernel does not keep it
    variable_end: Optional[int]  # the end of the variable that holds its stack, if one does
    running: bool
    deleted: bool  # whether it waits for the idle task to free it


class Tasks(NamedTuple):
    """The tasks that were found, and the problems met on the way."""

    tasks: Tuple[Task, ...] = ()
    problems: Tuple[Said, ...] = ()
    complete: bool = False  # whether every task that the kernel counts was found
    kernel: str = ""  # its name
    fill: bytes = b""  # what it fills a stack with before it is used


NO_TASKS = Tasks()
