# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of RT-Thread's small memory appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.docs.sentences.world import Symbols, check
from tests.image.proofs.rtthread_mem import WRITES, images, model, used
from tests.support.makers.rtthread_mem import SmallMem

_NAMED = f"rtthread_mem@{model().base:#x}"
_VARIABLE = 0x2100_0000
_PROGRAM = Symbols(rt_smem_alloc=(0x100, 4), system_heap=(_VARIABLE, 4))


def write(at: Callable[[SmallMem], tuple[int, bytes]]) -> Callable[[], Any]:
    """A heap with some bytes changed."""
    return lambda: check(images(model(), *at(model())), _NAMED)


def leads(to: Callable[[SmallMem], int]) -> Callable[[SmallMem], tuple[int, bytes]]:
    """A block whose next is another offset."""
    return lambda heap: (used(heap) + 4, to(heap).to_bytes(4, "little"))


def variable(value: int) -> Callable[[], Any]:
    """A program whose system_heap has a value."""
    return lambda: check([*images(model()), (_VARIABLE, value.to_bytes(4, "little"))], None, _PROGRAM)


RECIPES: dict[str, Callable[[], Any]] = {
    "a sound heap of RT-Thread": lambda: check(images(model()), _NAMED),
    "the same by its symbol (RT-Thread)": variable(model().base),
    **{f"RT-Thread {rule}": write(at) for rule, at in WRITES.items()},
    "a mark and a counter (RT-Thread)": lambda: check(images(model(), used(model()) - 16, b"A" * 40), _NAMED),
    "a next that leads back (RT-Thread)": write(leads(lambda heap: 8)),
    "a next of no block (RT-Thread)": write(leads(lambda heap: heap.end - 3)),
    "a next that leads over blocks (RT-Thread)": write(
        leads(lambda heap: used(heap) - heap.base - heap.options.first + 16)
    ),
    "no heap of RT-Thread": lambda: check([(model().base, b"\xff" * 64)], _NAMED),
    "a heap of RT-Thread that is not set up": variable(0),
    "a system_heap that leads nowhere": variable(_VARIABLE),
}
