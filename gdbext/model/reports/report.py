# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace report`: who allocated, when, and what is left."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.profile import Bucket
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.reports.tree import TreeNode
from gdbext.model.said import Said, Text


class LogSource(Record):
    """What the events were read from."""

    format: str  # "memtrace", or the tool that wrote the log
    file: Optional[str]  # None: a target's memory
    build_id: Optional[str]  # of the program that recorded
    complete: bool  # true if every event from the first on is there
    unread: int  # lines or records that make no sense
    recognised_by: Optional[Said] = None  # what in another tool's log told its format


class UsageTotals(Record):
    """Sums over the events that pass the filters, None where the data cannot tell. A reallocation is a free and an
    allocation.
    """

    allocations: Optional[int]
    frees: Optional[int]
    bytes_allocated: Optional[int]
    peak_bytes: Optional[int]
    peak_blocks: Optional[int]  # live when there were the most bytes
    live_blocks: Optional[int]
    live_bytes: int
    temporary: Optional[int]  # blocks that were freed before anyone allocated again
    invalid_frees: Optional[int]
    failed: Optional[int]  # allocations that failed
    events: int
    peak_seq: Optional[int]  # number of the event that reached the peak
    most_blocks: Optional[int]  # live at any time
    older: Optional[int]  # frees of blocks that are not counted: older than the log, or left out by a filter
    replaced: Optional[int]  # allocations of addresses that were live


class SiteStack(Record):
    """One way of calls that leads to a site."""

    frames: Stack  # innermost first, without the allocator's own and what --skip names
    path: str  # names this way across builds: a hash of its functions
    live_bytes: int
    live_blocks: Optional[int]
    allocations: Optional[int]  # None as of a site


class Site(Record):
    """A place that allocates: the innermost function outside of allocators and their wrappers. Numbers are None where
    the data cannot tell.
    """

    function: Optional[str]
    file: Optional[str]
    line: Optional[int]
    path: str  # of the first of its stacks
    task: Optional[str]  # None if there are several, or if the data cannot tell
    module: Optional[str]  # the part of the program that a tag names; None as for `task`
    library: Optional[str]  # the loaded file that it is in; None if the data cannot tell
    allocations: Optional[int]
    bytes: Optional[int]  # allocated in all
    live_blocks: Optional[int]
    live_bytes: int
    peak_bytes: Optional[int]  # its own, whenever that was
    at_peak_bytes: Optional[int]  # when the global peak was
    temporary: Optional[int]
    windows_grown: Optional[int]  # windows in which its live bytes rose; None without windows
    class_: str  # "grows", "once", "freed" or "unknown"
    windows: Tuple[int, ...]  # its live bytes at the ends of the windows
    looks_like: Tuple[Said, ...]  # known causes that its stacks fit
    stacks: Tuple[SiteStack, ...]
    newest: Optional[int] = None  # number of the allocation of its newest live block; None: not looked at, or none


class Share(Record):
    """What a task, a module, a library or a heap has used. Numbers are None as of a site."""

    name: str
    allocations: Optional[int]
    bytes: Optional[int]
    live_blocks: Optional[int]
    live_bytes: int
    peak_bytes: Optional[int]
    at_peak_bytes: Optional[int]
    temporary: Optional[int]


class LibrarySymbol(Record):
    """What a function of a loaded file has allocated itself: the innermost call, whatever it was called for."""

    library: Optional[str]  # the file's name; None if the data cannot tell
    symbol: Optional[str]
    allocations: Optional[int]
    live_blocks: Optional[int]
    live_bytes: int


class Timeline(Record):
    """Live bytes over time. A bucket has the least and the most of its time, so that no peak is lost."""

    unit: str  # of a bucket's end: "time" in the log's units, "events", or what another tool counts
    hz: Optional[int]  # time units a second; None if there is no clock
    buckets: Tuple[Bucket, ...]


class LogMark(Record):
    """A mark in the log."""

    seq: int
    time: Optional[int]
    name: str


class GrowthWindows(Record):
    """The windows over which growth is judged. There is one less than there are ends."""

    kind: str  # "marks", "parts": of as many events each, "snapshots" or "none"
    ends: Tuple[LogMark, ...]


class Conclusion(Record):
    """The answer to one of the three questions of a report."""

    question: str  # "leak", "peak" or "fragmentation"
    certainty: str  # "shown", "likely", "possible" or "unknown"
    text: Text


class OddFree(Record):
    """A free that cannot be right, or an allocation of what is live."""

    kind: str  # "double", "interior", "unknown" or "replaced"; "null": free(NULL), of a tool that reports it
    seq: Optional[int]  # None as for `address`
    address: Optional[int]  # None: the log's own tool has found the free, and does not tell
    task: Optional[str]
    frames: Stack  # of the free
    allocated: Stack  # of the block that it is about; empty if that is not known


class ProcessUse(Record):
    """A process, or what one that called exec was before, and what it has used."""

    process: int  # its number in the operating system; 0 if the log does not tell
    parent: Optional[int]  # the number of the process that it comes from; None as of `started_by`
    started_by: Optional[str]  # "exec", or "fork": it had its parent's blocks; None if the log does not tell
    command: Optional[str]  # as a shell has it; None as of `started_by`
    own_bytes: Optional[int]  # memory of the recorder; None as of `started_by`
    file: str  # its log
    depth: int  # in the tree; 0: none of those listed has started it
    events: int
    allocations: int
    peak_bytes: int
    live_bytes: int  # at the end: what it leaked, if it has ended
    live_blocks: int
    inherited_frees: int  # of blocks that are older than the log: a forked process has its parent's


class HeapPeak(Record):
    """The most bytes that one kind of a process's memory had."""

    name: str
    memory: str  # "host", "mapped" or "device"
    peak_bytes: int


class UsageReport(Report):
    """The report of `memtrace report`."""

    source: LogSource
    conclusions: Tuple[Conclusion, ...]
    totals: UsageTotals
    sites: Tuple[Site, ...]  # those with the most live bytes first
    tree: TreeNode
    timeline: Timeline
    tasks: Tuple[Share, ...]
    modules: Tuple[Share, ...]
    libraries: Tuple[Share, ...]
    heaps: Tuple[Share, ...]
    library_symbols: Tuple[LibrarySymbol, ...]
    marks: Tuple[LogMark, ...]
    marks_left: int  # marks that are not listed
    windows: GrowthWindows
    odd_frees: Tuple[OddFree, ...]
    assertion: Optional[str]  # the last one in the log
    runs: int  # starts of the program in the log
    sections: Tuple[str, ...]  # that the text shows
    limit: int  # entries that the text lists of each; 0: all
    empty: Tuple[Said, ...]  # if nothing is listed, why
    next: Optional[Said] = None  # the command that tells more
    peaks: Tuple[HeapPeak, ...] = ()  # of a process
    processes: Tuple[ProcessUse, ...] = ()  # of a run, as a tree from top to bottom; the first one's report is this
    only_processes: bool = False  # the text has the tree alone
    newest_first: bool = False  # the text has the sites with the newest live blocks first
