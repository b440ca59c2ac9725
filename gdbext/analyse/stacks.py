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
from gdbext.model.said import Said, Trouble, said

_STACK_BYTES = 64 << 10  # where nothing tells more
_LARGEST_STACK = 1 << 20
_SPILLED = 16  # Xtensa keeps four registers of the caller below the stack pointer


class TaskStack(NamedTuple):
    """The stack of a task: low..end, of which top..end is in use."""

    name: str
    low: int
    top: int
    end: int


def task_stacks(
    tasks: Sequence[Task], reach: Reach, pointers: Sequence[int], known_end: Callable[[int], int]
) -> Tuple[List[TaskStack], List[Said]]:
    """The stacks of tasks that are known, in address order, and what to say of the others.

    `pointers`: from where on the stacks of the threads that a debugger shows are in use. `known_end`: where the known
    memory around an address ends.
    """
    found: List[TaskStack] = []
    problems: List[Said] = []
    for task in tasks:
        try:
            end, doubt = _end(task, tasks, reach, known_end)
            stack = TaskStack(f"stack of task {task.name}", task.low, _top(task, end, pointers), end)
        except Trouble as doubtful:
            problems.append(said("stack-doubtful", task=task.name, why=doubtful.why))
            continue
        found.append(stack)
        remarks = [] if doubt is None else [doubt]
        if task.deleted:
            remarks.append(said("stack-of-deleted"))
        elif task.running and stack.top == stack.low:
            remarks.append(said("stack-of-running"))
        problems += [said("stack-of-task", task=task.name, what=remark) for remark in remarks]
    return list(_apart(sorted(found, key=lambda stack: stack.low), problems)), problems


def _end(
    task: Task, tasks: Sequence[Task], reach: Reach, known_end: Callable[[int], int]
) -> Tuple[int, Optional[Said]]:
    """Where a stack ends, and what to say if that is not known for sure. Trouble: it cannot be a stack."""
    block, edge = reach.block_at(task.low), known_end(task.low)
    if block is not None:
        limit = reach.blocks[block].end
    elif edge <= task.low:
        raise Trouble(said("stack-unknown", start=task.low))
    else:  # it ends with its variable, or before whatever begins behind it
        begins = (one for other in tasks for one in (other.low, other.address))
        behind = (one for one in (*begins, *(held.start for held in reach.blocks)) if one > task.low)
        limit = min([edge, *behind, *([] if task.variable_end is None else [task.variable_end])])
    if task.last is not None:
        end = task.last + reach.pointer_size
        if not task.low < end <= limit or end - task.low > _LARGEST_STACK:
            raise Trouble(said("stack-end-wrong", last=task.last, start=task.low))
        return end, None
    told = block is not None or task.variable_end is not None
    end = min(limit, task.low + (_LARGEST_STACK if told else _STACK_BYTES))
    return end, None if told else said("stack-end-unknown", end=end)


def _top(task: Task, end: int, pointers: Sequence[int]) -> int:
    """From where on a stack is in use. Trouble: its control block says what cannot be."""
    if task.deleted:
        return end
    seen = [pointer for pointer in pointers if task.low <= pointer < end]
    if task.running:
        return min(seen, default=task.low)
    if not task.low <= task.top < end:
        raise Trouble(said("stack-top-wrong", top=task.top, start=task.low, end=end))
    return max(task.low, min([task.top - _SPILLED, *seen]))


def _apart(stacks: Sequence[TaskStack], problems: List[Said]) -> Iterator[TaskStack]:
    """The stacks that share no byte with another."""
    reached = 0
    for number, stack in enumerate(stacks):
        following = stacks[number + 1].low if number + 1 < len(stacks) else stack.end
        if stack.low < reached or following < stack.end:
            problems.append(said("stack-shared", stack=stack.name))
        else:
            yield stack
        reached = max(reached, stack.end)
