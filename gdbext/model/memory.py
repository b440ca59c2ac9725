# SPDX-License-Identifier: Apache-2.0
"""The memory of a heap, as data: blocks, gaps, and the place of an address."""

from __future__ import annotations

from typing import Optional

from gdbext.model.events import Owner, Stack
from gdbext.model.record import Record
from gdbext.model.said import Said, Text


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
    role: Optional[Said] = None  # what the block is for, where that is proven


class Spot(Record):
    """What lies at an address, so what a pointer points to."""

    # "function", "constant", "variable", "stack", "block", "freed" (a block), "header" (the allocator's words in front
    # of a block), "control" (of a heap), "gap" (of a heap), "memory"; of a console's text also "ram", "flash", "code"
    kind: str
    words: Said  # behind "a pointer", such as "to the stack of task net"
    name: Optional[str] = None  # of the function or variable, with an offset as in NAME+4; of a stack's task
    block: Optional[int] = None  # the user's pointer of the block
    offset: Optional[int] = None  # from there, in bytes
    task: Optional[str] = None  # that owns the block, or owned it last
    allocated: Stack = ()  # by these calls, the innermost first
    heap: Optional[int] = None  # the address of the heap

    @property
    def is_code(self) -> bool:
        """True if it is code: its addresses are less aligned than data."""
        return self.kind in ("function", "code")

    @property
    def is_start(self) -> bool:
        """True if a block, a function or a variable begins there: no number is that by chance."""
        return self.offset == 0


class Reference(Record):
    """A place that points into a block."""

    kind: str  # "global", "stack", "memory", "register" or "block"
    name: str  # the variable, the register, or the block with an offset
    address: Optional[int]  # of the pointer; None for a register
    value: int
    block: Optional[int]  # payload of the block that holds the pointer
    owner: Optional[Owner]  # of that block
