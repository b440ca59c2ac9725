# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences appear that say what a block is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdbext.collect.collected import Collected
from gdbext.collect.roles import Roles
from gdbext.model.record import replace
from tests.support.queue_image import Objects
from tests.unit.roles_world import World, kernel_in_heap


def of_all(found: Collected) -> Any:
    """The roles of every block."""
    roles = Roles(found)
    places = [(heap, raw) for heap in found.heaps for raw, _ in heap.walk.used()]
    return [roles.of(heap, raw) for heap, raw in places]


def with_trace() -> Any:
    world = World(Objects())
    at = world.where["other"]
    world.found.trace = replace(world.found.trace, own=((at, at + 100),))
    return of_all(world.found)


RECIPES: dict[str, Callable[[], Any]] = {
    "blocks with objects of a kernel": lambda: of_all(World(Objects()).found),
    "blocks with what tasks have": lambda: of_all(kernel_in_heap()),
    "a heap in a block": lambda: of_all(World(Objects(), inner=True).found),
    "a trace in a block": with_trace,
}
