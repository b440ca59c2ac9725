# SPDX-License-Identifier: Apache-2.0
"""Holds everything that one command has read."""

from __future__ import annotations

from functools import cached_property
from typing import Dict, FrozenSet, List, Optional, Tuple

from gdbext.heap.allocator import Unreadable
from gdbext.heap.cover import Proven
from gdbext.heap.facts import HeapFacts
from gdbext.model.events import TraceInfo
from gdbext.model.record import replace
from gdbext.model.reports.base import Cost, Skipped
from gdbext.model.said import said
from gdbext.target.target import Target
from gdbext.trace.trace import Trace


class Collected:
    """Everything that was read of a target for one report. It is empty at first."""

    def __init__(self, target: Target) -> None:
        """The report's cost counts from here on."""
        self.target = target
        self.memory = target.bytes.memory()
        self._mark = self.memory.mark()
        self.heaps: List[HeapFacts] = []
        self.unreadable: List[Unreadable] = []
        self.heaps_missing = False  # some could not be located; `skipped` says why
        self.trace = Trace(None)  # an empty trace until one is read
        self.skipped: List[Skipped] = []

    def closing(self) -> Tuple[Optional[TraceInfo], Tuple[Skipped, ...], Cost, Optional[str]]:
        """Returns the fields of every report: the trace, what was skipped and why, the cost, and the build id."""
        remarks = [Skipped("memory", remark) for remark in self.memory.remarks()]
        log = self.target.log
        remarks += [] if log is None else [Skipped("symbols", problem) for problem in log.unnamed()]
        build_id = self.target.program.build_id()
        cost, (size, pieces) = self.memory.cost_since(self._mark), self.trace.read
        cost = replace(cost, bytes=cost.bytes + size, reads=cost.reads + pieces)
        return self.trace.info, (*self.skipped, *remarks), cost, build_id

    @cached_property
    def object_names(self) -> FrozenSet[str]:
        """Returns the names of the program's variables."""
        return frozenset(name for name, _, _ in self.target.program.objects())

    @property
    def proven(self) -> Dict[int, Proven]:
        """Returns the payloads that the trace proves to be live blocks."""
        lives = (life for life in self.trace.history.live() if life.size is not None and self.trace.proves_live)
        return {life.payload: (life.size or 0, said("proven-by-trace", seq=life.seq)) for life in lives}

    def skip_unreadable(self) -> None:
        """Adds unreadable heaps, and gaps without a proven block, to what a list of blocks does not show."""
        for heap in self.unreadable:
            self.skipped.append(Skipped(f"heap {heap.region.address:#x}", heap.why))
        for facts in self.heaps:
            for gap in facts.walk.gaps():
                self.skipped.append(Skipped("blocks", said("no-block-proven", start=gap.start, end=gap.end)))
