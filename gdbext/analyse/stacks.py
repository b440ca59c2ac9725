# SPDX-License-Identifier: Apache-2.0
"""Finds the used part of each task's stack: from its stack pointer to its end.

Approach: a stack lies in one block or one variable, contains the saved stack pointer, and overlaps no other stack.
Words below the stack pointer belong to calls that have returned, and make nothing reachable; nor does the stack of a
deleted task. The saved pointer of a running task is old: its thread's pointer counts, and without one the whole stack.
Rejected: trusting a control block alone (a smashed one would hide the memory that it names from the scan); old words on
a stack as references (most of a stack is old words).
Limits: if neither kernel, block nor variable gives its end, a stack is scanned up to whatever begins behind it.
"""

from __future__ import annotations

from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.analyse.reach import Reach
from gdbext.kernel.tasks import Task
from gdbext.model.said import Said, Trouble, said

_STACK_BYTES = 64 << 10  # the most that is scanned of a stack without a known end
_LARGEST_STACK = 1 << 20
_SPILLED_BYTES = 16  # Xtensa keeps four registers of the caller below the stack pointer


class TaskStack(NamedTuple):
    """The stack of a task, low..end. The part top..end is in use."""

    name: str
    low: int
    top: int
    end: int


class FullStack(NamedTuple):
    """The stack of a task of which nothing is left unused, from its low end on. It may have run over, to below that."""

    task: str
    low: int


def task_stacks(
    tasks: Sequence[Task], reach: Reach, pointers: Sequence[int], known_end: Callable[[int], int]
) -> Tuple[List[TaskStack], List[Said]]:
    """Returns the stacks that could be found, in address order, and the problems and remarks about tasks.

    `pointers` are the stack pointers of the debugger's threads. `known_end` gives the end of the known memory around an
    address.
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
    """Returns where a stack ends, and a remark if that is not certain. Raises Trouble if it cannot be a stack."""
    block, edge = reach.block_at(task.low), known_end(task.low)
    if block is not None:
        limit = reach.blocks[block].end
    elif edge <= task.low:
        raise Trouble(said("stack-unknown", start=task.low))
    else:  # it ends with its variable, or before whatever begins behind it
        starts = (start for other in tasks for start in (other.low, other.address))
        behind = (start for start in (*starts, *(used.start for used in reach.blocks)) if start > task.low)
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
    """Returns where the used part of a stack begins. Raises Trouble if the saved pointer lies outside of the stack."""
    if task.deleted:
        return end
    seen = [pointer for pointer in pointers if task.low <= pointer < end]
    if task.running:
        return min(seen, default=task.low)
    if not task.low <= task.top < end:
        raise Trouble(said("stack-top-wrong", top=task.top, start=task.low, end=end))
    return max(task.low, min([task.top - _SPILLED_BYTES, *seen]))


def _apart(stacks: Sequence[TaskStack], problems: List[Said]) -> Iterator[TaskStack]:
    """Yields the stacks that overlap no other, and adds a problem for each that does."""
    reached = 0
    for number, stack in enumerate(stacks):
        following = stacks[number + 1].low if number + 1 < len(stacks) else stack.end
        if stack.low < reached or following < stack.end:
            problems.append(said("stack-shared", stack=stack.name))
        else:
            yield stack
        reached = max(reached, stack.end)
