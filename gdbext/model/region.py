# SPDX-License-Identifier: Apache-2.0
"""The claim that a heap lies somewhere. A finder, a user or a saved core makes it, and a recogniser tests it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Mapping, Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.said import Text, said

Span = Tuple[int, int]  # the address of the first byte, and the one behind the last
# Facts that the heap's own bytes do not tell, such as addresses of variables. The allocator chooses their names.
Hints = Mapping[str, int]
_BY_USER = said("named-by-user")


class Region(Record):
    """A place where a heap may lie."""

    kind: str
    address: int
    start: Optional[int] = None
    end: Optional[int] = None
    name: Optional[str] = None
    origin: Text = _BY_USER
    hints: Hints = MappingProxyType({})
    pools: Tuple[Span, ...] = ()  # memory that the allocator was given, as the user or the program says
    told: bool = False  # the pools are all there are, and each ends where its range does: the allocator says so itself
