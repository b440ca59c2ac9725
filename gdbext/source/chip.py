# SPDX-License-Identifier: Apache-2.0
"""Finds the memories of a chip in a table of the program that runs on it."""

from __future__ import annotations

from typing import List

from gdbext.source.known import Range
from gdbext.source.snapshot import ByteOrder

CHIP_MEMORY = "soc_memory_regions"  # ESP-IDF's table
_MOST_REGIONS = 64


def chip_memory(table: bytes, word: int, byte_order: ByteOrder) -> List[Range]:
    """Returns the memories in the bytes of the table `soc_memory_regions`; [] if they are no such table.

    An element begins with a start and a size. It has four words, or five if it ends with a flag.
    """
    words = [int.from_bytes(table[place : place + word], byte_order) for place in range(0, len(table), word)]
    for element in (5, 4):
        spans = [(start, start + size) for start, size in zip(words[::element], words[1::element])]
        apart = all(low[1] <= high[0] for low, high in zip(spans, spans[1:]))
        if len(words) % element == 0 and apart and all(start < end for start, end in spans):
            return spans[:_MOST_REGIONS]
    return []
