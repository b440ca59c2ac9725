# SPDX-License-Identifier: Apache-2.0
"""The memory of a heap, as data: blocks, gaps, and the place of an address."""

from __future__ import annotations

from typing import Optional

from gdbext.model.record import Record
from gdbext.model.said import Text


class Block(Record):
    """A block of a heap, named by the pointer its user holds."""

    payload: int
    raw: int
    size: int
    requested: Optional[int]
    state: str  # "used" or "free"


class Gap(Record):
    """Memory of a heap in which no block can be proven."""

    start: int
    end: int


class Resume(Record):
    """The block at which a walk went on after damage, and the proof for it."""

    payload: int
    why: Text


class Place(Record):
    """Where an address lies in a heap."""

    payload: int
    raw: int
    size: int
    requested: Optional[int]
    offset: int
    state: str  # "used", "free" or "outside"
    heap: Optional[int]
