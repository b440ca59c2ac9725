# SPDX-License-Identifier: Apache-2.0
"""Reads the tasks of the program's kernel, whichever it is."""

from __future__ import annotations

from gdbext.kernel import freertos, nuttx
from gdbext.kernel.tasks import NO_TASKS, Tasks
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

_KERNELS = (freertos.read_tasks, nuttx.read_tasks)


def read_tasks(memory: Memory, program: Program) -> Tasks:
    """Returns the tasks of the first kernel that the program has, none without a kernel or before it has started."""
    found = (read(memory, program) for read in _KERNELS)
    return next((one for one in found if one.tasks or one.problems), NO_TASKS)
