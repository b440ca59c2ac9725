# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of umm_malloc's heaps appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.docs.sentences.world import Symbols, check
from tests.image.proofs.umm_malloc import WRITES, broken, half, middle, skipped, sound, unjoined
from tests.support.made import Made

CONTEXT = 0x3FFF_0000


def write(at: Callable[[Made], tuple[int, int]]) -> Callable[[], Any]:
    """A heap with 16 bits changed."""
    return lambda: check(broken(sound(), *at(sound())), sound().option)


def program(start: int) -> Callable[[], Any]:
    """A program of an ESP8266 with one heap."""

    def report() -> Any:
        words = start.to_bytes(4, "little") + (start + len(sound().images[0][1])).to_bytes(4, "little") + bytes(8)
        symbols = Symbols(heap_context=(CONTEXT, 16), umm_malloc=(0x4020_0000, 4))
        return check([*sound().images, (CONTEXT, words)], None, symbols)

    return report


def marked(made: Made) -> tuple[int, int]:
    """What umm_integrity_check leaves for a moment."""
    place = middle(made, used=False).raw - 2
    return place, half(made, place) | 0x8000


def to_used(made: Made) -> tuple[int, int]:
    """A link of the free list leads to a used block."""
    return middle(made, used=False).raw, (middle(made, used=True).raw - made.address) // 8


RECIPES: dict[str, Callable[[], Any]] = {
    "a sound heap of umm_malloc": lambda: check(sound().images, sound().option),
    **{f"umm {rule}": write(at) for rule, at in WRITES.items()},
    "umm marked": write(marked),
    "umm to a used block": write(to_used),
    "umm to another's": write(lambda made: (made.address + 6, half(made, skipped(made)[0]))),
    "umm unjoined": write(unjoined),
    "no umm_malloc": lambda: check([(0x3FFE_0000, bytes(256))], "umm_malloc@0x3ffe0000"),
    "umm by its context": program(sound().address),
    "umm not initialised": program(0),
}
