# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of RT-Thread's small memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from gdbext.model.region import Region
from tests.image.ask import check_region
from tests.image.proofs import Reports
from tests.support.makers.rtthread_mem import Options, SmallMem, load


def model(release: int = 4) -> SmallMem:
    """A heap with threads' names."""
    heap = SmallMem(Options(release, named=True), 0x2000_0000, 4096, Random(5))
    load(heap, 120)
    return heap


def used(heap: SmallMem) -> int:
    """The address of the item of a used block between two others that are used."""
    flags = [item.used for item in heap.items]
    index = next(index for index in range(1, len(flags) - 1) if all(flags[index - 1 : index + 2]))
    return heap.base + heap.options.first + heap.items[index].at


def end(heap: SmallMem) -> int:
    """The address of the last item."""
    return heap.base + heap.options.first + heap.end


def member(index: int) -> Callable[[SmallMem], int]:
    """The address of a word of the object, counted from heap_ptr on."""
    return lambda heap: heap.base + heap.options.heap_ptr + 4 * index


WRITES: dict[str, Callable[[SmallMem], tuple[int, bytes]]] = {
    "block-mark": lambda heap: (used(heap), b"A"),
    "block-next": lambda heap: (used(heap) + 4, b"\xff\xff"),
    "end-marker": lambda heap: (end(heap) + 4, b"AA"),
    "block-prev": lambda heap: (used(heap) + 8, b"AA"),
    "object-members": lambda heap: (member(1)(heap), b"A"),
    "lowest-free": lambda heap: (member(2)(heap), b"A"),
    "used-bytes": lambda heap: (member(-2)(heap), b"A"),
}


def images(heap: SmallMem, place: int | None = None, data: bytes = b"") -> list[tuple[int, bytes]]:
    """The heap, some bytes of it changed."""
    written = bytearray(heap.data)
    if place is not None:
        written[place - heap.base : place - heap.base + len(data)] = data
    return [(heap.base, bytes(written))]


def _reports(write: Callable[[SmallMem], tuple[int, bytes]]) -> Reports:
    heap, region = model(), Region("rtthread_mem", model().base)
    before, after = (check_region(one, region) for one in (images(heap), images(heap, *write(heap))))
    return before["heaps"][0], after["heaps"][0]


PROOFS = {f"rtthread_mem {rule}": partial(_reports, write) for rule, write in WRITES.items()}
