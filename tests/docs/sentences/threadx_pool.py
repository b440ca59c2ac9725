# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of ThreadX's byte pools appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.docs.sentences.world import Symbols, check
from tests.image.proofs import broken
from tests.image.proofs.threadx_pool import WRITES, sound
from tests.support.made import Made
from tests.support.makers.threadx_pool import CONTROL

CREATED = 0x3000_0000


def write(at: Callable[[Made], tuple[int, int]]) -> Callable[[], Any]:
    """A pool with one word changed."""
    return lambda: check(broken(sound(), *at(sound())), sound().option)


def created(value: int) -> Callable[[], Any]:
    """A program whose pointer to its pools has this value."""

    def report() -> Any:
        images = [*broken(sound(), *WRITES["pool-ring"](sound())), (CREATED, value.to_bytes(4, "little"))]
        return check(images, None, Symbols(_tx_byte_pool_created_ptr=(CREATED, 4)))

    return report


def leads(made: Made, index: int, to: int) -> tuple[int, int]:
    """Where the pointer of a block lies, and an address so many bytes behind the first block."""
    return made.blocks[index].raw - 8, made.blocks[0].raw + to


RECIPES: dict[str, Callable[[], Any]] = {
    "a sound pool": lambda: check(sound().images, sound().option),
    **{f"threadx {rule}": write(at) for rule, at in WRITES.items()},
    "a next that leads back": write(lambda made: leads(made, 9, 16)),
    "a next of no block": write(lambda made: leads(made, 9, 1001)),
    "a next that leads into a block": write(lambda made: leads(made, 3, made.blocks[8].raw - made.blocks[0].raw + 4)),
    "no pool": lambda: check(sound().images, f"threadx_pool@{CONTROL + 64:#x}"),
    "no pool is created": created(0),
    "the ring of pools": created(CONTROL),
}
