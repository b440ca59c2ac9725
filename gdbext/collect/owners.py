# SPDX-License-Identifier: Apache-2.0
"""Finds the owner of a block: by the trace, else by the task handle that ESP-IDF's task tracking left in the block.

A handle is the address of a control block, and the kernel's lists give its name. If these lists are whole and do not
have the handle, its task has ended. Blocks of an ended task are likely leaks; they are no damage.
Cost: nothing if the trace knows the owner or no task is tracked, else one read of the kernel's lists for each report.
"""

from __future__ import annotations

from typing import Dict, Optional

from gdbext.collect.collected import Collected
from gdbext.heap.facts import HeapFacts
from gdbext.kernel.kernels import read_tasks
from gdbext.model.events import Owner


class Owners:
    """The owners of the blocks of one report."""

    def __init__(self, found: Collected) -> None:
        self._found = found
        self._heaps = {facts.region.address: facts for facts in found.heaps}
        self._handles: Dict[int, Dict[int, int]] = {}  # by the heap's address, then by raw payload
        self._names: Optional[Dict[int, str]] = None
        self._complete = False

    def of(self, heap: int, payload: int) -> Optional[Owner]:
        """Returns the owner of a used block. `heap` is the address of the block's heap."""
        life = self._found.trace.history.newest(payload)
        known = life is not None and not life.is_freed
        facts, task = self._heaps.get(heap), life.task if life is not None and known else None
        if task is None and facts is not None:
            task = self.task_of(facts, facts.raw(payload))
        if life is not None and known:
            return Owner(life.seq, task, self._found.target.frames(life.allocated), life.module)
        return None if task is None else Owner(None, task, ())

    def task_of(self, facts: HeapFacts, raw: int) -> Optional[str]:
        """Returns the name of the task in a used block's owner word, or the handle if it has no known name."""
        handle = self._handle(facts, raw)
        if not handle:
            return facts.guards.owner_name(facts.snapshot, raw)  # None: before the first task, or without an owner word
        if self._names is None:
            target = self._found.target
            tasks = read_tasks(target.bytes.memory(), target.program)
            self._names, self._complete = {task.address: task.name for task in tasks.tasks}, tasks.complete
        return self._names.get(handle) or f"{handle:#x}{' (ended)' if self._complete else ''}"

    def _handle(self, facts: HeapFacts, raw: int) -> Optional[int]:
        """Returns the handle in a block's owner word. If the size word is damaged, the head canary must be intact."""
        place, heap = facts.guards.owner_place(raw), facts.region.address
        if place is None:
            return None
        if heap not in self._handles:
            own = {facts.holder(start) for start, _ in self._found.trace.own}
            places = ((raw, facts.guards.owner_place(raw)) for raw, _ in facts.walk.used() if raw not in own)
            words = {raw: facts.read32(where) or 0 for raw, where in places if where is not None}
            no_handles = set(facts.guards.strangers(words))  # blocks whose word is no task's handle
            control = range(facts.start, facts.layout.first)  # no task lies here, but the tracking may point to it
            self._handles[heap] = {
                raw: word for raw, word in words.items() if not (raw in no_handles or word in control)
            }
        known = self._handles[heap]
        if facts.is_block(raw) or not facts.guards.is_used(facts.snapshot, raw):
            return known.get(raw)
        handle = facts.read32(place)
        return handle if handle in known.values() else None
