# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace export`: all that was recorded, in sums by who allocated, for the forms of other tools."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.reports.report import LogMark, LogSource, Share, Timeline, UsageTotals


class Sample(Record):
    """What one stack has used, in one task, for one tag, in one heap. Over all samples, sums are the totals."""

    frames: Stack  # innermost first; from the site outwards, or with --all-frames all; empty if none was recorded
    path: str  # names the whole stack across builds: a hash of its functions
    task: Optional[str]
    module: Optional[str]  # the part of the program that a tag names
    library: Optional[str]  # the loaded file that the site is in
    heap: Optional[str]  # its name, else its number; None: the data does not tell heaps apart
    allocations: int
    bytes: int  # allocated in all
    frees: int
    temporary: int  # blocks that were freed before anyone allocated again
    lifetime: int  # summed over freed blocks: time units, or events where there is no clock
    live_blocks: int
    live_bytes: int
    at_peak_blocks: int  # when the global peak was: these sum up to the totals' peak
    at_peak_bytes: int
    peak_blocks: int  # its own, whenever that was: these do not sum up
    peak_bytes: int


class Mapping(Record):
    """Code that was loaded: an executable segment of a file, where it ran."""

    start: int
    end: int  # behind the last address
    file: str
    build_id: Optional[str]  # of the file; the SHA-256 of a file that has none; None if it is not known


class ExportHeap(Record):
    """What the log says of a heap."""

    name: str
    memory: str  # "unknown", "internal", "external", "retained", "host", "mapped" or "device"
    capabilities: int  # as the framework numbers them


class Move(NamedTuple):
    """A block that is born, or one that ends, as a report counts them."""

    born: bool
    address: int
    size: int
    sample: int  # index into ExportReport.samples
    seq: Optional[int]  # None: older than the log
    time: Optional[int]


class ExportReport(Report):
    """The report of `memtrace export`, in place of which most users take one of the forms of other tools.

    `moves` is no field: it reads the log once more. UserError says why it cannot.
    """

    source: LogSource
    totals: UsageTotals
    lost: int  # events that are missing from the log
    samples: Tuple[Sample, ...]  # in the order in which they first allocated
    mappings: Tuple[Mapping, ...]
    heaps: Tuple[ExportHeap, ...]  # those that the log names
    by_heap: Tuple[Share, ...]  # with peaks of their own
    by_task: Tuple[Share, ...]
    by_module: Tuple[Share, ...]
    timeline: Timeline
    marks: Tuple[LogMark, ...]
    first_time: Optional[int]  # of an event, in the timeline's units
    last_time: Optional[int]
    peak_time: Optional[int]
    first_seq: Optional[int]
    last_seq: Optional[int]
    untold: Tuple[str, ...]  # names of metrics that the data cannot tell
    metric: str  # of the forms that have one alone
    all_frames: bool  # frames are those of allocators and wrappers, too

    def with_moves(self, moves: Callable[[], Iterator[Move]]) -> ExportReport:
        """Returns the same report, which can read its moves."""
        vars(self)["_moves"] = moves
        return self

    def moves(self) -> Iterator[Move]:
        """Yields births and ends of the blocks that count, in order."""
        moves: Callable[[], Iterator[Move]] = vars(self).get("_moves", lambda: iter(()))
        return moves()
