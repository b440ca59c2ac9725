# SPDX-License-Identifier: Apache-2.0
"""Describes a variable by debug information: its address, and the offsets of its members.

Approach: members have a name, an offset and a size. A member of an inner structure is "outer.inner", and also "inner"
if no other member has that name. An array has the shape of one element, and the number of elements. The variable's
shape is followed by those of the types it leads to, one for each pointer that the caller names by its member.
"""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, NamedTuple, Optional, Protocol, Sequence, Tuple

MOST_MEMBERS = 256
DEEPEST = 4  # nested structures


class Member(NamedTuple):
    """A member's offset in its structure and its size, in bytes."""

    offset: int
    size: int


class Shape(NamedTuple):
    """A type: its size, its members, the names of an enumeration's values, and the number of elements in an array."""

    size: int
    members: Dict[str, Member]
    values: Dict[int, str]
    elements: int = 1


class Variable(NamedTuple):
    """A variable of the program: its address, and its own shape before those that it leads to."""

    address: int
    shapes: Tuple[Shape, ...]


class Types(Protocol):
    """The debug information of a program."""

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """Returns a variable of the function's source, with the shapes that the members in `follow` lead to."""


class Program(Types, Protocol):
    """The symbols of a program, from GDB or from its ELF file."""

    def address_of(self, name: str) -> Optional[int]:
        """Returns the address of a symbol, or None."""

    def size_of(self, name: str) -> Optional[int]:
        """Returns the size of a variable in bytes, or None."""

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Yields name, address and size of every variable."""

    def libraries(self) -> Sequence[str]:
        """Returns the names of the shared libraries that the program uses."""


def members_by_name(found: Iterable[Tuple[str, Member]]) -> Dict[str, Member]:
    """Returns members by their full names, and by their last names if no other member has that name."""
    members: Dict[str, Member] = {}
    for name, member in found:
        members.setdefault(name, member)
    for name, member in list(members.items()):
        members.setdefault(name.rpartition(".")[2], member)
    return members


def inside(outer: str, name: str) -> str:
    """Returns the full name of a member. An unnamed structure adds nothing to it."""
    return f"{outer}.{name}" if outer and name else outer or name
