# SPDX-License-Identifier: Apache-2.0
"""Whose bytes they are: from a payload to its owner, its state and its stacks.

Approach: the heap says which blocks there are, the trace says whose; where they differ, both are said.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from gdbext.analyse.pointers import NameAt
from gdbext.heap.facts import HeapFacts
from gdbext.model.diagnosis import Extent, Operation, Suspect
from gdbext.model.events import Generation, Stack, TraceInfo
from gdbext.model.said import Said, said
from gdbext.trace.history import History

Frames = Callable[[Tuple[int, ...]], Stack]
TaskOf = Callable[[HeapFacts, int], Optional[str]]  # the task that a block (raw) names itself, without a trace


class Witness:
    """The heap and the trace together: what can be said of a block. What is not given is not known."""

    def __init__(
        self,
        facts: HeapFacts,
        history: History,
        frames: Frames,
        trace: Optional[TraceInfo],
        heaps: Sequence[HeapFacts] = (),
        task_of: TaskOf = lambda facts, raw: None,
        name_at: NameAt = lambda address: None,
        operation: Callable[[], Operation] = Operation,
    ) -> None:
        self.facts = facts
        self.history = history
        self.frames = frames
        self.trace = trace
        self.heaps = heaps  # all that were read
        self.task_of = task_of
        self.name_at = name_at
        self.operation = operation
        self._sizes = facts.sizes()

    def beside(self, facts: HeapFacts) -> Witness:
        """The same trace, for another heap."""
        return Witness(
            facts, self.history, self.frames, self.trace, self.heaps, self.task_of, self.name_at, self.operation
        )

    def live_here(self) -> List[Generation]:
        """The live of the trace within this heap, by address."""
        here = range(self.facts.start, self.facts.end)
        return sorted((life for life in self.history.live() if life.payload in here), key=lambda life: life.payload)

    def suspect(
        self, raw: int, extent: Extent, life: Optional[Generation] = None, why: Optional[Said] = None
    ) -> Suspect:
        """A block as a suspect: its newest generation unless another is named. `why`: else what the damage touches."""
        payload = self.facts.user(raw)
        life = life if life is not None else self.history.newest(payload)
        size = self.size(raw, life)
        why = why or hit_bytes(self.facts, raw, size, extent)
        if life is None:
            state, task = "freed" if self.heap_free(payload) else "used", self.task_of(self.facts, raw)
            return Suspect(payload, size, state, task, None, (), None, self._unknown(why))
        freed = None if life.freed is None else self.frames(life.freed)
        state = self.state(payload, life)
        reason = why if life.allocated else self._unknown(why)
        if life.is_freed and state == "used":
            reason = said("freed-and-used", what=reason)
        allocated = self.frames(life.allocated)
        task = life.task if life.is_freed or life.task is not None else self.task_of(self.facts, raw)
        return Suspect(payload, size, state, task, life.seq, allocated, freed, reason, life.freed_seq, life.freed_task)

    def state(self, payload: int, life: Generation) -> str:
        """used, freed or freeing; the heap's word counts where the trace knows of no free, or not when."""
        if not life.is_freed or (life.freed_seq is None and life == self.history.newest(payload)):
            return "freed" if self.heap_free(payload) else "used"
        refused = any(event.seq == life.freed_seq for event, _ in self.history.double_frees())
        return "freeing" if life.in_flight and (refused or not self.heap_free(payload)) else "freed"

    def heap_free(self, payload: int) -> bool:
        """Whether the heap has a proven free block there, or over it."""
        holder = self.facts.holder(self.facts.raw(payload))
        return holder is not None and self.facts.is_free(holder)

    def size(self, raw: int, life: Optional[Generation] = None) -> int:
        """What the heap, the trace or the gap behind it say of a block's size; 0: nothing."""
        if raw in self.facts.position:
            return self.facts.size_of(raw)
        life = life or self.history.newest(self.facts.user(raw))
        if life is not None and life.size is not None:
            return self.facts.layout.rounded(life.size + self.facts.shift)
        breaks = self.facts.walk.breaks
        return next((gap.next - self.facts.layout.header - raw for gap in breaks if gap.payload == raw), 0)

    def _unknown(self, why: Said) -> Said:
        if self.trace is None:
            return why
        if self.trace.overwritten:
            return said("allocation-overwritten", what=why, events=self.trace.overwritten)
        return said("allocation-unknown", what=why)

    def former_owner(self, address: int) -> Optional[Generation]:
        """The newest generation that held `address` and has been freed, not counting a free still under way."""
        for life in self.history.holding(address, self._sizes):
            if life.is_freed and self.state(life.payload, life) == "freed":
                return life
        return None

    def present_owner(self, address: int) -> Optional[Generation]:
        """The generation that holds `address` now, if the trace knows it."""
        for life in self.history.holding(address, self._sizes):
            if not life.is_freed or self.state(life.payload, life) == "freeing":
                return life
        return None


def hit_bytes(facts: HeapFacts, payload: int, size: int, extent: Extent) -> Said:
    """Which of a block's bytes the damage covers."""
    in_header = min(extent.end, payload) - max(extent.start, facts.header_of(payload))
    first, last = max(extent.start, payload), min(extent.end, payload + size)
    parts: List[Said] = []
    if in_header > 0 and facts.layout.header == facts.layout.word:
        parts.append(said("hit-size-word", bytes=in_header))
    elif in_header > 0:
        parts.append(said("hit-header", bytes=in_header))
    if last > first:
        links = first == payload and facts.holder(payload) == payload and facts.is_free(payload)
        number, offset = last - first, first - payload
        if last == payload + size and offset:
            parts.append(said("hit-last", bytes=number))
        elif last == payload + size:
            parts.append(said("hit-links-and-all") if links else said("hit-all"))
        elif links:
            parts.append(said("hit-links", bytes=number, offset=offset))
        else:
            parts.append(said("hit-offset", bytes=number, offset=offset))
    return said("hit", parts=tuple(parts)) if parts else said("hit-none")
