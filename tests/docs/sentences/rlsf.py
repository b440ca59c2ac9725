# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of rlsf appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.docs.sentences.world import check
from tests.image.proofs import broken
from tests.image.proofs.rlsf import WRITES, sound
from tests.support.made import Made
from tests.support.makers.rlsf import POOL, TLSF


def write(at: Callable[[Made], tuple[int, int]]) -> Callable[[], Any]:
    """A heap with one word changed."""
    return lambda: check(broken(sound(), *at(sound())), sound().option)


def _free(made: Made, number: int) -> int:
    return [block.raw for block in made.blocks if not block.used][number]


RECIPES: dict[str, Callable[[], Any]] = {
    "a sound heap of rlsf": lambda: check(sound().images, sound().option),
    **{f"rlsf {rule}": write(at) for rule, at in WRITES.items()},
    "a next_free that leads to another list": write(lambda made: (_free(made, 1), _free(made, 4) - 8)),
    "a next_free that ends its list early": write(lambda made: (_free(made, 1), 0)),
    "a prev_free that skips a block": write(lambda made: (_free(made, 1) + 4, 0)),
    "a head that is lost": write(lambda made: (TLSF + 4 * 32, 0)),
    "a head of another list": write(lambda made: (TLSF + 4 * 33, _free(made, 4) - 8)),
    "rlsf without its Tlsf": lambda: check(sound().images, f"rlsf@{POOL:#x}"),
    "no rlsf": lambda: check(sound().images, f"rlsf@{POOL + 8:#x}"),
}
