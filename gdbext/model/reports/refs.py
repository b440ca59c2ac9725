# SPDX-License-Identifier: Apache-2.0
"""The twin of `heap-refs`, and what was scanned for it."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Owner
from gdbext.model.memory import Place
from gdbext.model.record import Record
from gdbext.model.reports.base import Report


class Scanned(Record):
    """What was scanned for pointers; `amount` counts bytes, of registers their number."""

    kind: str  # "global", "stack", "memory", "register" or "heap"
    name: str
    start: Optional[int]
    end: Optional[int]
    amount: int


class Unscanned(Record):
    """What should have been scanned for pointers and was not; why is among what was skipped."""

    kind: str  # as of what was scanned
    name: str
    start: Optional[int]
    end: Optional[int]
    amount: Optional[int]  # bytes; None: not known, or no memory


class Reference(Record):
    """A place that points into a block."""

    kind: str  # "global", "stack", "memory", "register" or "block"
    name: str  # the variable, the register, or the block with an offset
    address: Optional[int]  # of the pointer; a register has none
    value: int
    block: Optional[int]  # payload of the block that the pointer stands in
    owner: Optional[Owner]  # of that block


class RefsReport(Report):
    """The twin of `heap-refs`: `references` are listed of `total` that were found."""

    address: int
    block: Optional[Place]
    references: Tuple[Reference, ...]
    total: int
    complete: bool  # all that can point at it was scanned
    scanned: Tuple[Scanned, ...]
    unscanned: Tuple[Unscanned, ...]
