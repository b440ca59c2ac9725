# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of lwIP's heap appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from tests.docs.sentences.world import Symbols, ask, check, world
from tests.image.proofs.lwip_mem import VARIABLES, WRITES, images, model, used, written
from tests.support.makers.lwip_mem import BASE, LwipHeap

_NAMED = f"lwip_mem@{BASE:#x}"


def program() -> Symbols:
    """A program with lwIP's variables."""
    return Symbols(**{name: (place, 4) for name, place in VARIABLES.items()}, ram_heap=(BASE, 1 << 16))


def write(at: Callable[[LwipHeap], tuple[int, bytes]], option: str | None = None) -> Callable[[], Any]:
    """A heap with some bytes changed: one that symbols lead to, or a named one."""
    return lambda: check(written(images(model()), *at(model())), option, None if option else program())


def leads(to: Callable[[LwipHeap], int]) -> Callable[[LwipHeap], tuple[int, bytes]]:
    """A block whose next is another offset."""
    return lambda heap: (used(heap), to(heap).to_bytes(2, "little"))


def many() -> Any:
    """More places look like last headers than are looked at: the bound is lowered, it is 4096."""
    with patch("gdbext.heap.lwip_mem.body._MOST_CANDIDATES", 0):
        return ask(world(images(model()), program=Symbols()), "status")


RECIPES: dict[str, Callable[[], Any]] = {
    "a sound heap of lwIP": lambda: check(images(model()), _NAMED),
    "the same by its symbols": lambda: check(images(model()), None, program()),
    **{f"lwip {rule}": write(at) for rule, at in WRITES.items()},
    "a next that leads back (lwIP)": write(leads(lambda heap: 8)),
    "a next of no block (lwIP)": write(leads(lambda heap: heap.size - 3)),
    "a next that leads over blocks (lwIP)": write(leads(lambda heap: used(heap) - BASE + 12)),
    "many last headers (lwIP)": many,
    "no heap of lwIP": lambda: check([(BASE, b"\xff" * 64)], _NAMED),
    "a heap of lwIP that is not set up": lambda: check(
        written(images(model()), VARIABLES["ram"], bytes(4)), None, program()
    ),
    "a ram that leads nowhere": lambda: check(
        [(BASE, b"\xff" * 64), (VARIABLES["ram"], images(model())[1][1])], None, program()
    ),
}
