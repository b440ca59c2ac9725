# SPDX-License-Identifier: Apache-2.0
"""Finds the tasks of NuttX: their names, and where their stacks are.

Approach: the table g_pidhash has every task, in the slot that the low bits of its pid tell. The kernel's lists hold
those that wait for nothing else; they are walked, too, since they tell of damage, and of tasks where the table was hit.
Debug information gives the offsets in a control block. Without it the kernel's own g_tcbinfo does, which is there for
debuggers. Each step is verified: a pid must belong to its slot, and an item of a list must lead back.
Rejected: the lists alone (a task that waits for a semaphore is in the semaphore's own list); the state in a control
block (its numbers depend on options).
Cost: the table, and one read for each task.
Limits: NuttX before 10.2, which has another table, is not read. Where registers are saved in the control block, a
stack's top is the lowest saved register that points into it. Stacks grow downwards.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.kernel.tasks import NO_TASKS, Task, Tasks
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Program

_NAME = "NuttX"
_TABLE, _SLOTS = "g_pidhash", "g_npidhash"
_RUNNING, _READY = "g_running_tasks", "g_readytorun"
_LISTS = (
    _READY, "g_pendingtasks", "g_waitingforsignal", "g_waitingforsemaphore", "g_waitingformqnotempty",
    "g_waitingformqnotfull", "g_waitingforfill", "g_stoppedtasks", "g_inactivetasks",
)  # fmt: skip
_IDLE = "g_idletcb"
_FUNCTION = "nx_start"  # a function of the source file that has all of these variables
_NEEDED = ("flink", "blink", "pid", "stack_alloc_ptr", "stack_base_ptr", "adj_stack_size", "xcp.regs")
_TOLD = "g_tcbinfo"  # the halves of its words: offsets of pid, state, priority, name, stack, its size, registers
_TOLD_BYTES = 14
_MOST_SLOTS = 4096
_MOST_TASKS = 1024
_MOST_CORES = 32
_MOST_PROBLEMS_SHOWN = 6
_LARGEST_CONTROL_BYTES = 64 << 10
_LARGEST_IDLE_STACK = 64 << 10
_LONGEST_NAME_BYTES = 64
_USUAL_NAME_BYTES = 32
_PID_BYTES = 4


class _Control(NamedTuple):
    """A control block: its size, and where its members are, in bytes."""

    size: int
    members: Dict[str, Member]


def read_tasks(memory: Memory, program: Program) -> Tasks:
    """Returns the tasks of the program's kernel. There are none without NuttX or before it has started."""
    table, slots, word = program.address_of(_TABLE), program.address_of(_SLOTS), memory.source.pointer_size
    if table is None or slots is None:
        return NO_TASKS
    if not memory.may_read(table, table + word) or not memory.may_read(slots, slots + _PID_BYTES):
        return Tasks((), (said("kernel-unknown", kernel=_NAME, variable=_TABLE),))
    if not memory.word(table):
        return NO_TASKS
    control = _typed(program) or _told(memory, program)
    if control is None:
        return Tasks((), (said("lists-unknown", kernel=_NAME),))
    found = _Kernel(memory, program, control).read()
    cut = memory.interrupted and not found.complete
    return found._replace(problems=(said("lists-interrupted", kernel=_NAME),)) if cut else found


def _typed(program: Program) -> Optional[_Control]:
    """Returns the control block by debug information, None if a member is missing."""
    variable = program.variable_of(_FUNCTION, _TABLE, ("", ""))
    shape = None if variable is None or len(variable.shapes) < 3 else variable.shapes[2]
    if shape is None or not 0 < shape.size <= _LARGEST_CONTROL_BYTES or not set(_NEEDED) <= shape.members.keys():
        return None
    return _Control(shape.size, shape.members)


def _told(memory: Memory, program: Program) -> Optional[_Control]:
    """Returns the control block by g_tcbinfo. The links are first in it, and the stack's two addresses side by side."""
    place, word = program.address_of(_TOLD), memory.source.pointer_size
    data = memory.get(place, _TOLD_BYTES) if place and memory.may_read(place, place + _TOLD_BYTES) else None
    if data is None:
        return None
    order = memory.source.byte_order
    pid, _, _, name, stack, size, regs = (int.from_bytes(data[at : at + 2], order) for at in range(0, _TOLD_BYTES, 2))
    starts = (0, word, pid, stack, stack + word, size, regs)
    members = {member: Member(at, word) for member, at in zip(_NEEDED, starts)}
    if name:
        members["name"] = Member(name, _USUAL_NAME_BYTES)
    ends = [member.offset + member.size for member in members.values()]
    return _Control(max(ends), members) if pid and stack and size and regs else None


