# SPDX-License-Identifier: Apache-2.0
"""A heap that follows the book-keeping of lwIP's mem.c, for the page that adds it as an allocator.

Blocks are chained by offsets of 16 bits; the first that fits is split; a freed one joins its free neighbours.
"""

from __future__ import annotations

import struct

_HEADER, _SMALLEST = 8, 12
_SHAPE = "<HHB3x"


class LwipHeap:
    """`ram` of SIZE bytes behind the first header, and the end marker behind them."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size + 2 * _HEADER)
        self.size = size
        self._put(0, size, 0, False)
        self._put(size, size, size, True)

    def malloc(self, size: int) -> int:
        """The offset of the block's bytes."""
        wanted = max(_SMALLEST, -(-size // 4) * 4)
        offset = 0
        while True:
            following, before, used = self._get(offset)
            room = following - offset - _HEADER
            if not used and room >= wanted:
                break
            assert following != offset, "the heap is full"
            offset = following
        if room >= wanted + _HEADER + _SMALLEST:
            rest = offset + _HEADER + wanted
            self._put(rest, following, offset, False)
            self._lead_back(following, rest)
            following = rest
        self._put(offset, following, before, True)
        return offset + _HEADER

    def free(self, payload: int) -> None:
        """Frees a block, and joins it with free neighbours."""
        offset = payload - _HEADER
        following, before, _ = self._get(offset)
        behind = self._get(following)
        if following != self.size and not behind[2]:
            following = behind[0]
        front = self._get(before)
        if before != offset and not front[2]:
            offset, before = before, front[1]
        self._put(offset, following, before, False)
        self._lead_back(following, offset)

    def _lead_back(self, offset: int, before: int) -> None:
        if offset != self.size:
            following, _, used = self._get(offset)
            self._put(offset, following, before, used)

    def _get(self, offset: int) -> tuple[int, int, bool]:
        following, before, used = struct.unpack_from(_SHAPE, self.data, offset)
        return following, before, bool(used)

    def _put(self, offset: int, following: int, before: int, used: bool) -> None:
        struct.pack_into(_SHAPE, self.data, offset, following, before, used)


def sound() -> bytearray:
    """Twenty blocks, of which six were freed."""
    heap = LwipHeap(4096)
    blocks = [heap.malloc(20 + 12 * number) for number in range(20)]
    for number in (4, 5, 9, 13, 14, 18):
        heap.free(blocks[number])
    return heap.data


def broken() -> bytearray:
    """The same, whose third block's user has written 6 bytes too far."""
    data, third = sound(), 2 * _HEADER + 20 + 32 + _HEADER
    end = third + 44
    data[third : end + 6] = b"\x41" * (end + 6 - third)
    return data
