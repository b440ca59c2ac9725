# SPDX-License-Identifier: Apache-2.0
"""What speaks for a heap being what it was recognised as, in one line for `memtrace status`."""

from __future__ import annotations

from typing import Iterator

from gdbext.heap.facts import HeapFacts


def evidence_of(facts: HeapFacts) -> str:
    """The agreement of control data, lists and blocks, in words."""
    return "; ".join((*_flaws(facts), *facts.allocator.evidence(facts), *_blocks(facts)))


def _flaws(facts: HeapFacts) -> Iterator[str]:
    flaws = [*facts.layout.flaws, *(facts.counters.flaws if facts.counters is not None else ())]
    if flaws:
        yield f"{len(flaws)} of its control words disagree"


def _blocks(facts: HeapFacts) -> Iterator[str]:
    layout = facts.layout
    if not layout.has_headers:
        return
    pools = ", ".join(f"{pool.first - layout.header:#x}..{layout.behind_pool(pool):#x}" for pool in layout.pools)
    several = f" in {len(layout.pools)} pools, {pools}" if len(layout.pools) > 1 else ""
    breaks = len(facts.walk.breaks)
    broken = f", breaks in it: {breaks}" if breaks else ""
    yield f"blocks in a chain to the {layout.ends_at}: {len(facts.walk.payloads):,}{several}{broken}"
