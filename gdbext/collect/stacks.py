# SPDX-License-Identifier: Apache-2.0
"""Measures the stacks of the kernel's tasks: how many bytes are in use, and how many never were.

A kernel fills a stack when it creates the task, FreeRTOS with 0xa5; bytes that still hold that were never used. A stack
without any such byte has been full, and may have run into the memory below it.
Cost: the registers, the kernel's lists, and the never used part of each stack.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from gdbext.analyse.reach import Reach
from gdbext.analyse.stacks import FullStack, task_stacks
from gdbext.collect.collected import Collected
from gdbext.collect.roots import used_blocks
from gdbext.collect.world import threads_named
from gdbext.kernel.kernels import read_tasks
from gdbext.model.record import replace
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.free import TaskStackUse
from gdbext.model.said import said
from gdbext.source.memory import Memory

_PIECE_BYTES = 1024
_PROBED_BYTES = 128  # at the low end of a stack; a write from below covers fewer
_UNUSED_BYTES = 32
_BELOW_BYTES = 1024  # how far below its stack the frames of a task may have damaged something


def stack_uses(found: Collected) -> Tuple[TaskStackUse, ...]:
    """Returns the use of each task's stack. Problems of stacks and of the kernel's lists are added to `skipped`."""
    target = found.target
    known = read_tasks(target.bytes.memory(), target.program)
    found.skipped += [Skipped("tasks", problem) for problem in known.problems]
    if not known.tasks:
        return ()
    memory = target.bytes.memory()
    threads = threads_named(target.debugger.machine(), target.debugger.registers())
    pointers = [stack for _, stack, _ in threads]
    stacks, _ = task_stacks(known.tasks, Reach(memory.snapshot, used_blocks(found)), pointers, memory.known_end)
    places = {stack.low: stack for stack in stacks}
    uses = []
    for task in known.tasks:
        stack = places.get(task.low)
        if stack is None:
            why = said("stack-cannot-be", task=task.name, place=task.address)
            found.skipped.append(Skipped("tasks", why))
            continue
        unknown = task.running and stack.top == stack.low
        in_use = None if unknown else stack.end - stack.top
        never = _never_used(memory, known.fill, stack.low, stack.top if in_use else stack.end)
        uses.append(TaskStackUse(task.name, task.address, stack.low, stack.end - stack.low, in_use, never))
    filled = any(use.never_used for use in uses)
    return tuple(uses if filled else (replace(use, never_used=None) for use in uses))


def full_stacks(found: Collected, places: Sequence[int]) -> Tuple[FullStack, ...]:
    """Returns the full stacks that begin right above one of these damaged places. If the kernel fills no stack, nothing
    tells. A stack whose low end alone was written over, from below, is not full.
    """
    memory = found.target.bytes.memory()
    if not places or memory.fragile:
        return ()
    known = read_tasks(memory, found.target.program)
    tasks = [task for task in known.tasks if not task.deleted]
    ends = [(task, memory.get(task.low, _PROBED_BYTES)) for task in tasks]
    unfilled = (known.fill * _UNUSED_BYTES)[:_UNUSED_BYTES]
    unused = [data is not None and unfilled in data for _, data in ends]
    if not any(unused):
        return ()
    near = [any(0 <= task.low - place <= _BELOW_BYTES for place in places) for task in tasks]
    full = (task for task, lies_near, has_unused in zip(tasks, near, unused) if lies_near and not has_unused)
    return tuple(FullStack(task.name, task.low) for task in full)


def _never_used(memory: Memory, fill: bytes, low: int, top: int) -> Optional[int]:
    """Returns how many bytes from the low end of a stack on hold the kernel's fill. None if they could not be read."""
    filled = fill * (_PIECE_BYTES // len(fill))
    for start in range(low, top, _PIECE_BYTES):
        data = None if memory.fragile else memory.get(start, min(_PIECE_BYTES, top - start))
        if data is None:
            return None
        if not filled.startswith(data):
            return start - low + next(at for at, byte in enumerate(data) if byte != filled[at])
    return top - low
