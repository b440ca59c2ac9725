# SPDX-License-Identifier: Apache-2.0
"""A heap that follows the book-keeping of Mbed TLS's memory_buffer_alloc.c, for the page that adds it as an allocator.

Blocks are linked in address order, free ones also in a list; the first on the list that fits is split; a freed one
joins its free neighbours, whose headers are cleared.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

BASE = 0x2000_0000
_HEADER, _MULTIPLE = 32, 4
_MAGIC1, _MAGIC2 = 0xFF00AA55, 0xEE119966


@dataclass
class Block:
    """A block: where its header is, and the bytes behind that."""

    at: int
    size: int
    used: bool = False


class Buffer:
    """A buffer of SIZE bytes."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self.blocks = [Block(0, size - _HEADER)]
        self.free_list = [self.blocks[0]]

    def malloc(self, size: int) -> int:
        """The offset of the block's bytes."""
        size = -(-size // _MULTIPLE) * _MULTIPLE
        block = next(one for one in self.free_list if one.size >= size)
        place = self.free_list.index(block)
        block.used = True
        if block.size - size >= _HEADER + _MULTIPLE:
            rest = Block(block.at + _HEADER + size, block.size - size - _HEADER)
            self.blocks.insert(self.blocks.index(block) + 1, rest)
            self.free_list[place], block.size = rest, size
        else:
            del self.free_list[place]
        return block.at + _HEADER

    def free(self, offset: int) -> None:
        """Frees a block."""
        index = next(index for index, one in enumerate(self.blocks) if one.at == offset - _HEADER)
        block, joined = self.blocks[index], False
        block.used = False
        if index and not self.blocks[index - 1].used:
            self.blocks[index - 1].size += _HEADER + block.size
            self._clear(index)
            index, joined = index - 1, True
            block = self.blocks[index]
        if index + 1 < len(self.blocks) and not self.blocks[index + 1].used:
            behind = self.blocks[index + 1]
            block.size += _HEADER + behind.size
            if joined:
                self.free_list.remove(block)
            self.free_list[self.free_list.index(behind)] = block
            self._clear(index + 1)
            joined = True
        if not joined:
            self.free_list.insert(0, block)

    def _clear(self, index: int) -> None:
        at = self.blocks.pop(index).at
        self.data[at : at + _HEADER] = bytes(_HEADER)

    def image(self) -> bytearray:
        """The buffer with every header."""
        for index, block in enumerate(self.blocks):
            around = (self._pointer(self.blocks, index - 1), self._pointer(self.blocks, index + 1))
            place = self.free_list.index(block) if block in self.free_list else None
            near = (0, 0) if place is None else tuple(self._pointer(self.free_list, place + step) for step in (-1, 1))
            words = (_MAGIC1, block.size, int(block.used), *around, *near, _MAGIC2)
            struct.pack_into("<8I", self.data, block.at, *words)
        return self.data

    def _pointer(self, blocks: list[Block], index: int) -> int:
        return BASE + blocks[index].at if 0 <= index < len(blocks) else 0


def _made() -> tuple[Buffer, list[int]]:
    buffer = Buffer(4096)
    blocks = [buffer.malloc(20 + 8 * number) for number in range(20)]
    for number in (4, 5, 9, 13, 14, 18):
        buffer.free(blocks[number])
    return buffer, blocks


def sound() -> bytearray:
    """Twenty blocks, of which six were freed."""
    return _made()[0].image()


def broken() -> bytearray:
    """The same, whose third block's user has written 6 bytes too far."""
    buffer, blocks = _made()
    data, third = buffer.image(), blocks[2]
    data[third : third + 36 + 6] = b"\x41" * 42
    return data
