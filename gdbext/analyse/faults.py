# SPDX-License-Identifier: Apache-2.0
"""What every rule is made of: the rule itself, and a place that breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, FrozenSet, Hashable, Iterable, Optional, Tuple

from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import HeapFacts
from gdbext.source.snapshot import ByteOrder

COUNTERS = ("free-bytes", "minimum-free")  # the rules of what a heap counts


@dataclass(frozen=True)
class Fault:
    """One place that breaks a rule, before anything is concluded from it."""

    rule: str
    address: int  # first damaged byte
    length: int
    block: Optional[int]
    text: str
    touches: FrozenSet[Hashable]
    transient: bool = True  # an operation under way may leave it like this for a moment


@dataclass(frozen=True)
class Rule:
    """An invariant: what must be so, for which allocators, and how to see where it is not."""

    id: str
    sentence: str
    check: Callable[[HeapFacts], Iterable[Fault]]
    severity: str = "damage"
    allocators: str = "all"  # or "tlsf", "freertos", "multi_heap", "poisoned", "tracked"


@dataclass(frozen=True)
class TraceRule:
    """What the trace and the heap must agree on, and how to see where they do not."""

    id: str
    sentence: str
    check: Callable[[Witness], Iterable[Fault]]
    severity: str = "note"
    whole: bool = False  # a trace that has lost events cannot tell


def touching(*things: Optional[Hashable]) -> FrozenSet[Hashable]:
    """What a fault touches; None is nothing."""
    return frozenset(thing for thing in things if thing is not None)


def first_difference(have: int, want: int, width: int, order: ByteOrder) -> Tuple[int, int]:
    """Offset of the first byte in which two words differ, and how many bytes to the last one."""
    pairs = zip(have.to_bytes(width, order), want.to_bytes(width, order))
    different = [offset for offset, (one, other) in enumerate(pairs) if one != other]
    return (different[0], different[-1] - different[0] + 1) if different else (0, width)
