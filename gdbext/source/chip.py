# SPDX-License-Identifier: Apache-2.0
"""The memories of a chip, as the program that runs on it has them in a table."""

from __future__ import annotations

from typing import List

from gdbext.source.known import Range
from gdbext.source.snapshot import ByteOrder

CHIP_MEMORY = "soc_memory_regions"  # ESP-IDF's table
_MOST_REGIONS = 64


def chip_memory(table: bytes, word: int, byte_order: ByteOrder) -> List[Range]:
    """The chip's memories by the bytes of its table `soc_memory_regions`; [] if these are none.

    An element begins with a start and a size; it has four words, or five where it ends on a flag.
    """
    words = [int.from_bytes(table[place : place + word], byte_order) for place in range(0, len(table), word)]
    for element in (5, 4):
        spans = [(start, start + size) for start, size in zip(words[::element], words[1::element])]
        apart = all(low[1] <= high[0] for low, high in zip(spans, spans[1:]))
        if len(words) % element == 0 and apart and all(start < end for start, end in spans):
            return spans[:_MOST_REGIONS]
    return []
