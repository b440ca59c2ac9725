# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-free`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.reports.base import Report


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
