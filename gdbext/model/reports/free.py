# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-free`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Owner, Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class HeapTotals(Record):
    """One heap in numbers."""

    kind: str
    layout: str
    name: Optional[str]
    address: int
    start: int
    end: int
    used_blocks: int
    free_blocks: Optional[int]  # None, as the next ones, if the file has used blocks alone
    used_bytes: int
    free_bytes: Optional[int]
    largest_free: Optional[int]
    minimum_free: Optional[int]
    fragmentation: Optional[float]  # share of the free bytes that the largest free block does not hold
    missing: int  # bytes of the heap that no image or target gave
    end_known: bool  # false if the heap goes on behind `end` in memory that was not given
    capabilities: Optional[Tuple[str, ...]] = (
        None  # what the heap is for, as heap_caps_malloc knows it; None: not known
    )


class CapabilityTotals(Record):
    """The heaps that serve requests for one capability, together."""

    capability: str
    heaps: int
    free_bytes: int
    largest_free: int
    used_bytes: int


class Request(Record):
    """The allocation that is asked about."""

    size: int  # as the program asks for it, in bytes
    capabilities: Tuple[str, ...]  # (): none are asked for
    origin: str  # "asked" by the user, "failed": the last one that failed in the trace, "stopped": it fails right now
    seq: Optional[int] = None  # of its event
    task: Optional[str] = None
    stack: Stack = ()


class Candidate(Record):
    """What one heap says to the request, in the order in which the allocator asks them."""

    heap: int
    name: Optional[str]
    eligible: bool  # false if it lacks a capability
    fits: bool
    needed: int  # bytes that a free block of this heap must have: with canaries, rounded as its allocator searches
    largest_free: Optional[int]  # None: only its used blocks are known
    why: Said


class LiveSite(Record):
    """The blocks of one line of the program."""

    function: Optional[str]  # None: no stack is recorded
    file: Optional[str]
    line: Optional[int]
    blocks: int
    bytes: int


class Pin(Record):
    """A used block between free ones."""

    payload: int
    size: int
    owner: Optional[Owner]


class Opening(Record):
    """Used blocks that stand between free ones: freeing them makes room for the request."""

    heap: int
    start: int  # the addresses of the free block that there would be
    end: int
    size: int
    used_bytes: int  # of the blocks to free
    blocks: Tuple[Pin, ...]
    sites: Tuple[LiveSite, ...]  # of these blocks, the most bytes first


class TaskStackUse(Record):
    """The stack of a task of the kernel."""

    task: str
    handle: int  # the address of the task's control block
    start: int
    size: int
    in_use: Optional[int]  # bytes; None if the task runs and no register tells
    never_used: Optional[int]  # bytes that still hold the kernel's fill; None if not known


class ModuleUse(Record):
    """The counters of one module. What is counted in all wraps as a word of the target does."""

    number: int
    name: Optional[str]
    bytes: int  # in use now
    blocks: int  # in use now
    peak_bytes: int  # the most that was in use at once
    allocated_bytes: int  # in all
    allocations: int  # in all
    unmatched: int  # frees of more than was in use: of blocks older than the counting, or of another module


class FreeReport(Report):
    """The report of `heap-free`."""

    heaps: Tuple[HeapTotals, ...]
    tasks: Tuple[TaskStackUse, ...]
    damaged: Tuple[int, ...]  # addresses of the heaps that heap-check calls damaged
    modules: Tuple[ModuleUse, ...]  # that the program itself counts (c_helpers/usage)
    answer: Optional[Said] = None  # why the request fails or does not; without one, what can be had of all that is free
    request: Optional[Request] = None  # of --for, else the last one that failed in the trace
    candidates: Tuple[Candidate, ...] = ()
    openings: Tuple[Opening, ...] = ()  # where freeing the fewest blocks makes room
    sites: Tuple[LiveSite, ...] = ()  # if the request fails: what lives, the most bytes first
    capabilities: Tuple[CapabilityTotals, ...] = ()
    next: Optional[Said] = None  # the command that tells more
