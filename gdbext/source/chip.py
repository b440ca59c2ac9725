# SPDX-License-Identifier: Apache-2.0
"""Finds the memories of a chip in a table of the program that runs on it, and between symbols of its linker script."""

from __future__ import annotations

from typing import Callable, List, Optional

from gdbext.source.known import Range
from gdbext.source.snapshot import ByteOrder

CHIP_MEMORY = "soc_memory_regions"  # ESP-IDF's table
_MOST_REGIONS = 64
# Symbols that linker scripts put around the memory for heaps.
_AROUND_HEAPS = (
    ("_heap_start", "_heap_end"),
    ("__heap_start", "__heap_end"),
    ("_sheap", "_eheap"),
    ("__HeapBase", "__HeapLimit"),
)
_LARGEST_HEAP = 64 << 20


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


def heap_memory(address_of: Callable[[str], Optional[int]]) -> List[Range]:
    """Returns the memory for heaps between symbols of a linker script."""
    pairs = ((address_of(first), address_of(last)) for first, last in _AROUND_HEAPS)
    return [(start, end) for start, end in pairs if start and end and start < end <= start + _LARGEST_HEAP]
