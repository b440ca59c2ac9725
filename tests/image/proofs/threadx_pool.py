# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of ThreadX's byte pools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from tests.image.ask import check
from tests.image.proofs import Reports, broken
from tests.support.made import Made
from tests.support.makers.threadx_pool import CONTROL, Port, make_with

_BESIDE = CONTROL + 0x200


def sound() -> Made:
    """A pool of 32 bits with another one in its ring."""
    return next(made for made in (make_with(Random(seed), Port()) for seed in range(9)) if _ring(made) == _BESIDE)


def _ring(made: Made) -> int:
    return int.from_bytes(made.get(CONTROL + 44, 4), "little")


def _used(made: Made) -> int:
    used = [block.raw for block in made.blocks if block.used]
    return used[len(used) // 2]


WRITES: dict[str, Callable[[Made], tuple[int, int]]] = {
    "block-next": lambda made: (_used(made) - 8, 0x4141_4141),
    "end-marker": lambda made: (made.blocks[-1].end, 0x4141_4141),
    "block-owner": lambda made: (_used(made) - 4, 0x4141_4141),
    "pool-control": lambda made: (CONTROL, 0x4141_4141),
    "pool-ring": lambda made: (CONTROL + 44, CONTROL + 0x400),
    "pool-search": lambda made: (CONTROL + 20, 0x4141_4141),
    "pool-available": lambda made: (CONTROL + 8, 1),
    "pool-fragments": lambda made: (CONTROL + 12, 3),
}


def _reports(write: Callable[[Made], tuple[int, int]]) -> Reports:
    made = sound()
    before, after = (check(images, made.option) for images in (list(made.images), broken(made, *write(made))))
    return before["heaps"][0], after["heaps"][0]


PROOFS = {f"threadx_pool {rule}": partial(_reports, write) for rule, write in WRITES.items()}
