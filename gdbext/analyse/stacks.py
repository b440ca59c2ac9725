# SPDX-License-Identifier: Apache-2.0
"""Which part of a task's stack is in use: from where the task was left to where its stack ends.

Approach: a stack lies in one block or in one variable, holds the stack pointer that was saved, and no other task's
stack. What lies below that pointer is of calls that have returned, and makes nothing reachable; neither does the stack
of a task that is deleted. Of a task that runs the saved pointer is old: its thread's counts, and without one all of its
stack.
Rejected: trusting a control block alone (a smashed one would hide what it names from the scan); old words on a stack as
references (most of a stack is that).
Limits: where neither kernel, block nor variable tell its end, a stack is scanned on to what begins behind it.
"""

from __future__ import annotations

from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.analyse.reach import Reach
from gdbext.kernel.freertos import Task

_STACK_BYTES = 64 << 10  # where nothing tells more
_LARGEST_STACK = 1 << 20
_SPILLED = 16  # Xtensa keeps four registers of the caller below the stack pointer


class TaskStack(NamedTuple):
    """The stack of a task: low..end, of which top..end is in use."""

    name: str
    low: int
    top: int
    end: int

    def holds(self, address: int) -> bool:
        """Whether an address lies in it."""
        return self.low <= address < self.end


class Stacks(NamedTuple):
    """The stacks that are known, in address order, and what to say of the others."""

    known: List[TaskStack]
    problems: List[str]


class _Doubt(Exception):
    """A stack cannot be what its control block says; the text says why."""


def task_stacks(
    tasks: Sequence[Task], reach: Reach, pointers: Sequence[int], known_end: Callable[[int], int]
) -> Stacks:
    """The stacks of tasks. `pointers`: from where on the stacks of the threads that a debugger shows are in use.

    `known_end`: where the known memory around an address ends.
    """
    found, problems = [], []
    for task in tasks:
        try:
            end, doubt = _end(task, tasks, reach, known_end)
            stack = TaskStack(f"stack of task {task.name}", task.low, _top(task, end, pointers), end)
        except _Doubt as why:
            problems.append(f"the stack of task {task.name} is scanned like other memory, old words too: {why}")
            continue
        found.append(stack)
        problems += [f"stack of task {task.name}: {text}" for text in (doubt, _remark(task, stack)) if text]
    kept = list(_apart(sorted(found, key=lambda stack: stack.low), problems))
    return Stacks(kept, problems)


def _end(task: Task, tasks: Sequence[Task], reach: Reach, known_end: Callable[[int], int]) -> Tuple[int, Optional[str]]:
    """Where a stack ends, and what to say if that is not known for sure."""
    limit = _limit(task, tasks, reach, known_end)
    if task.last is not None:
        end = task.last + reach.pointer_size
        if not task.low < end <= limit or end - task.low > _LARGEST_STACK:
            raise _Doubt(f"pxEndOfStack {task.last:#x} cannot end what begins at {task.low:#x}")
        return end, None
    told = reach.block_at(task.low) is not None or task.variable_end is not None
    end = min(limit, task.low + (_LARGEST_STACK if told else _STACK_BYTES))
    return end, None if told else f"where it ends is not known; it is scanned up to {end:#x}"


def _limit(task: Task, tasks: Sequence[Task], reach: Reach, known_end: Callable[[int], int]) -> int:
    """What a stack cannot reach beyond: its block; else its variable, and whatever begins behind it."""
    block = reach.block_at(task.low)
    if block is not None:
        return reach.blocks[block].end
    edge = known_end(task.low)
    if edge <= task.low:
        raise _Doubt(f"pxStack {task.low:#x} is not in the memory that is known here")
    begins = (one for other in tasks for one in (other.low, other.address))
    behind = [one for one in begins if one > task.low] + reach.next_start(task.low)
    return min([edge, *behind, *([] if task.variable_end is None else [task.variable_end])])


def _top(task: Task, end: int, pointers: Sequence[int]) -> int:
    """From where on a stack is in use."""
    if task.deleted:
        return end
    seen = [pointer for pointer in pointers if task.low <= pointer < end]
    if task.running:
        return min(seen, default=task.low)
    if not task.low <= task.top < end:
        raise _Doubt(f"pxTopOfStack {task.top:#x} is not in {task.low:#x}..{end:#x}")
    return max(task.low, min([task.top - _SPILLED, *seen]))


def _remark(task: Task, stack: TaskStack) -> Optional[str]:
    if task.deleted:
        return "not scanned: the task is deleted, and waits for the idle task to free it"
    if task.running and stack.top == stack.low:
        return "all of it is scanned: the task runs, and no register here tells how far down"
    return None


def _apart(stacks: Sequence[TaskStack], problems: List[str]) -> Iterator[TaskStack]:
    """The stacks that share no byte with another."""
    reached = 0
    for number, stack in enumerate(stacks):
        following = stacks[number + 1].low if number + 1 < len(stacks) else stack.end
        if stack.low < reached or following < stack.end:
            problems.append(f"the {stack.name} is scanned like other memory, old words too: it lies in another's")
        else:
            yield stack
        reached = max(reached, stack.end)
