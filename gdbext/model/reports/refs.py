# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-refs`, and of the memory scanned for it."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.memory import Place, Reference, Spot
from gdbext.model.record import Record
from gdbext.model.reports.base import Report


class Scanned(Record):
    """Memory or registers that were scanned for pointers. `amount` counts bytes, or registers."""

    kind: str  # "global", "stack", "memory", "register" or "heap"
    name: str
    start: Optional[int]
    end: Optional[int]
    amount: int


class Unscanned(Record):
    """Memory that should have been scanned for pointers and was not. `skipped` says why."""

    kind: str  # the same words as in `scanned`
    name: str
    start: Optional[int]
    end: Optional[int]
    amount: Optional[int]  # bytes; None if not known, or if it is no memory


class RefsReport(Report):
    """The report of `heap-refs`. `references` lists the first of the `total` that were found."""

    address: int
    block: Optional[Place]
    references: Tuple[Reference, ...]
    total: int
    complete: bool  # true if everything that may point at the block was scanned
    scanned: Tuple[Scanned, ...]
    unscanned: Tuple[Unscanned, ...]
    spot: Optional[Spot] = None  # what lies at the address, if it is in no heap
