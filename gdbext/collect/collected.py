# SPDX-License-Identifier: Apache-2.0
"""Everything that one command has read."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from gdbext.heap.allocator import Unreadable
from gdbext.heap.cover import Proven
from gdbext.heap.facts import HeapFacts
from gdbext.model.events import TraceInfo
from gdbext.model.reports.base import Cost, Skipped
from gdbext.model.said import said
from gdbext.target.target import Target
from gdbext.trace.trace import Trace


class Collected:
    """Everything that was read of a target for one report; at first nothing."""

    def __init__(self, target: Target) -> None:
        """What is read from here on is the report's cost."""
        self.target = target
        self.memory = target.bytes.memory()
        self._mark = self.memory.mark()
        self.heaps: List[HeapFacts] = []
        self.unreadable: List[Unreadable] = []
        self.heaps_missing = False  # and why is among what was skipped
        self.trace = Trace(None)  # at first one that tells nothing
        self.skipped: List[Skipped] = []

    def closing(self) -> Tuple[Optional[TraceInfo], Tuple[Skipped, ...], Cost, Optional[str]]:
        """What every report has: the trace, what was not looked at and why, the cost, and the program."""
        remarks = (Skipped("memory", remark) for remark in self.memory.remarks())
        build_id = self.target.program.build_id()
        return self.trace.info, (*self.skipped, *remarks), self.memory.cost_since(self._mark), build_id

    @property
    def proven(self) -> Dict[int, Proven]:
        """Payloads that the trace knows to be blocks now."""
        lives = (life for life in self.trace.history.live() if life.size is not None and self.trace.proves_live)
        return {life.payload: Proven(life.size or 0, said("proven-by-trace", seq=life.seq)) for life in lives}

    def skip_unreadable(self) -> None:
        """Heaps that could not be read, and gaps, belong to what a list does not show."""
        for heap in self.unreadable:
            self.skipped.append(Skipped(f"heap {heap.region.address:#x}", heap.why))
        for facts in self.heaps:
            for gap in facts.walk.gaps():
                self.skipped.append(Skipped("blocks", said("no-block-proven", start=gap.start, end=gap.end)))
