# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of rlsf."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from tests.image.ask import check
from tests.image.proofs import Reports, broken
from tests.support.made import Made
from tests.support.makers.rlsf import POOL, TLSF, Model, load, made_blocks, own_of

_WORD = 4


def sound() -> Made:
    """A heap of 32 bits: one pool, several free blocks on one list."""
    heap = Model()
    heap.add_pool(POOL, 8192)
    held = [heap.allocate(24, 4) for _ in range(12)]
    for user in held[1:8:2]:
        heap.deallocate(user or 0, 4)
    users = [(user or 0, 24, 4) for at, user in enumerate(held) if at not in (1, 3, 5, 7)]
    users += load(heap, Random(1), 0)
    parts = [(place, size, used) for place, (size, used) in heap.blocks.items() if place != POOL + 8192 - 16]
    blocks, images = made_blocks(parts, tuple(users), _WORD), heap.images()
    return Made("rlsf-32", "rlsf", TLSF, images, blocks, own_of(blocks, (TLSF, TLSF + len(images[0][1])), _WORD))


def _free(made: Made, number: int = 0) -> int:
    return [block.raw for block in made.blocks if not block.used][number]


def _used(made: Made) -> int:
    return [block.raw for block in made.blocks if block.used][5]


WRITES: dict[str, Callable[[Made], tuple[int, int]]] = {
    "end-marker": lambda made: (made.blocks[-1].end, 0x4141_4141),
    "block-before": lambda made: (_used(made) - 4, 0x4141_4141),
    "list-link": lambda made: (_free(made, 1), 0x4141_4141),
    "back-link": lambda made: (_free(made, 1) + 4, 0x4141_4141),
    "listed-not-free": lambda made: (_free(made, 1) - 8, 33),
    "free-not-listed": lambda made: (_used(made) - 8, 32),
    "list-head": lambda made: (TLSF + 4 * (32 + 0), 0x4141_4141),
    "bitmaps": lambda made: (TLSF + 4 * 32 * 33, 1),
}


def _reports(write: Callable[[Made], tuple[int, int]]) -> Reports:
    made = sound()
    before, after = (check(images, made.option) for images in (list(made.images), broken(made, *write(made))))
    return before["heaps"][0], after["heaps"][0]


PROOFS = {f"rlsf {rule}": partial(_reports, write) for rule, write in WRITES.items()}
