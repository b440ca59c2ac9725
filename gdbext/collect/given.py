# SPDX-License-Identifier: Apache-2.0
"""Says what a pointer is that no heap has handed out: on whose stack it lies, in which variable, or in no memory that
is known. A stack may lie in a heap's block.

Cost: the kernel's lists of tasks.
"""

from __future__ import annotations

from typing import Optional

from gdbext.analyse.reach import Reach
from gdbext.analyse.stacks import task_stacks
from gdbext.collect.collected import Collected
from gdbext.collect.roots import used_blocks
from gdbext.collect.world import threads_named
from gdbext.kernel.freertos import read_tasks
from gdbext.model.diagnosis import Given
from gdbext.model.record import replace
from gdbext.model.said import Said, said

_LARGEST_STACK = 64 << 10


def given_at_stop(found: Collected) -> Optional[Given]:
    """Returns the pointer that the calls at the stop gave to the allocator, with what it is if it is no heap's."""
    debugger = found.target.debugger
    given = debugger.operation().given if debugger.looks_dead else None
    return None if given is None else replace(given, place=_place_of(found, given))


def _place_of(found: Collected, given: Given) -> Optional[Said]:
    pointer, program, memory = given.pointer, found.target.program, found.memory
    holding = next((heap for heap in found.heaps if heap.start <= pointer < heap.end), None)
    holder = None if holding is None else holding.holder(pointer)
    if holding is not None and holder is not None and (holding.is_free(holder) or pointer <= holding.user(holder)):
        return None  # a block, such as that of a stack that is being freed
    task = _task_at(found, pointer)
    if task is not None:
        return said("place-of-task", task=task)
    if holding is not None:
        name, same = None, holder == holding.holder(given.frame)
    else:
        name = program.name_at(pointer)
        same = _variable(name) == _variable(program.name_at(given.frame))
    if same and given.frame and given.frame <= pointer < given.frame + _LARGEST_STACK:
        return said("place-on-stack")
    if holding is not None:
        return None
    if name is not None:
        return said("place-named", name=name)
    return said("place-known") if memory.may_read(pointer, pointer + 1) else said("place-unknown")


def _variable(name: Optional[str]) -> Optional[str]:
    return None if name is None else name.partition("+")[0]


def _task_at(found: Collected, pointer: int) -> Optional[str]:
    target, memory = found.target, found.memory
    tasks = read_tasks(memory, target.program).tasks
    threads = threads_named(target.debugger.machine(), target.debugger.registers()) if tasks else []
    pointers = [stack for _, stack, _ in threads]
    stacks, _ = task_stacks(tasks, Reach(memory.snapshot, used_blocks(found)), pointers, memory.known_end)
    names = {task.low: task.name for task in tasks}
    return next((names[stack.low] for stack in stacks if stack.low <= pointer < stack.end), None)
