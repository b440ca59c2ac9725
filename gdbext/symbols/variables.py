# SPDX-License-Identifier: Apache-2.0
"""What is told of a program's variables, whoever tells it."""

from __future__ import annotations

from typing import Dict, Iterator, NamedTuple, Optional, Protocol, Tuple

Member = Tuple[int, int]  # offset and size


class Variable(NamedTuple):
    """A variable that is, points to, or is an array of structures or of pointers to them."""

    elements: int  # of the array, else 1
    size: int  # of one structure
    members: Dict[str, Member]  # of the structure; of one inside it: "outer.inner"


class Variables(Protocol):
    """What is asked of a program, by GDB or without it."""

    def address_of(self, name: str) -> Optional[int]:
        """Address of a symbol, or None."""

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Name, address and size of every variable."""

    def variable(self, name: str) -> Optional[Variable]:
        """What is known of a variable's structure, or None."""
