# SPDX-License-Identifier: Apache-2.0
"""What debug information says of a variable: where it is, and where in it its members are.

Approach: members by name with their place and size. One of a structure inside is "outer.inner", and "inner" where no
other has that name. What a type says once for many is said of one: an array by its element, and how many there are.
What the variable points to is a list of shapes, one for each pointer that was followed by its member's name.
"""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, NamedTuple, Optional, Protocol, Sequence, Tuple

MOST_MEMBERS = 256
DEEPEST = 4  # structures inside each other


class Member(NamedTuple):
    """A member's place in its structure, and its bytes."""

    offset: int
    size: int


class Shape(NamedTuple):
    """A type: its bytes, its members, the names of its values if it is an enumeration; how many an array has of it."""

    size: int
    members: Dict[str, Member]
    values: Dict[int, str]
    elements: int = 1


class Variable(NamedTuple):
    """A variable of the program: its address, its own shape, then those that were followed to."""

    address: int
    shapes: Tuple[Shape, ...]


class Types(Protocol):
    """What is asked of a program's debug information."""

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """A variable of the source that a function is in, and what it points to by these members."""


class Program(Types, Protocol):
    """What is asked of a program's symbols, by GDB or without it."""

    def address_of(self, name: str) -> Optional[int]:
        """Address of a symbol, or None."""

    def size_of(self, name: str) -> Optional[int]:
        """Bytes of a variable, or None."""

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Name, address and size of every variable."""


def members_by_name(found: Iterable[Tuple[str, Member]]) -> Dict[str, Member]:
    """Members by their full names, and by their own where these are free."""
    members: Dict[str, Member] = {}
    for name, member in found:
        members.setdefault(name, member)
    for name, member in list(members.items()):
        members.setdefault(name.rpartition(".")[2], member)
    return members


def inside(outer: str, name: str) -> str:
    """The full name of a member; what has no name adds none."""
    return f"{outer}.{name}" if outer and name else outer or name
