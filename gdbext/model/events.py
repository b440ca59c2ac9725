# SPDX-License-Identifier: Apache-2.0
"""The contents of a trace, as data: its events, the owners of an address over time, and how many events were lost."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record


class Frame(Record):
    """One place in a call stack. Fields that are not known are None."""

    pc: int
    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    inlined: bool = False


Stack = Tuple[Frame, ...]

# A recorded stack that is not whole ends with one of these, where no code can be.
CUT_STACK = (1 << 64) - 1
ENDED_STACK = (1 << 64) - 2

_BUFFER = 0xD1  # the top byte of a buffer's number


def end_of_stack(pc: int, frames: int) -> Frame:
    """Returns what a report shows as the outermost frame of a stack that is not whole, of which `frames` were kept."""
    return Frame(pc, f"(cut at {frames} frames)" if pc == CUT_STACK else "(unwinding ended here)")


class Event(Record):
    """One event of a trace. Its sequence number and time are complete, not the shortened ones of the ring."""

    seq: int
    kind: str
    address: int
    size: int
    heap: int
    context: int
    task: Optional[str]
    tag: int
    core: int
    time: Optional[int]  # in the trace's units
    stack: Tuple[int, ...]  # PCs as recorded, innermost first
    link: Optional[int] = None  # of a "realloc-end": the sequence number of its "realloc-begin"
    module: Optional[str] = None  # name of the tag, the user's named part that the code belongs to


class Generation(Record):
    """One life of an address, from an allocation to its free. Fields that the trace no longer has are None."""

    payload: int
    size: Optional[int]  # as requested
    task: Optional[str]
    seq: Optional[int]
    allocated: Tuple[int, ...]
    freed_seq: Optional[int] = None  # None if it is not freed, or if the trace does not tell when
    freed_task: Optional[str] = None
    freed: Optional[Tuple[int, ...]] = None  # the free's stack, empty if not known; None if it is not freed
    in_flight: bool = False  # the free was the last event of its task
    refused: bool = False  # the free was the last event of its task, and an assertion followed
    heap: int = 0  # the recorder's number of its heap; 0 if not known
    module: Optional[str] = None  # of who allocated it

    @property
    def is_freed(self) -> bool:
        """Tells whether this life is over."""
        return self.freed is not None


class Imported(Record):
    """The source of a trace that memtrace's recorder did not write, and how that tool keeps its records."""

    source: str
    address: int
    mode: str  # "all" if records of freed blocks stay, "leaks" if not
    capacity: Optional[int]  # records that it has room for; None for a file
    depth: int  # frames in its longest stack
    overflowed: bool  # true if older records were dropped
    frees_told: bool  # true if a record shows that its block was freed
    addressed: bool = True  # false if it does not tell the addresses of blocks: those in the trace stand for none


class LogInfo(Record):
    """What a log is, and which part of it a trace is of."""

    format: str  # "memtrace", or the name of another tool's
    runs: int  # starts of the program in it
    run: str  # "last", "all" or a number
    unread: int  # lines or records that made no sense


class TraceInfo(Record):
    """The numbers of events that a trace holds and lost."""

    kept: int
    lost: int
    first: Optional[int]
    last: Optional[int]
    running: bool
    address: Optional[int] = None
    state: str = "recording"
    overwritten: int = 0
    dropped: int = 0
    half_written: int = 0
    stopped: int = 0
    filtered: int = 0
    stacks_full: int = 0
    names_full: int = 0
    live_full: int = 0
    imported: Optional[Imported] = None
    run: int = 0  # number of this start of the program; 0 if nobody counts them
    past: bool = False  # true if it is the trace of the run before, of which no heap is left
    log: Optional[LogInfo] = None

    @property
    def addressed(self) -> bool:
        """Tells whether the addresses of its blocks are those that they had."""
        return self.imported is None or self.imported.addressed


class Assertion(Record):
    """The assertion that stopped the target, or the fault in the allocator that did."""

    text: str
    function: str
    seq: Optional[int]
    fault: bool = False


class Owner(Record):
    """Who allocated a block. Fields that the trace does not tell are None."""

    seq: Optional[int]
    task: Optional[str]
    allocated: Stack
    module: Optional[str] = None  # the user's named part that the code belongs to


class HeapName(Record):
    """What the program says of a heap that the recorder knows by number."""

    name: str
    memory: str  # "unknown", "internal", "external", "retained", "host", "mapped" or "device"
    capabilities: int  # as the framework numbers them


def buffer_number(address: int, memory: Optional[str]) -> Optional[int]:
    """Returns the number of a device's buffer whose address is none of memory, but 0xd1 and the number; None: it is one
    of memory. `memory` is what the heap of the block is.
    """
    bits = 56 if address >> 32 else 24
    return address & (1 << bits) - 1 if memory == "device" and address >> bits == _BUFFER else None


class Life(Record):
    """One life of an address, from an allocation to its free, with readable stacks."""

    payload: int
    size: Optional[int]
    task: Optional[str]
    seq: Optional[int]
    allocated: Stack
    freed_seq: Optional[int]
    freed_task: Optional[str]
    freed: Optional[Stack]
    in_flight: bool = False
    module: Optional[str] = None  # of who allocated it
