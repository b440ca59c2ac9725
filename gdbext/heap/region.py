# SPDX-License-Identifier: Apache-2.0
"""Where a heap is said to be, and by whom: what a finder, a user or a saved core hands to a recogniser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

Span = Tuple[int, int]  # the first byte, and the address behind the last
# What is known beside the heap's own bytes, by names that its allocator chooses: addresses of variables, sizes.
Hints = Mapping[str, int]


@dataclass(frozen=True)
class Region:
    """A place where a heap is said to be."""

    kind: str
    address: int
    start: Optional[int] = None
    end: Optional[int] = None
    name: Optional[str] = None
    origin: str = "named by the user"
    hints: Hints = field(default_factory=dict)
    pools: Tuple[Span, ...] = ()  # memory that the allocator was given: what the user or the program says of it
