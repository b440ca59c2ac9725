# SPDX-License-Identifier: Apache-2.0
"""Finds the block that holds an address, for `last-malloc`, and makes its known owners readable."""

from __future__ import annotations

from typing import Optional, Sequence

from gdbext.analyse.suspects import Frames
from gdbext.heap.facts import HeapFacts
from gdbext.model.events import Generation, Life
from gdbext.model.memory import Place
from gdbext.trace.history import History


def find_place(heaps: Sequence[HeapFacts], history: History, address: int) -> Optional[Place]:
    """Returns where an address lies. None if no heap holds it, or if its block may be in the part that was not read."""
    for facts in heaps:
        if not facts.start <= address < facts.end:
            continue
        raw = facts.holder(address)
        if raw is None and facts.cut:
            return None
        if raw is None:
            return Place(address, address, 0, None, 0, "outside", facts.region.address)
        free = facts.is_free(raw)
        payload = raw if free else facts.user(raw)
        life = None if free else history.newest(payload)
        requested = life.size if life is not None and not life.is_freed else None
        state, size = "free" if free else "used", facts.size_of(raw)
        return Place(payload, raw, size, requested, address - payload, state, facts.region.address)
    return None


def life_of(life: Generation, frames: Frames) -> Life:
    """Returns a generation with readable stacks."""
    freed = None if life.freed is None else frames(life.freed)
    return Life(
        life.payload, life.size, life.task, life.seq, frames(life.allocated),
        life.freed_seq, life.freed_task, freed, life.in_flight, life.module,
    )  # fmt: skip
