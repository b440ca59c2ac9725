# SPDX-License-Identifier: Apache-2.0
"""Each family's search claims the heaps of its own family, and nothing of another's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import pytest

from gdbext.heap.registry import FAMILIES, body
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from tests.support import fixtures
from tests.support.made import makers

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))
UNSIGNED = {"libc"}  # its heaps have no signature
CASES = ("a001", "a016", "a064", "a070", "a077")


def family_of(kind: str) -> str:
    return next(name for name, family in FAMILIES.items() if kind in family.kinds)


def claims(images: Iterable[tuple[int, bytes]], formats: Sequence[tuple[int, ByteOrder]] = FORMATS) -> set[str]:
    """The families that claim a heap there. Each is asked alone, so that no other one hides the memory from it."""
    found, data = set(), list(images)
    for width, order in formats:
        memory = Memory(snapshot_of(data, width, order))
        snapshot = memory.whole(memory.ranges())
        found |= {name for name in FAMILIES if body(name).search(memory, snapshot, [], [])}
    return found


@pytest.mark.parametrize("maker", makers())
def test_a_heap_is_claimed_by_no_other_family(maker: str) -> None:
    made = makers()[maker](Random(f"apart/{maker}"))
    assert claims(made.images) == {family_of(made.kind)} - UNSIGNED


@pytest.mark.parametrize("name", CASES)
def test_a_heap_of_the_fixtures_is_claimed_by_its_own_family(name: str) -> None:
    case = fixtures.case(name)
    heaps = {family_of(kind) for kind in (case.heap.kind, *(heap.kind for heap in case.more_heaps))}
    assert claims([(image.base, image.data) for image in case.images], [(case.pointer_size, "little")]) == heaps
