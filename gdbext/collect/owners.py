# SPDX-License-Identifier: Apache-2.0
"""Whose a block is: as the trace has it; else the task whose handle ESP-IDF's task tracking left in the block.

A handle is the address of a control block: the kernel's own lists name it. One that they do not name, though they are
whole, is a task's that has ended; its blocks are where to look for a leak, and no damage.
Cost: nothing where the trace knows or no task is tracked; else the kernel's lists, once a report.
"""

from __future__ import annotations

from typing import Dict, Optional

from gdbext.collect.collected import Collected
from gdbext.heap.facts import HeapFacts
from gdbext.heap.tlsf.owner import strangers
from gdbext.kernel.freertos import read_tasks
from gdbext.model.events import Owner


class Owners:
    """The owners of the blocks of one report."""

    def __init__(self, found: Collected) -> None:
        self._found = found
        self._heaps = {facts.region.address: facts for facts in found.heaps}
        self._handles: Dict[int, Dict[int, int]] = {}  # by heap, then by block
        self._names: Optional[Dict[int, str]] = None
        self._complete = False

    def of(self, heap: int, payload: int) -> Optional[Owner]:
        """The owner of a used block of a heap, which its address names."""
        life = self._found.trace.history.newest(payload)
        known = life is not None and not life.is_freed
        facts, task = self._heaps.get(heap), life.task if life is not None and known else None
        if task is None and facts is not None:
            task = self.task_of(facts, facts.raw(payload))
        if life is not None and known:
            return Owner(life.seq, task, self._found.target.frames(life.allocated))
        return None if task is None else Owner(None, task, ())

    def task_of(self, facts: HeapFacts, raw: int) -> Optional[str]:
        """The task that a used block's owner word names; its handle where no name is known."""
        handle = self._handle(facts, raw)
        if not handle:
            return None  # allocated before there was a task, or by nobody who says so
        if self._names is None:
            target = self._found.target
            tasks = read_tasks(target.bytes.memory(), target.program)
            self._names, self._complete = {task.address: task.name for task in tasks.tasks}, tasks.complete
        return self._names.get(handle) or f"{handle:#x}{' (ended)' if self._complete else ''}"

    def _handle(self, facts: HeapFacts, raw: int) -> Optional[int]:
        """What a block's owner word holds; where its size word is damaged, its head canary tells that it is used."""
        place, heap = facts.guards.owner_place(raw), facts.region.address
        if place is None:
            return None
        if heap not in self._handles:
            own = {facts.holder(start) for start, _ in self._found.trace.own}
            places = ((raw, facts.guards.owner_place(raw)) for raw, _ in facts.used if raw not in own)
            words = {raw: facts.read32(where) or 0 for raw, where in places if where is not None}
            none = set(strangers(words, facts.layout.word))  # what no task's handle can be
            control = range(facts.start, facts.layout.first)  # no task is there, but the tracking points to it
            self._handles[heap] = {raw: word for raw, word in words.items() if not (raw in none or word in control)}
        known = self._handles[heap]
        if raw in facts.position or not facts.guards.is_used(facts.snapshot, raw):
            return known.get(raw)
        handle = facts.read32(place)
        return handle if handle in known.values() else None
