# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of lwIP's heap."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from gdbext.model.region import Region
from tests.image.ask import check_region
from tests.image.proofs import Reports
from tests.support.makers.lwip_mem import BASE, LwipHeap, Options, heap_with

VARIABLES = {"ram": 0x2100_0000, "ram_end": 0x2100_0004, "lfree": 0x2100_0008}


def model(check: bool = True) -> LwipHeap:
    """A heap of 16 bits, with guards or without."""
    return heap_with(Random(4), Options(check=check))


def images(heap: LwipHeap) -> list[tuple[int, bytes]]:
    """The heap, and the variables that lead to it."""
    lowest = next(block.at for block in heap.blocks if not block.used)
    variables = b"".join((BASE + at).to_bytes(4, "little") for at in (0, heap.size, lowest))
    return [(BASE, bytes(heap.data)), (VARIABLES["ram"], variables)]


def used(heap: LwipHeap) -> int:
    """The address of the header of a used block between two others that are used."""
    flags = [block.used for block in heap.blocks]
    index = next(index for index in range(1, len(flags) - 1) if all(flags[index - 1 : index + 2]))
    return BASE + heap.blocks[index].at


def _asked(heap: LwipHeap) -> int:
    return next(block.asked for block in heap.blocks if BASE + block.at == used(heap))


WRITES: dict[str, Callable[[LwipHeap], tuple[int, bytes]]] = {
    "block-next": lambda heap: (used(heap), b"\xff\xff"),
    "end-marker": lambda heap: (BASE + heap.size, b"AA"),
    "block-prev": lambda heap: (used(heap) + 2, b"AA"),
    "block-used": lambda heap: (used(heap) + 4, b"A"),
    "guard-behind": lambda heap: (used(heap) + 24 + _asked(heap), b"A"),
    "guard-before": lambda heap: (used(heap) + 23, b"A"),
    "guard-length": lambda heap: (used(heap) + 6, b"\xff\xff"),
    "heap-pointers": lambda heap: (VARIABLES["ram"], b"A"),
    "lowest-free": lambda heap: (VARIABLES["lfree"], (BASE + heap.size).to_bytes(4, "little")),
}


def written(parts: list[tuple[int, bytes]], place: int, data: bytes) -> list[tuple[int, bytes]]:
    """Images with some bytes changed."""
    return [
        (base, old[: place - base] + data + old[place - base + len(data) :] if 0 <= place - base < len(old) else old)
        for base, old in parts
    ]


def _reports(write: Callable[[LwipHeap], tuple[int, bytes]]) -> Reports:
    heap = model()
    parts, region = images(heap), Region("lwip_mem", BASE, hints=VARIABLES)
    before, after = (check_region(one, region) for one in (parts, written(parts, *write(heap))))
    return before["heaps"][0], after["heaps"][0]


PROOFS = {f"lwip_mem {rule}": partial(_reports, write) for rule, write in WRITES.items()}
