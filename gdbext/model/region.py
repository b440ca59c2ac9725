# SPDX-License-Identifier: Apache-2.0
"""Where a heap is said to be, and by whom: what a finder, a user or a saved core hands to a recogniser."""

from __future__ import annotations

from types import MappingProxyType
from typing import Mapping, Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.said import Text, said

Span = Tuple[int, int]  # the first byte, and the address behind the last
# What is known beside the heap's own bytes, by names that its allocator chooses: addresses of variables, sizes.
Hints = Mapping[str, int]
_BY_USER = said("named-by-user")


class Region(Record):
    """A place where a heap is said to be."""

    kind: str
    address: int
    start: Optional[int] = None
    end: Optional[int] = None
    name: Optional[str] = None
    origin: Text = _BY_USER
    hints: Hints = MappingProxyType({})
    pools: Tuple[Span, ...] = ()  # memory that the allocator was given: what the user or the program says of it
