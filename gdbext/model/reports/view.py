# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-view`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.memory import Place
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class Row(Record):
    """Some bytes that belong together."""

    address: int
    length: int
    bytes: str  # the first ones as hex, "" if they could not be read
    # "header", "link", "guard" or "owner": the allocator's words; "payload"; "fill": one byte again and again;
    # "unread"; "unproven": no block is known there
    kind: str
    name: str  # of the allocator's words
    value: Optional[int]  # of a word, in the target's byte order
    damage: Tuple[Said, ...]  # what is wrong with these bytes


class Viewed(Record):
    """One block with its bytes, or a range in which no block could be proven."""

    payload: int
    size: int
    state: str  # "used", "free" or "unproven"
    task: Optional[str]
    allocated: Stack  # by its owner
    rows: Tuple[Row, ...]
    left_out: int  # bytes of its payload that are not shown


class ViewReport(Report):
    """The report of `heap-view`."""

    address: int
    place: Optional[Place]
    blocks: Tuple[Viewed, ...]  # in address order
    damaged: Tuple[int, ...]  # addresses of the heaps that heap-check calls damaged
    next: Optional[Said] = None  # the command that tells more
