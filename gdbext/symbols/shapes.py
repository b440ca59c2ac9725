# SPDX-License-Identifier: Apache-2.0
"""What debug information says of a variable: where it is, and where in it its members are.

Approach: members by name with their place and size, those of structures inside of it too; the first of a name counts.
What the variable points to is a list of shapes, one for each pointer that was followed by its member's name.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

MOST_MEMBERS = 256
DEEPEST = 4  # structures inside each other


class Member(NamedTuple):
    """A member's place in its structure, and its bytes."""

    offset: int
    size: int


class Shape(NamedTuple):
    """A type: its bytes, its members, and the names of its values if it is an enumeration."""

    size: int
    members: Dict[str, Member]
    values: Dict[int, str]


class Variable(NamedTuple):
    """A variable of the program: its address, its own shape, then those that were followed to."""

    address: int
    shapes: Tuple[Shape, ...]
