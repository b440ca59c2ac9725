# SPDX-License-Identifier: Apache-2.0
"""What a block is for, as far as facts prove it: a task's stack, a queue, a heap of its own, memory for DMA alone.

Approach: who knows a block's address by itself comes first: the kernel's lists of tasks, the heaps, the trace, the
registry of queues. Then the block's bytes are tried, as they were read with the heap. A block of which nothing is
proven has no role.
Rejected: roles by size or by who allocated (a guess).
Cost: nothing before the first question; then the kernel's lists of tasks and the registry of queues, once, if the
program has them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, Optional

from gdbext.collect.collected import Collected
from gdbext.heap.facts import HeapFacts
from gdbext.kernel.freertos_objects import LARGEST_WORDS, Block, object_in, queue_names
from gdbext.kernel.kernels import read_tasks
from gdbext.model.memory import Place
from gdbext.model.record import replace
from gdbext.model.said import Said, said


class Roles:
    """The roles of the blocks of one report."""

    def __init__(self, found: Collected) -> None:
        self._found = found
        self._queues = lru_cache(maxsize=1)(self._read_queues)
        self._of_tasks = lru_cache(maxsize=1)(self._read_tasks)

    def of(self, heap: HeapFacts, raw: int) -> Optional[Said]:
        """Returns what a used block is for; None if nothing proves anything. Of one whose header was hit, the address
        alone tells.
        """
        if not heap.is_block(raw):
            return self._of_tasks().get(heap.user(raw))
        if heap.is_free(raw):
            return None
        start, end = heap.user(raw), heap.end_of(raw)
        return self._inside(heap, raw, end) or self._of_task(raw, end) or self._object(heap, start, end)

    def with_role(self, place: Optional[Place]) -> Optional[Place]:
        """Returns a place, with what its block is for."""
        if place is None or place.state != "used":
            return place
        heap = next((one for one in self._found.heaps if one.region.address == place.heap), None)
        return place if heap is None else replace(place, role=self.of(heap, place.raw))

    def _inside(self, heap: HeapFacts, raw: int, end: int) -> Optional[Said]:
        """Returns the heap or the records that lie in a block."""
        for other in self._found.heaps:
            if other is not heap and raw <= other.start < other.end <= end:
                return said("role-heap", kind=other.region.kind, place=other.start)
        own = any(raw <= low < high <= end for low, high in self._found.trace.own)
        return said("role-records") if own else None

    def _of_task(self, raw: int, end: int) -> Optional[Said]:
        """Returns the stack or the control block that lies in a block."""
        return next((role for place, role in self._of_tasks().items() if raw <= place < end), None)

    def _read_tasks(self) -> Dict[int, Said]:
        """Returns the roles by address: of stacks first, since one block may have both."""
        target = self._found.target
        tasks = () if self._found.memory.fragile else read_tasks(self._found.memory, target.program).tasks
        stacks = {task.low: said("role-stack", task=task.name) for task in sorted(tasks, key=lambda task: task.low)}
        return {**stacks, **{task.address: said("role-control", task=task.name) for task in tasks}}

    def _object(self, heap: HeapFacts, start: int, end: int) -> Optional[Said]:
        word = heap.layout.word
        words = heap.snapshot.words(start, min(end // word * word, start + LARGEST_WORDS * word))
        block = Block(start, end - start, word, words or ())
        return object_in(block, self._queues(), self._found.memory, self._function_at)

    def _read_queues(self) -> Dict[int, str]:
        return {} if self._found.memory.fragile else queue_names(self._found.memory, self._found.target.program)

    def _function_at(self, address: int) -> Optional[str]:
        """Returns the name of the function that begins at an address. Its lowest bit may say how it is called."""
        place = address & ~1
        name = self._found.target.program.name_at(place) if place else None
        return None if name is None or "+" in name or name in self._found.object_names else name
