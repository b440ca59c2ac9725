# SPDX-License-Identifier: Apache-2.0
"""Whose bytes they are: from a payload to its owner, its state and its stacks.

Approach: the heap says which blocks there are, the trace says whose; where they differ, both are said.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from gdbext.heap.facts import HeapFacts
from gdbext.model import Extent, Generation, Stack, Suspect, TraceInfo
from gdbext.trace.history import History

_FREED_AND_USED = "; a free of it is recorded, but the heap has it as used: freed just now, or allocated again unseen"

Frames = Callable[[Tuple[int, ...]], Stack]
TaskOf = Callable[[HeapFacts, int], Optional[str]]  # the task that a block (raw) names itself, without a trace


def no_task(_: HeapFacts, __: int) -> Optional[str]:
    """Blocks say nothing of tasks."""
    return None


class Witness:
    """The heap and the trace together: what can be said of a block."""

    def __init__(
        self,
        facts: HeapFacts,
        history: History,
        frames: Frames,
        trace: Optional[TraceInfo],
        heaps: Sequence[HeapFacts] = (),
        task_of: TaskOf = no_task,
    ) -> None:
        self.facts = facts
        self.history = history
        self.frames = frames
        self.trace = trace
        self.heaps = heaps  # all that were read
        self.task_of = task_of
        self._sizes = facts.sizes()

    def beside(self, facts: HeapFacts) -> Witness:
        """The same trace, for another heap."""
        return Witness(facts, self.history, self.frames, self.trace, self.heaps, self.task_of)

    def live_here(self) -> List[Generation]:
        """The live of the trace within this heap, by address."""
        return sorted(filter(self._is_here, self.history.live()), key=lambda life: life.payload)

    def reissued_here(self) -> List[Tuple[Generation, Generation]]:
        """Blocks of this heap that were handed out while they were live, with the later life."""
        return [pair for pair in self.history.reissued() if self._is_here(pair[1])]

    def _is_here(self, life: Generation) -> bool:
        return self.facts.start <= life.payload < self.facts.end

    def suspect(self, raw: int, extent: Extent, life: Optional[Generation] = None, why: str = "") -> Suspect:
        """A block as a suspect: its newest generation unless another is named. `why`: else what the damage touches."""
        payload = self.facts.user(raw)
        life = life if life is not None else self.history.newest(payload)
        size = self._size(raw, life)
        why = why or hit_words(self.facts, raw, size, extent)
        if life is None:
            task = self.task_of(self.facts, raw)
            return Suspect(payload, size, self._heap_state(payload), task, None, (), None, self._unknown(why))
        freed = None if life.freed is None else self.frames(life.freed)
        state = self.state(payload, life)
        reason = why if life.allocated else self._unknown(why)
        if life.is_freed and state == "used":
            reason += _FREED_AND_USED
        allocated = self.frames(life.allocated)
        task = life.task if life.is_freed or life.task is not None else self.task_of(self.facts, raw)
        return Suspect(payload, size, state, task, life.seq, allocated, freed, reason, life.freed_seq, life.freed_task)

    def state(self, payload: int, life: Generation) -> str:
        """used, freed or freeing; the heap's word counts where the trace knows of no free, or not when."""
        if not life.is_freed or (life.freed_seq is None and life == self.history.newest(payload)):
            return self._heap_state(payload)
        refused = any(event.seq == life.freed_seq for event, _ in self.history.double_frees())
        return "freeing" if life.in_flight and (refused or not self.heap_free(payload)) else "freed"

    def _heap_state(self, payload: int) -> str:
        return "freed" if self.heap_free(payload) else "used"

    def heap_free(self, payload: int) -> bool:
        """Whether the heap has a proven free block there, or over it."""
        holder = self.facts.holder(self.facts.raw(payload))
        return holder is not None and self.facts.is_free(holder)

    def size(self, raw: int) -> int:
        """What the heap, the trace or the gap behind it say of a block's size; 0: nothing."""
        return self._size(raw, self.history.newest(self.facts.user(raw)))

    def _size(self, raw: int, life: Optional[Generation]) -> int:
        if raw in self.facts.position:
            return self.facts.size_of(raw)
        if life is not None and life.size is not None:
            return self.facts.layout.rounded(life.size + self.facts.shift)
        breaks = self.facts.walk.breaks
        return next((gap.next - self.facts.layout.header - raw for gap in breaks if gap.payload == raw), 0)

    def _unknown(self, why: str) -> str:
        if self.trace is None:
            return why
        older = f" ({self.trace.overwritten:,} older events were overwritten)" if self.trace.overwritten else ""
        return f"{why}; its allocation is not in the trace{older}"

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


def hit_words(facts: HeapFacts, payload: int, size: int, extent: Extent) -> str:
    """Which of a block's bytes the damage covers."""
    header = facts.header_of(payload)
    in_header = min(extent.end, payload) - max(extent.start, header)
    first, last = max(extent.start, payload), min(extent.end, payload + size)
    what = "size word" if facts.layout.header == facts.layout.word else "header"
    parts = [f"its {what} ({counted(in_header, 'byte')})"] if in_header > 0 else []
    if last > first:
        parts.append(_bytes_words(facts, payload, size, first, last))
    return " and ".join(parts) or "none of its bytes"


def _bytes_words(facts: HeapFacts, payload: int, size: int, first: int, last: int) -> str:
    holder = facts.holder(payload)
    links = "its free-list links and " if holder == payload and facts.is_free(payload) and first == payload else ""
    if last == payload + size:
        if first > payload:
            return f"its last {counted(last - first, 'byte')}"
        return f"{links}every byte to its end" if links else "every byte of it"
    return f"{counted(last - first, 'byte')} from offset {first - payload:,}" + (
        ", its free-list links" if links else ""
    )


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 byte, 1,028 bytes."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
