# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of umm_malloc."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from tests.image.ask import check
from tests.image.proofs import Reports
from tests.support.made import Made, MadeBlock
from tests.support.makers.umm_malloc import Form, make_with


def sound() -> Made:
    """A heap with poison, and more than two free blocks."""
    return make_with(Random(3), Form(length=4))


def broken(made: Made, place: int, value: int) -> list[tuple[int, bytes]]:
    """Its image with 16 bits changed."""
    ((base, data),) = made.images
    at = place - base
    return [(base, data[:at] + value.to_bytes(2, "little") + data[at + 2 :])]


def middle(made: Made, used: bool) -> MadeBlock:
    """One of its blocks."""
    found = [block for block in made.blocks if block.used is used]
    return found[len(found) // 2]


def half(made: Made, place: int) -> int:
    """16 bits of it."""
    return int.from_bytes(made.get(place, 2), "little")


def skipped(made: Made) -> tuple[int, int]:
    """The free block at the head of the list is left out: block 0 leads to the one behind it."""
    first = made.address + half(made, made.address + 4) * 8 + 4
    return made.address + 4, half(made, first)


def unjoined(made: Made) -> tuple[int, int]:
    """The used block behind a free one is marked free."""
    pairs = zip(made.blocks, made.blocks[1:], strict=False)
    behind = next(two for one, two in pairs if not one.used and two.used)
    return behind.raw - 4, half(made, behind.raw - 4) | 0x8000


WRITES: dict[str, Callable[[Made], tuple[int, int]]] = {
    "block-next": lambda made: (middle(made, used=True).raw - 4, 0x4141),
    "end-marker": lambda made: (made.blocks[-1].end, 0x4141),
    "block-before": lambda made: (middle(made, used=True).raw - 2, 0x4141),
    "first-block": lambda made: (made.address, 2),
    "free-flag": lambda made: (middle(made, used=False).raw - 4, half(made, middle(made, used=False).raw - 4) & 0x7FFF),
    "poison-tail": lambda made: (
        middle(made, used=True).user + (middle(made, used=True).requested or 0), 0x4141
    ),
    "poison-head": lambda made: (middle(made, used=True).user - 2, 0x4141),
    "poison-length": lambda made: (middle(made, used=True).raw, 0x4141),
    "list-link": lambda made: (middle(made, used=False).raw, 0x4141),
    "back-link": lambda made: (middle(made, used=False).raw + 2, 0x4141),
    "free-not-listed": skipped,
}  # fmt: skip


def _reports(write: Callable[[Made], tuple[int, int]]) -> Reports:
    made = sound()
    before, after = (check(images, made.option) for images in (list(made.images), broken(made, *write(made))))
    return before["heaps"][0], after["heaps"][0]


PROOFS = {f"umm_malloc {rule}": partial(_reports, write) for rule, write in WRITES.items()}
