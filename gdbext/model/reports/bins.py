# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-bins`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class Bin(Record):
    """One free list that is not empty."""

    number: int
    blocks: int
    bytes: int
    smallest: int  # size of its smallest block, in bytes
    largest: int
    payloads: Tuple[int, ...]  # in the order of the list, the first ones
    cut: bool  # true if it could not be followed to its end


class BrokenLink(Record):
    """A pointer of a free list that cannot be followed."""

    number: int  # of the list
    address: int  # of the pointer
    value: int
    block: Optional[int]  # that holds the pointer; null: the heap's control data do
    why: Said


class HeapBins(Record):
    """The free lists of one heap."""

    kind: str
    layout: str
    name: Optional[str]
    address: int
    free_blocks: int
    free_bytes: int  # of its free blocks, without headers
    bins: Tuple[Bin, ...]
    broken: Tuple[BrokenLink, ...]
    unlisted: Tuple[int, ...]  # free blocks on no list, the first ones
    unlisted_blocks: int


class BinsReport(Report):
    """The report of `heap-bins`."""

    heaps: Tuple[HeapBins, ...]
    damaged: Tuple[int, ...]  # addresses of the heaps that heap-check calls damaged
    next: Optional[Said] = None  # the command that tells more
