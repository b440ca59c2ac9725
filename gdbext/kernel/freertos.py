# SPDX-License-Identifier: Apache-2.0
"""The tasks of a FreeRTOS, by the kernel's own lists: their names, and where their stacks are.

Approach: every task is in one of the kernel's lists of states, or runs. Where the links, the owner and the stack stand
in their structures depends on a dozen options: debug information tells, by the types of two variables; without it the
usual forms are tried, and one is taken if all that the kernel counts is found by it. Each step is
verified: an item must lead back to where one came from, say the list that it is in, and lie in its owner.
Rejected: known offsets (no two configurations agree on them); a debugger's threads (most links know nothing of tasks,
and those that do walk the same lists and believe them).
Cost: the lists, which lie together, and one read a task.
Limits: one list is walked from both its ends around damage; what lies between is not found. Stacks grow downwards.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.kernel.freertos_forms import built_in
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Program, Shape, Types

_RUNNING = ("pxCurrentTCBs", "pxCurrentTCB")
_READY = "pxReadyTasksLists"
_DELETED = "xTasksWaitingTermination"
_LISTS = (_READY, "xDelayedTaskList1", "xDelayedTaskList2", "xPendingReadyList", "xSuspendedTaskList", _DELETED)
_COUNT = "uxCurrentNumberOfTasks"
_FOLLOWED = 2  # the pointers to tasks, and what they lead to
_FUNCTION = "vTaskSwitchContext"  # stands in the source that has all of these
_STATE_ITEMS = ("xStateListItem", "xGenericListItem")
_CONTAINERS = ("pxContainer", "pvContainer")
_MOST_TASKS = 1024
_MOST_LISTS = 256
_MOST_CORES = 32
_LARGEST_CONTROL = 64 << 10
_LONGEST_NAME = 64
_MOST_SAID = 6


class Task(NamedTuple):
    """A task as its control block has it. Nothing of it is believed yet but that the kernel's lists lead to it."""

    address: int  # of its control block: its handle
    name: str
    top: int  # the stack pointer that was saved when it last ran
    low: int  # where its stack begins
    last: Optional[int]  # the last word of its stack; None: the kernel does not keep it
    variable_end: Optional[int]  # of the variable that its stack lies in, if it lies in one
    running: bool
    deleted: bool  # it waits for the idle task to free it


class Tasks(NamedTuple):
    """What was found, and what to say of what was not."""

    tasks: Tuple[Task, ...] = ()
    problems: Tuple[Said, ...] = ()
    complete: bool = False  # every task that the kernel counts was found


class _Shape(NamedTuple):
    """Where things stand, in bytes."""

    ready: Shape  # the lists, and how many
    control: Shape
    cores: int
    length: Member  # in a list: how many items it says it has
    end: int  # in a list: the item that is its end
    following: int  # in an item
    before: int
    owner: int
    container: Optional[int]


def read_tasks(memory: Memory, program: Program) -> Tasks:
    """The tasks of the kernel that the program has, if it has one and it has begun."""
    found = _tasks(memory, program)
    cut = memory.interrupted and not found.complete and program.address_of(_READY) is not None
    return Tasks(found.tasks, (said("lists-interrupted"),)) if cut else found


def _tasks(memory: Memory, program: Program) -> Tasks:
    running = next((name for name in _RUNNING if program.address_of(name) is not None), None)
    first, ready = program.address_of(running or ""), program.address_of(_READY)
    if running is None or first is None or ready is None:
        return Tasks()
    if not memory.may_read(first, first + memory.source.pointer_size):
        return Tasks((), (said("kernel-unknown", variable=running),))
    typed = _read(memory, program, program, running)
    if typed is not None or not memory.word(first):
        return typed or Tasks()
    tried = (_read(memory, program, guess, running) for guess in built_in(memory, program, ready))
    fits = next((found for found in tried if found is not None and found.complete), None)
    return fits or Tasks((), (said("lists-unknown"),))


def _read(memory: Memory, program: Program, types: Types, running: str) -> Optional[Tasks]:
    """The tasks, if it is told what they look like."""
    pointers, lists = types.variable_of(_FUNCTION, running, ("",)), types.variable_of(_FUNCTION, _READY)
    shape = None if pointers is None or lists is None else _shape(pointers.shapes, lists.shapes[0])
    if shape is None:
        return None
    return _Kernel(memory, program, types, shape).read(program.address_of(running) or 0)


def _shape(pointers: Sequence[Shape], lists: Shape) -> Optional[_Shape]:
    """Where things stand, if the structures have all that is needed and an end begins as an item does."""
    if len(pointers) < _FOLLOWED:
        return None
    control = pointers[1]
    own, inside = control.members, lists.members
    item = next((name for name in _STATE_ITEMS if f"{name}.pvOwner" in own), None)
    wanted = {"pxStack", "pcTaskName", "pxTopOfStack"} <= own.keys()
    if item is None or not wanted or not {"uxNumberOfItems", "xListEnd.pxNext", "xListEnd.pxPrevious"} <= inside.keys():
        return None
    base, end = own[item][0], inside["xListEnd"][0]
    following, before, owner = (own[f"{item}.{name}"][0] - base for name in ("pxNext", "pxPrevious", "pvOwner"))
    same = (inside["xListEnd.pxNext"][0] - end, inside["xListEnd.pxPrevious"][0] - end) == (following, before)
    if not same or not 0 < control.size <= _LARGEST_CONTROL or not lists.size:
        return None
    container = next((own[f"{item}.{name}"][0] - base for name in _CONTAINERS if f"{item}.{name}" in own), None)
    return _Shape(
        lists, control, pointers[0].elements, inside["uxNumberOfItems"], end, following, before, owner, container
    )


