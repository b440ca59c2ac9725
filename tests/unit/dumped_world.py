# SPDX-License-Identifier: Apache-2.0
"""A heap of which a core has the used blocks alone."""

from __future__ import annotations

from gdbext.model.region import Region
from gdbext.source.core import CoreSource, parse_core
from gdbext.source.memory import Memory
from tests.support import fixtures
from tests.support.core import core_bytes

# Light poisoning: intact, and a tail overwritten by its owner.
CLEAN = next(one for one in fixtures.select(poisoning="light") if one.truth.status == "clean")


def dumped(damage: dict[int, bytes]) -> Memory:
    """The used blocks of a heap as segments, with some bytes changed."""
    (image,) = CLEAN.images
    data = bytearray(image.data)
    for address, new in damage.items():
        data[address - image.base : address - image.base + len(new)] = new
    blocks = ((block.raw, block.size) for block in CLEAN.truth.blocks)
    ranges = [(raw, bytes(data[raw - image.base : raw - image.base + size])) for raw, size in blocks]
    elf = core_bytes(ranges)
    return Memory(CoreSource(parse_core(elf)))


def region() -> Region:
    (image,) = CLEAN.images
    return Region("multi_heap", CLEAN.heap.address, image.base, image.base + image.length)
