# SPDX-License-Identifier: Apache-2.0
"""Finds the owner, the state and the stacks of a block.

Approach: the heap shows which blocks exist, the trace shows who owns them. Where they differ, both are shown.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from gdbext.analyse.shared import Shared
from gdbext.analyse.stacks import FullStack
from gdbext.analyse.values import SpotAt, nowhere
from gdbext.heap.facts import HeapFacts
from gdbext.model.diagnosis import Extent, Given, Operation, Suspect
from gdbext.model.events import Generation, Stack, TraceInfo
from gdbext.model.said import Said, said
from gdbext.trace.history import History

Frames = Callable[[Tuple[int, ...]], Stack]
RoleOf = Callable[[HeapFacts, int], Optional[Said]]  # what a block (raw) is for
TaskOf = Callable[[HeapFacts, int], Optional[str]]  # the task that a block (raw) names in its owner word


class Witness:
    """One heap and the trace together, which answer questions about a block."""

    def __init__(
        self,
        facts: HeapFacts,
        history: History,
        frames: Frames,
        trace: Optional[TraceInfo],
        heaps: Sequence[HeapFacts] = (),
        task_of: TaskOf = lambda facts, raw: None,
        spot_at: SpotAt = nowhere,
        operation: Callable[[], Operation] = Operation,
        given: Optional[Given] = None,
        full_stacks: Sequence[FullStack] = (),
        role_of: RoleOf = lambda facts, raw: None,
        shared: Sequence[Shared] = (),
    ) -> None:
        self.facts = facts
        self.history = history
        self.frames = frames
        self.trace = trace
        self.heaps = heaps  # all heaps that were read
        self.task_of = task_of
        self.spot_at = spot_at
        self.operation = operation
        self.given = given  # the pointer that the calls at the stop gave to the allocator, if it is this heap's matter
        self.role_of = role_of
        self.full_stacks = full_stacks  # those that begin right above damage
        self.shared = shared  # memory of this heap that has another owner, too

    def beside(self, facts: HeapFacts) -> Witness:
        """Returns a witness with the same trace for another heap."""
        return Witness(
            facts, self.history, self.frames, self.trace, self.heaps, self.task_of, self.spot_at, self.operation,
            role_of=self.role_of,
        )  # fmt: skip

    def live_here(self) -> List[Generation]:
        """Returns the generations that are live in the trace and lie in this heap, in address order."""
        here = range(self.facts.start, self.facts.end)
        return sorted((life for life in self.history.live() if life.payload in here), key=lambda life: life.payload)

    def suspect(
        self, raw: int, extent: Extent, life: Optional[Generation] = None, why: Optional[Said] = None
    ) -> Suspect:
        """Returns a block as a suspect. `life` defaults to its newest one, and `why` to the damage to its bytes."""
        payload = self.facts.user(raw)
        life = life if life is not None else self.history.newest(payload)
        size = self.size(raw, life)
        why = why or hit_bytes(self.facts, raw, size, extent)
        if life is None:
            state, task = "freed" if self.heap_free(payload) else "used", self.task_of(self.facts, raw)
            return Suspect(
                payload, size, state, task, None, (), None, self._unknown(why), role=self.role_of(self.facts, raw)
            )
        freed = None if life.freed is None else self.frames(life.freed)
        state = self.state(payload, life)
        is_known = life.allocated or life.size is not None
        reason = why if is_known or not self.facts.start <= payload < self.facts.end else self._unknown(why)
        if life.is_freed and state == "used":
            reason = said("freed-and-used", what=reason)
        allocated = self.frames(life.allocated)
        task = life.task if life.is_freed or life.task is not None else self.task_of(self.facts, raw)
        role = self.role_of(self.facts, raw) if state == "used" else None
        return Suspect(
            payload, size, state, task, life.seq, allocated, freed, reason, life.freed_seq, life.freed_task, role
        )

    def state(self, payload: int, life: Generation) -> str:
        """Returns used, freed or freeing. The heap decides if the trace has no free, or does not tell when it was.

        A free is under way only if it was its task's last event, and an assertion or the debugger shows that the target
        stopped in it.
        """
        if not life.is_freed or (life.freed_seq is None and life == self.history.newest(payload)):
            return "freed" if self.heap_free(payload) else "used"
        at_stop = life.refused and life.freed_seq is None  # the free that the calls at the stop are in
        refused = at_stop or any(event.seq == life.freed_seq for event, _ in self.history.double_frees())
        died = self.history.refused()
        stopped = life.freed_seq in {one.freed_seq for one in died} if died else self.operation().in_allocator
        return "freeing" if life.in_flight and stopped and (refused or not self.heap_free(payload)) else "freed"

    def heap_free(self, payload: int) -> bool:
        """Tells whether a proven free block of the heap holds the address."""
        holder = self.facts.holder(self.facts.raw(payload))
        return holder is not None and self.facts.is_free(holder)

    def size(self, raw: int, life: Optional[Generation] = None) -> int:
        """Returns a block's size by the heap, else by the trace, else by the gap behind it. Returns 0 if none tells."""
        if self.facts.is_block(raw):
            return self.facts.size_of(raw)
        life = life or self.history.newest(self.facts.user(raw))
        if life is not None and life.size is not None:
            return self.facts.layout.rounded(life.size + self.facts.lead(raw))
        breaks = self.facts.walk.breaks
        return next((gap.next - self.facts.layout.header - raw for gap in breaks if gap.payload == raw), 0)

    def _unknown(self, why: Said) -> Said:
        if self.trace is None:
            return why
        if self.trace.overwritten:
            return said("allocation-overwritten", what=why, events=self.trace.overwritten)
        return said("allocation-unknown", what=why)

    def former_owner(self, address: int) -> Optional[Generation]:
        """Returns the last owner of `address` if it has freed it. None if the free is still under way, or if a block
        was handed out since that begins in the same bytes, up to there.
        """
        newest = next(iter(self.history.holding(address, self.facts.user_size)), None)
        if newest is None or not self._has_freed(newest):
            return None
        is_old = self.history.began_since(newest.freed_seq, range(newest.payload + 1, address + 1))
        return None if is_old else newest

    def owner_before(self, address: int) -> Optional[Generation]:
        """Returns the owner that had freed `address` before its present owner got it. None if there was none."""
        holding = self.history.holding(address, self.facts.user_size)
        return next((life for life in holding[1:] if self._has_freed(life)), None)

    def _has_freed(self, life: Generation) -> bool:
        return life.is_freed and self.state(life.payload, life) == "freed"

    def present_owner(self, address: int) -> Optional[Generation]:
        """Returns the generation that holds `address` now. None if the trace does not know it."""
        for life in self.history.holding(address, self.facts.user_size):
            if not life.is_freed or self.state(life.payload, life) == "freeing":
                return life
        return None


