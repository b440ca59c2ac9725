# SPDX-License-Identifier: Apache-2.0
"""What lies at an address of a target: a task's stack, a block and its owner, an allocator's own words, a variable, a
function, a constant, or memory that nothing known holds.

Approach: a stack comes first, since it may lie in a block or a variable; then the heaps, since one may lie in a
variable; then the symbols. Of two heaps over one memory the smaller counts.
Rejected: the map of a chip (symbols and heaps say more, and are the program's own).
Cost: nothing before the first question; then the kernel's lists of tasks, once, if a task's stack may lie there.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Dict, Iterator, Optional, Tuple

from gdbext.analyse.reach import Reach
from gdbext.analyse.stacks import task_stacks
from gdbext.analyse.values import owner_words
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.collect.roots import used_blocks
from gdbext.collect.world import threads_named
from gdbext.heap.facts import HeapFacts
from gdbext.kernel.kernels import read_tasks
from gdbext.model.events import Owner
from gdbext.model.memory import Place, Spot
from gdbext.model.record import replace
from gdbext.model.said import said

_LARGEST_STACK = 64 << 10


class Places:
    """What lies where, of everything that one command has collected. It is asked as often as one likes."""

    def __init__(self, found: Collected, owners: Optional[Owners] = None) -> None:
        self._found = found
        self._owners = owners or Owners(found)
        self._stacks = lru_cache(maxsize=1)(lambda: list(self._read_stacks()))

    def at(self, address: int) -> Optional[Spot]:
        """Returns what lies at an address; None if no memory is known there."""
        heap, name = self.heap_at(address), self._found.target.program.name_at(address)
        is_known = self._found.memory.may_read(address, address + 1)
        if heap is None and name is None and not is_known:
            return None
        task = self.task_at(address) if heap is not None or is_known else None
        if task is not None:
            return Spot("stack", said("spot-task", task=task), task)
        if heap is not None:
            return self._in_heap(heap, address)
        return Spot("memory", said("spot-memory")) if name is None else self._named(address, name)

    def heap_at(self, address: int) -> Optional[HeapFacts]:
        """Returns the heap that holds an address, the smallest of several; None if none does."""
        holding = [heap for heap in self._found.heaps if heap.start <= address < heap.end]
        return min(holding, key=lambda heap: heap.end - heap.start, default=None)

    def task_at(self, address: int) -> Optional[str]:
        """Returns the name of the task on whose stack an address lies; None if it lies on none."""
        if self._found.memory.fragile:
            return None
        return next((name for name, low, end in self._stacks() if low <= address < end), None)

    def is_on_stack_of(self, address: int, frame: int) -> bool:
        """Tells whether an address lies in the memory of the stack whose pointer is `frame`, above that."""
        if not frame or not frame <= address < frame + _LARGEST_STACK:
            return False
        heap, name_at = self.heap_at(address), self._found.target.program.name_at
        if heap is not None:
            return heap.holder(address) == heap.holder(frame)
        return _variable(name_at(address)) == _variable(name_at(frame))

    def _read_stacks(self) -> Iterator[Tuple[str, int, int]]:
        target, memory = self._found.target, self._found.memory
        tasks = read_tasks(memory, target.program).tasks
        threads = threads_named(target.debugger.machine(), target.debugger.registers()) if tasks else []
        pointers = [stack for _, stack, _ in threads]
        reach = Reach(memory.snapshot, used_blocks(self._found))
        names: Dict[int, str] = {task.low: task.name for task in tasks}
        for stack in task_stacks(tasks, reach, pointers, memory.known_end)[0]:
            yield names[stack.low], stack.low, stack.end

    def _named(self, address: int, name: str) -> Spot:
        """Returns the spot of a symbol. What the program does not write to is a function, or a constant."""
        base, _, offset = name.partition("+")
        number = int(offset) if offset.isdigit() else 0
        sections = self._found.target.program.writable()  # without any, nobody knows what is written
        is_object = base in self._found.object_names
        if any(start <= address < end for _, start, end in sections) or (is_object and not sections):
            return Spot("variable", said("spot-variable", name=name), name, offset=number)
        if is_object:
            return Spot("constant", said("spot-constant", name=name), name, offset=number)
        return Spot("function", said("spot-function", name=name), name, offset=number)

    def _in_heap(self, heap: HeapFacts, address: int) -> Spot:
        holder, home = heap.holder(address), heap.region.address
        if holder is not None and heap.is_free(holder):
            return self._in_freed(heap, holder, address)
        if holder is not None:
            return self._in_block(heap, holder, address)
        behind = bisect_right(heap.walk.payloads, address)
        following = heap.walk.payloads[behind] if behind < len(heap.walk.payloads) else None
        if following is not None and heap.header_of(following) <= address:
            block = heap.user(following)
            return Spot("header", said("spot-header", block=block), None, block, address - block, heap=home)
        if address < heap.layout.control_end:
            return Spot("control", said("spot-control", heap=heap.start), heap=home)
        return Spot("gap", said("spot-gap", heap=heap.start), heap=home)

    def _in_block(self, heap: HeapFacts, holder: int, address: int) -> Spot:
        block = heap.user(holder)
        offset = max(0, address - block)  # an inner function's pointer leads to the guards in front of it
        owner = self._owners.of(heap.region.address, block)
        where = said("spot-inside", block=block, offset=offset) if offset else said("spot-block", block=block)
        return _owned(Spot("block", where, None, block, offset, heap=heap.region.address), owner)

    def _in_freed(self, heap: HeapFacts, holder: int, address: int) -> Spot:
        """Returns the spot of a freed block, by its last owner's pointer if the trace knows one."""
        lives = self._found.trace.history.holding(address, heap.user_size)
        last = next(iter(lives), None)
        block = heap.user(holder) if last is None else last.payload
        offset = max(0, address - block)
        where = said("spot-inside-freed", block=block, offset=offset) if offset else said("spot-freed", block=block)
        spot = Spot("freed", where, None, block, offset, heap=heap.region.address)
        if last is None:
            return spot
        return _owned(spot, Owner(last.seq, last.task, self._found.target.frames(last.allocated)))


def _variable(name: Optional[str]) -> Optional[str]:
    return None if name is None else name.partition("+")[0]


def _owned(spot: Spot, owner: Optional[Owner]) -> Spot:
    """Returns a spot in a block with its owner, as far as that is known."""
    if owner is None:
        return spot
    told = owner_words(owner)
    words = spot.words if told is None else said("spot-owned", where=spot.words, owner=told)
    return replace(spot, words=words, task=owner.task, allocated=owner.allocated)


def spot_outside(found: Collected, address: int, place: Optional[Place]) -> Optional[Spot]:
    """Returns what lies at an address that is in no heap; None if it is in one, or if a log or another run is asked."""
    is_here = found.target.log is None and not found.trace.is_past
    return Places(found).at(address) if place is None and is_here else None
