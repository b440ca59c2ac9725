# SPDX-License-Identifier: Apache-2.0
"""Collects the evidence that a heap is of the kind that it was recognised as, for `memtrace status`."""

from __future__ import annotations

from gdbext.heap.facts import HeapFacts
from gdbext.model.said import Said, said


def evidence_of(facts: HeapFacts) -> Said:
    """Returns the evidence: flaws of the control data, what the allocator says, and the chain of blocks."""
    layout, breaks = facts.layout, len(facts.walk.breaks)
    flaws = len(layout.flaws) + (len(facts.counters.flaws) if facts.counters is not None else 0)
    parts = [said("control-words", flaws=flaws)] if flaws else []
    parts += facts.allocator.evidence(facts)
    if layout.has_headers:
        parts.append(said("chain", end=layout.ends_at, blocks=len(facts.walk.payloads)))
        if len(layout.pools) > 1:
            pools = ((pool.first - layout.header, layout.behind_pool(pool)) for pool in layout.pools)
            parts.append(said("pools", spans=tuple(said("span", start=start, end=end) for start, end in pools)))
        parts += [said("chain-breaks", breaks=breaks)] if breaks else []
    return said("evidence", parts=tuple(parts))
