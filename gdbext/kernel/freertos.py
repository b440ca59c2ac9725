# SPDX-License-Identifier: Apache-2.0
"""Finds the tasks of FreeRTOS in the kernel's own lists: their names, and where their stacks are.

Approach: every task is running or is in one of the kernel's state lists. The offsets of links, owner and stack in their
structures depend on a dozen options. Debug information gives them by the types of two variables. Without it the usual
forms are tried, and a form is taken if it finds every task that the kernel counts. Each step is verified: an item must
point back to the one before it, name its list, and lie in its owner.
Rejected: known offsets (no two configurations agree on them); a debugger's threads (most links know nothing of tasks,
and those that do walk the same lists and believe them).
Cost: the lists, which lie together, and one read for each task.
Limits: a damaged list is walked from both ends, and tasks between two damaged items are not found. Stacks grow
downwards.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.kernel.freertos_forms import built_in
from gdbext.kernel.tasks import NO_TASKS, Task, Tasks
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Program, Shape, Types

_NAME, _FILL = "FreeRTOS", b"\xa5"
_RUNNING = ("pxCurrentTCBs", "pxCurrentTCB")
_READY = "pxReadyTasksLists"
_DELETED = "xTasksWaitingTermination"
_LISTS = (_READY, "xDelayedTaskList1", "xDelayedTaskList2", "xPendingReadyList", "xSuspendedTaskList", _DELETED)
_COUNT = "uxCurrentNumberOfTasks"
_FOLLOWED = 2  # shapes that are needed: the pointer to a task, and the control block
_FUNCTION = "vTaskSwitchContext"  # a function of the source file that has all of these variables
_STATE_ITEMS = ("xStateListItem", "xGenericListItem")
_CONTAINERS = ("pxContainer", "pvContainer")
_MOST_TASKS = 1024
_MOST_LISTS = 256
_MOST_CORES = 32
_LARGEST_CONTROL_BYTES = 64 << 10
_LONGEST_NAME_BYTES = 64
_MOST_PROBLEMS_SHOWN = 6


class _Shape(NamedTuple):
    """Offsets in the kernel's structures, in bytes."""

    ready: Shape  # a list, and how many ready lists there are
    control: Shape
    cores: int
    length: Member  # in a list: its count of items
    end: int  # in a list: its end item
    following: int  # this and all below: in an item
    before: int
    owner: int
    container: Optional[int]


def read_tasks(memory: Memory, program: Program) -> Tasks:
    """Returns the tasks of the program's kernel. There are none without FreeRTOS or before it has started."""
    found = _tasks(memory, program)
    cut = memory.interrupted and not found.complete and program.address_of(_READY) is not None
    return found._replace(problems=(said("lists-interrupted", kernel=_NAME),)) if cut else found


def _tasks(memory: Memory, program: Program) -> Tasks:
    running = next((name for name in _RUNNING if program.address_of(name) is not None), None)
    first, ready = program.address_of(running or ""), program.address_of(_READY)
    if running is None or first is None or ready is None:
        return NO_TASKS
    if not memory.may_read(first, first + memory.source.pointer_size):
        return Tasks((), (said("kernel-unknown", kernel=_NAME, variable=running),))
    typed = _read(memory, program, program, running)
    if typed is not None or not memory.word(first):
        return typed or NO_TASKS
    tried = (_read(memory, program, guess, running) for guess in built_in(memory, program, ready))
    fits = next((found for found in tried if found is not None and found.complete), None)
    return fits or Tasks((), (said("lists-unknown", kernel=_NAME),))


def _read(memory: Memory, program: Program, types: Types, running: str) -> Optional[Tasks]:
    """Returns the tasks by the structures that `types` describes. None if it lacks one."""
    pointers, lists = types.variable_of(_FUNCTION, running, ("",)), types.variable_of(_FUNCTION, _READY)
    shape = None if pointers is None or lists is None else _shape(pointers.shapes, lists.shapes[0])
    if shape is None:
        return None
    return _Kernel(memory, program, types, shape).read(program.address_of(running) or 0)


def _shape(pointers: Sequence[Shape], lists: Shape) -> Optional[_Shape]:
    """Returns the offsets. None if a member is missing, or if a list's end item does not begin as an item does."""
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
    if not same or not 0 < control.size <= _LARGEST_CONTROL_BYTES or not lists.size:
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
        self._variables: List[Tuple[int, int]] = []  # start and end of each; filled at the first use

    def read(self, variable: int) -> Tasks:
        """Returns all tasks, each once, in the order of the lists. `variable` points to each core's running task."""
        cores = range(min(self.shape.cores, _MOST_CORES))
        running = [task for task in (self._word(variable + core * self.word) for core in cores) if task]
        if not running:  # no task has started yet
            return NO_TASKS
        deleted: Dict[int, bool] = {}  # by the task's address
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
        problems, more = self.problems[:_MOST_PROBLEMS_SHOWN], len(self.problems) - _MOST_PROBLEMS_SHOWN
        if more > 0:  # a smashed kernel has hundreds
            problems.append(said("more-problems", kernel=_NAME, problems=more))
        whole = not self.problems and counted == len(tasks)
        return Tasks(tasks, tuple(problems), whole, _NAME, _FILL)

    def _heads(self, name: str) -> List[int]:
        """Returns the addresses of the lists of one name, less those that are not initialised."""
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
        """Returns the tasks of a list. Around damage it returns those before and behind it."""
        shape = self.shape
        owners, wrong = self._walk(head, shape.following, shape.before)
        if wrong is not None:
            self.problems.append(said("list-damaged", kernel=_NAME, list=name, why=wrong))
            return owners + self._walk(head, shape.before, shape.following)[0]
        counted = self._number(head + shape.length[0], shape.length[1])
        if counted != len(owners):
            self.problems.append(said("list-miscounts", list=name, place=head, counted=counted, linked=len(owners)))
        return owners

    def _walk(self, head: int, onwards: int, back: int) -> Tuple[List[int], Optional[Said]]:
        """Returns the owners in one direction, and what is wrong with the item that ended the walk."""
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
        """Returns why this cannot be an item of the list. None if it can."""
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
        """Returns the task of a control block. None if the block is not in known memory."""
        size, members = self.shape.control.size, self.shape.control.members
        readable = address % self.word == 0 and self.memory.may_read(address, address + size)
        if not readable or self.memory.get(address, size) is None:
            self.problems.append(said("task-unknown", place=address))
            return None
        named = members["pcTaskName"]
        text = self.memory.get(address + named.offset, min(named.size, _LONGEST_NAME_BYTES)) or b""
        name = text.split(b"\0")[0].decode("utf-8", "replace")
        top, low = (self._word(address + members[member][0]) or 0 for member in ("pxTopOfStack", "pxStack"))
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
