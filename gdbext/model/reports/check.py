# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-check`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.diagnosis import Answer, Finding
from gdbext.model.events import Assertion
from gdbext.model.memory import Block, Gap, Resume
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class HeapReport(Record):
    """One heap: its blocks in numbers, and what is wrong with it."""

    kind: str
    layout: str
    name: Optional[str]
    address: int
    start: int
    end: int
    status: str  # "clean", "damaged", "unreadable" or "uninitialised"
    poisoning: str
    used_blocks: int
    free_blocks: int
    used_bytes: int
    free_bytes: int
    largest_free: int
    minimum_free: Optional[int]
    findings: Tuple[Finding, ...]
    gaps: Tuple[Gap, ...]
    resumed: Tuple[Resume, ...]
    blocks: Optional[Tuple[Block, ...]]
    missing: int = 0  # bytes of the heap that no image or target gave
    end_known: bool = True  # false if the heap goes on behind `end` in memory that was not given


class CheckReport(Report):
    """The report of `heap-check`."""

    assertion: Optional[Assertion]
    heaps: Tuple[HeapReport, ...]
    who: Optional[Answer]  # None if nothing is damaged
    next: Optional[Said] = None  # the command that tells more
