# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-blocks`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Owner
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class BlockEntry(Record):
    """One block, with its owner."""

    heap: Optional[int]  # None: of a log, which has none
    payload: Optional[int]  # None, as `raw`, if the log has no addresses
    raw: Optional[int]
    size: int
    requested: Optional[int]
    state: str
    owner: Optional[Owner]
    role: Optional[Said] = None  # what the block is for, where that is proven


class BlocksTotal(Record):
    """The number of blocks that pass the filters, and the sum of their bytes."""

    blocks: int
    bytes: int


class BlocksReport(Report):
    """The report of `heap-blocks`. `total` counts the blocks that pass the filters, `blocks` lists the first ones."""

    blocks: Tuple[BlockEntry, ...]
    total: BlocksTotal
    heaps: Tuple[int, ...]  # addresses of the heaps that were read
    empty: Tuple[Said, ...]  # if nothing is listed, why
    damaged: Tuple[int, ...]  # addresses of the heaps that heap-check calls damaged