class _Kernel:
    """One kernel, read once."""

    def __init__(self, memory: Memory, program: Program, control: _Control) -> None:
        self.memory = memory
        self.program = program
        self.control = control
        self.word = memory.source.pointer_size
        self.problems: List[Said] = []

    def read(self) -> Tasks:
        """Returns all tasks, each once, in the order of their slots."""
        handles = dict.fromkeys(self._in_table())
        for name in _LISTS:
            handles.update(dict.fromkeys(self._in_list(name)))
        running = self._running()
        handles.update(dict.fromkeys(running))
        read = (self._task(handle, handle in running) for handle in list(handles)[:_MOST_TASKS])
        tasks = tuple(task for task in read if task is not None)
        problems, more = self.problems[:_MOST_PROBLEMS_SHOWN], len(self.problems) - _MOST_PROBLEMS_SHOWN
        if more > 0:
            problems.append(said("more-problems", kernel=_NAME, problems=more))
        fill = 0xDEADBEEF.to_bytes(4, self.memory.source.byte_order)
        return Tasks(tasks, tuple(problems), not self.problems, _NAME, fill)

    def _in_table(self) -> Iterator[int]:
        """Yields the tasks of the table whose pids belong to their slots."""
        start = self._word(self.program.address_of(_TABLE) or 0) or 0
        count = self._number(self.program.address_of(_SLOTS) or 0, _PID_BYTES)
        end = start + count * self.word
        if not 0 < count <= _MOST_SLOTS or count & (count - 1) or not self.memory.may_read(start, end):
            self.problems.append(said("table-unknown", kernel=_NAME, place=start, slots=count))
            return
        self.memory.fetch_known(start, end)
        for slot in range(count):
            handle = self._word(start + slot * self.word)
            if handle and self._is_control(handle):
                pid = self._number(handle + self.control.members["pid"].offset, _PID_BYTES)
                if pid & (count - 1) == slot:
                    yield handle
                else:
                    self.problems.append(said("task-of-other-slot", kernel=_NAME, place=handle, pid=pid, slot=slot))
            elif handle:
                self.problems.append(said("task-unknown", place=handle))

    def _in_list(self, name: str) -> Iterator[int]:
        """Yields the tasks of a list, up to the first that does not lead back to the one before it."""
        head = self.program.address_of(name)
        if head is None:
            return
        forth, back = (self.control.members[link].offset for link in ("flink", "blink"))
        before, item = 0, self._word(head)
        for _ in range(_MOST_TASKS):
            if not item:
                return
            wrong = self._wrong(item, before, back)
            if wrong is not None:
                self.problems.append(said("list-damaged", kernel=_NAME, list=name, why=wrong))
                return
            yield item
            before, item = item, self._word(item + forth)
        why = said("list-too-long", tasks=_MOST_TASKS)
        self.problems.append(said("list-damaged", kernel=_NAME, list=name, why=why))

    def _wrong(self, item: int, before: int, back: int) -> Optional[Said]:
        """Returns why this cannot be an item of the list. None if it can."""
        if not self._is_control(item):
            return said("item-nowhere", before=before, item=item)
        if self._word(item + back) != before:
            return said("item-leads-elsewhere", item=item, before=before)
        return None

    def _running(self) -> Tuple[int, ...]:
        """Returns the task of each core; of one core alone that is the first of those that are ready."""
        variable = self.program.address_of(_RUNNING)
        if variable is None:
            places = [self.program.address_of(_READY) or 0]
        else:
            cores = (self.program.size_of(_RUNNING) or self.word) // self.word
            places = [variable + core * self.word for core in range(min(cores, _MOST_CORES))]
        return tuple(task for task in map(self._word, places) if task)

    def _task(self, handle: int, running: bool) -> Optional[Task]:
        """Returns the task of a control block. None if the block is not in known memory."""
        members = self.control.members
        if not self._is_control(handle):
            self.problems.append(said("task-unknown", place=handle))
            return None
        named = members.get("name", Member(0, 0))
        text = self.memory.get(handle + named.offset, min(named.size, _LONGEST_NAME_BYTES)) or b""
        name = text.split(b"\0")[0].decode("utf-8", "replace") or f"pid {self._number(handle + members['pid'][0], 4)}"
        low, size = (self._word(handle + members[one].offset) or 0 for one in ("stack_base_ptr", "adj_stack_size"))
        end = low + max(size, self.word)
        self._allow_idle(handle, low, end)
        return Task(handle, name, self._top(handle, low, end), low, end - self.word, None, running, False)

    def _top(self, handle: int, low: int, end: int) -> int:
        """Returns where a task was left: its registers are saved there, or in the control block."""
        saved = self.control.members["xcp.regs"]
        place = handle + saved.offset
        if saved.size == self.word:
            return self._word(place) or 0
        words = (self._word(at) or 0 for at in range(place, place + saved.size, self.word))
        return min((word for word in words if low <= word < end), default=low)

    def _allow_idle(self, handle: int, low: int, end: int) -> None:
        """The stack of the idle task lies behind the program's variables, in no section and in no heap."""
        start, size = self.program.address_of(_IDLE), self.program.size_of(_IDLE) or 0
        is_idle = start is not None and start <= handle < start + max(size, 1)
        if is_idle and end - low <= _LARGEST_IDLE_STACK and self.memory.may_read(low - self.word, low):
            self.memory.allow(low, end)

    def _is_control(self, handle: int) -> bool:
        """Tells whether a control block can be there, and reads it."""
        size = self.control.size
        if handle % self.word or not self.memory.may_read(handle, handle + size):
            return False
        return self.memory.get(handle, size) is not None

    def _word(self, address: int) -> Optional[int]:
        return self.memory.word(address) if self.memory.may_read(address, address + self.word) else None

    def _number(self, address: int, size: int) -> int:
        data = self.memory.get(address, size) if self.memory.may_read(address, address + size) else None
        return int.from_bytes(data or b"", self.memory.source.byte_order)
