# SPDX-License-Identifier: Apache-2.0
"""What a trace knows, as data: events, who owned an address and when, and what was lost."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record


class Frame(Record):
    """One place in a call stack; what is not known is None."""

    pc: int
    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    inlined: bool = False


Stack = Tuple[Frame, ...]


class Event(Record):
    """One event of a trace, with its sequence number and time made whole."""

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
    link: Optional[int] = None  # sequence number of the begin of a reallocation's end


class Generation(Record):
    """One life of an address: from an allocation to its free. What the trace no longer holds is None."""

    payload: int
    size: Optional[int]  # as requested
    task: Optional[str]
    seq: Optional[int]
    allocated: Tuple[int, ...]
    freed_seq: Optional[int] = None  # None, too, where the trace does not tell when
    freed_task: Optional[str] = None
    freed: Optional[Tuple[int, ...]] = None  # of the free, empty where it is not known; None: not freed
    in_flight: bool = False  # its free was the last thing that its task did
    refused: bool = False  # and an assertion followed
    heap: int = 0  # number of the heap that it is of, as the recorder counts them; 0: not known

    @property
    def is_freed(self) -> bool:
        """Whether it is over."""
        return self.freed is not None


class Imported(Record):
    """Where a trace comes from that is not our recorder's, and how it was kept."""

    source: str
    address: int
    mode: str  # "all": freed blocks stay; "leaks": they do not
    capacity: Optional[int]  # records that it has room for; None: a file has no end
    depth: int  # of its stacks
    overflowed: bool  # older records have been dropped
    frees_told: bool  # whether a record shows that its block was freed


class TraceInfo(Record):
    """What a trace holds and what it lost."""

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


class Assertion(Record):
    """The assertion that stopped the target."""

    text: str
    function: str
    seq: Optional[int]


class Owner(Record):
    """Who allocated a block, as the trace knows."""

    seq: Optional[int]
    task: Optional[str]
    allocated: Stack


class Life(Record):
    """A generation with its stacks made readable: one entry of `last`."""

    payload: int
    size: Optional[int]
    task: Optional[str]
    seq: Optional[int]
    allocated: Stack
    freed_seq: Optional[int]
    freed_task: Optional[str]
    freed: Optional[Stack]
    in_flight: bool = False
