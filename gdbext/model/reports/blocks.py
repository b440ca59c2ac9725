# SPDX-License-Identifier: Apache-2.0
"""The twin of `heap-blocks`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Owner
from gdbext.model.record import Record
from gdbext.model.reports.base import Report


class BlockEntry(Record):
    """One block of `blocks`."""

    heap: int
    payload: int
    raw: int
    size: int
    requested: Optional[int]
    state: str
    owner: Optional[Owner]


class BlocksTotal(Record):
    """How many blocks the filters let through, and how many bytes they are."""

    blocks: int
    bytes: int


class BlocksReport(Report):
    """The twin of `heap-blocks`. `shown` blocks are listed of `total`."""

    blocks: Tuple[BlockEntry, ...]
    total: BlocksTotal
