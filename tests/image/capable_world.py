# SPDX-License-Identifier: Apache-2.0
"""Two heaps on ESP-IDF's list, with capabilities: one that malloc uses, and one that only asks for SPIRAM reach.

The heaps are those of two fixtures, which real allocators have written; the list's nodes are made here.
"""

from __future__ import annotations

import struct

from gdbext.target.target import Target
from tests.docs.sentences.world import Symbols, case, world

EXEC, BITS_32, BITS_8, DMA, SPIRAM, INTERNAL, DEFAULT = (1 << bit for bit in (0, 1, 2, 3, 10, 11, 12))
FIRST, SECOND = 0x3F81_0000, 0x4FF4_02A4
PROGRAM, NODE, NEXT = 0x3FC0_0000, 0x3FC0_0100, 0x3FC0_0140
OF_FIRST, OF_SECOND = (DEFAULT | DMA | BITS_8, INTERNAL, BITS_32), (SPIRAM, BITS_8, 0)
SYMBOLS = Symbols(registered_heaps=(PROGRAM, 4))


def node(caps: tuple[int, int, int], start: int, end: int, following: int) -> bytes:
    """A struct heap_t_ of ESP-IDF."""
    return struct.pack("<9I", *caps, start, end, 0, 0, start, following)


def capable(program: Symbols = SYMBOLS) -> Target:
    """The heaps, with their list."""
    ram = bytearray(0x200)
    ram[:4] = NODE.to_bytes(4, "little")
    ram[0x100:0x124] = node(OF_FIRST, FIRST, FIRST + 24576, NEXT)
    ram[0x140:0x164] = node(OF_SECOND, SECOND, SECOND + 36188, 0)
    return world([(PROGRAM, bytes(ram)), *case("a005"), *case("a095")], [], program)