def asked_end(facts: HeapFacts, raw: int) -> int:
    """Returns the address behind the last byte that a proven block's user asked for, else behind its last byte."""
    requested = None if facts.is_free(raw) else facts.requested(raw)
    return facts.end_of(raw) if requested is None else facts.user(raw) + requested


def hit_bytes(facts: HeapFacts, raw: int, size: int, extent: Extent) -> Said:
    """Says which of a block's bytes the damage covers. Offsets count from its user's pointer."""
    is_proven, user, end = facts.holder(raw) == raw, facts.user(raw), raw + size
    is_free, asked = is_proven and facts.is_free(raw), asked_end(facts, raw) if is_proven else end
    in_header, in_front = _covered(extent, facts.header_of(raw), raw), _covered(extent, raw, user)
    links = is_free and extent.start <= raw < extent.end
    parts: List[Said] = []
    if in_header:
        is_word = facts.layout.header == facts.layout.word
        parts.append(said("hit-size-word", bytes=in_header) if is_word else said("hit-header", bytes=in_header))
    if links and extent.end >= end:
        return said("hit", parts=(*parts, said("hit-links-and-all")))
    if in_front:
        parts.append(said("hit-links-in-front", bytes=in_front) if links else said("hit-in-front", bytes=in_front))
    if (number := _covered(extent, user, asked)) > 0:
        parts.append(_hit_own(number, max(extent.start, user) - user, extent.end >= asked, links and not in_front))
    if (behind := _covered(extent, asked, end)) > 0:
        parts.append(said("hit-behind", bytes=behind))
    return said("hit", parts=tuple(parts)) if parts else said("hit-none")


def _hit_own(number: int, offset: int, to_end: bool, links: bool) -> Said:
    """Says which of a user's own bytes the damage covers."""
    if to_end:
        return said("hit-last", bytes=number) if offset else said("hit-all")
    if links:
        return said("hit-links", bytes=number, offset=offset)
    return said("hit-offset", bytes=number, offset=offset)


def _covered(extent: Extent, low: int, high: int) -> int:
    """Returns how many of some bytes the damage covers."""
    return max(0, min(extent.end, high) - max(extent.start, low))