class _Kernel:
    """One kernel, read once."""

    def __init__(self, memory: Memory, program: Program, types: Types, shape: _Shape) -> None:
        self.memory = memory
        self.program = program
        self.types = types
        self.shape = shape
        self.word = memory.source.pointer_size
        self.problems: List[Said] = []
        self._variables: List[Tuple[int, int]] = []  # start and end of each, once one was asked for

    def read(self, variable: int) -> Tasks:
        """All tasks, each once, in the order of the lists. `variable`: points to those that run, one a core."""
        cores = range(min(self.shape.cores, _MOST_CORES))
        running = [task for task in (self._word(variable + core * self.word) for core in cores) if task]
        if not running:  # before there is a task
            return Tasks()
        deleted: Dict[int, bool] = {}  # by their addresses
        for name in _LISTS:
            for head in self._heads(name):
                for owner in self._owners(name, head):
                    deleted.setdefault(owner, name == _DELETED)
        for owner in running:
            deleted.setdefault(owner, False)
        read = [self._task(owner, owner in running, over) for owner, over in list(deleted.items())[:_MOST_TASKS]]
        tasks = tuple(task for task in read if task is not None)
        count = self.program.address_of(_COUNT)
        counted = None if count is None else self._number(count, self.word)
        if not self.problems and counted is not None and counted > len(tasks):
            self.problems.append(said("tasks-missing", counted=counted, found=len(tasks)))
        problems, more = self.problems[:_MOST_SAID], len(self.problems) - _MOST_SAID
        if more > 0:  # a smashed kernel has hundreds
            problems.append(said("more-problems", problems=more))
        return Tasks(tasks, tuple(problems), not self.problems and counted == len(tasks))

    def _heads(self, name: str) -> List[int]:
        """Addresses of the lists of one name; none that have not been initialised."""
        start, size = self.program.address_of(name), self.shape.ready.size
        if start is None:
            return []
        variable = self.types.variable_of(_FUNCTION, name)
        count = 1 if variable is None or variable.shapes[0].size != size else variable.shapes[0].elements
        if not self.memory.may_read(start, start + size):
            self.problems.append(said("list-unknown", list=name))
            return []
        heads = [start + number * size for number in range(min(count, _MOST_LISTS))]
        self.memory.fetch_known(start, start + len(heads) * size)
        return [head for head in heads if self._word(head + self.shape.end + self.shape.following)]

    def _owners(self, name: str, head: int) -> List[int]:
        """The tasks of a list; around damage those before and behind it."""
        shape = self.shape
        owners, wrong = self._walk(head, shape.following, shape.before)
        if wrong is not None:
            self.problems.append(said("list-damaged", list=name, why=wrong))
            return owners + self._walk(head, shape.before, shape.following)[0]
        counted = self._number(head + shape.length[0], shape.length[1])
        if counted != len(owners):
            self.problems.append(said("list-miscounts", list=name, place=head, counted=counted, linked=len(owners)))
        return owners

    def _walk(self, head: int, onwards: int, back: int) -> Tuple[List[int], Optional[Said]]:
        """Owners in one direction, and what is wrong with the item that ended the walk."""
        before = end = head + self.shape.end
        owners: List[int] = []
        while len(owners) < _MOST_TASKS:
            item = self._word(before + onwards)
            if item == end:
                return owners, None
            wrong = self._wrong(head, item or 0, before, back)
            if wrong is not None:
                return owners, wrong
            before = item or 0
            owners.append(self._word(before + self.shape.owner) or 0)
        return owners, said("list-too-long", tasks=_MOST_TASKS)

    def _wrong(self, head: int, item: int, before: int, back: int) -> Optional[Said]:
        """Why this cannot be an item of the list, or None."""
        shape = self.shape
        if item % self.word or not self.memory.may_read(item, item + shape.owner + self.word):
            return said("item-nowhere", before=before, item=item)
        self.memory.fetch(item, shape.owner + 2 * self.word)
        if self._word(item + back) != before:
            return said("item-leads-elsewhere", item=item, before=before)
        if shape.container is not None and self._word(item + shape.container) != head:
            return said("item-of-other-list", item=item)
        owner = self._word(item + shape.owner) or 0
        if not owner <= item < owner + shape.control.size:
            return said("item-outside-owner", item=item, owner=owner)
        return None

    def _task(self, address: int, running: bool, deleted: bool) -> Optional[Task]:
        """What a control block holds."""
        size, members = self.shape.control.size, self.shape.control.members
        there = address % self.word == 0 and self.memory.may_read(address, address + size)
        if not there or self.memory.get(address, size) is None:
            self.problems.append(said("task-unknown", place=address))
            return None
        text = self.memory.get(address + members["pcTaskName"][0], min(members["pcTaskName"][1], _LONGEST_NAME)) or b""
        name = text.split(b"\0")[0].decode("utf-8", "replace")
        top, low = (self._word(address + members[one][0]) or 0 for one in ("pxTopOfStack", "pxStack"))
        last = self._word(address + members["pxEndOfStack"][0]) if "pxEndOfStack" in members else None
        if not self._variables:
            self._variables = sorted((start, start + size) for _, start, size in self.program.objects() if size)
        index = bisect_right(self._variables, (low, sys.maxsize)) - 1
        end = self._variables[index][1] if index >= 0 and low < self._variables[index][1] else None
        return Task(address, name or hex(address), top, low, last, end, running, deleted and not running)

    def _word(self, address: int) -> Optional[int]:
        return self.memory.word(address) if self.memory.may_read(address, address + self.word) else None

    def _number(self, address: int, size: int) -> int:
        data = self.memory.get(address, size) if self.memory.may_read(address, address + size) else None
        return int.from_bytes(data or b"", self.memory.source.byte_order)
