# SPDX-License-Identifier: Apache-2.0
"""Tells which faults may come of memory that is not at hand: an image that ends early or has holes is not damaged.

Approach: behind a hole a chain of size words may be an old one, of blocks that are no more. Its first blocks are
guesses, up to one that something else proves. If a part of the control block is missing and the rest contradicts it,
the layout itself is a guess. Faults of guesses become notes that say so.
Rejected: leaving such blocks out. Most of them are blocks, and the reader sees what is doubtful.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import List, Optional, Sequence, Set

from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault
from gdbext.model.said import Text, said

# Blocks after which a chain that leads to a proven block or the heap's end is the true one, whatever word began it.
_MERGED = 4
# Fewer used blocks do not tell whether canaries lie around them. The trace's pointers may lead behind such canaries.
_FEW = 8


class Guesses:
    """What of a heap is a guess because bytes are missing."""

    def __init__(self, witness: Witness, faults: Sequence[Fault]) -> None:
        facts, layout = witness.facts, witness.facts.layout
        control = range(layout.control, layout.control_end)
        lacks = bool(facts.snapshot.missing(control.start, control.stop)) if control else False
        self._layout = lacks and any(fault.address in control for fault in faults)
        unread = [broken for broken in facts.walk.breaks if broken.word is None]
        # A pool behind one that is open may be the rest of that.
        starts = [broken.next for broken in unread]
        starts += [pool.first for before, pool in zip(layout.pools, layout.pools[1:]) if before.open]
        self._blocks: Set[int] = {payload for start in starts for payload in _behind(witness, start)}
        broken = {one.payload for one in facts.walk.breaks if one.before in self._blocks}
        if facts.guards.kind == "none" and sum(1 for _ in facts.walk.used()) < _FEW:
            broken.update(start for start in starts if not facts.is_block(start))
        self._blocks |= broken

    def reason(self, faults: Sequence[Fault]) -> Optional[Text]:
        """Returns why some faults with one cause may be none; None if they are no guess."""
        if self._layout:
            return said("layout-guessed")
        guessed = all(fault.block in self._blocks or not self._blocks.isdisjoint(fault.touches) for fault in faults)
        return said("block-guessed") if guessed and faults else None


def _behind(witness: Witness, start: int) -> List[int]:
    """Returns the payloads of the blocks from the first one behind a hole that may be none. It is all of them if their
    chain leads into another hole or damage.
    """
    taken: List[int] = []
    facts = witness.facts
    payloads, stops = facts.walk.payloads, {broken.payload for broken in facts.walk.breaks}
    for payload in payloads[bisect_left(payloads, start) :] if facts.is_block(start) else ():
        life = witness.history.newest(facts.user(payload))
        if payload in facts.listed or facts.guarded(payload) or (life is not None and not life.is_freed):
            return taken[:_MERGED]
        taken.append(payload)
        following = facts.end_of(payload) + facts.layout.header
        if following in stops:
            return taken
        if facts.layout.is_end(following):
            return taken[:_MERGED]
    return taken
