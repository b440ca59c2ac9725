# SPDX-License-Identifier: Apache-2.0
"""Keeps the bytes that have been read, and gives fast access to their words.

Approach: sorted extents of bytes. The words of each are decoded once, in the target's byte order, so that a walk costs
one index a word. Unknown bytes are None, never zero.
Rejected: a dictionary of pages. A walk of 30,000 blocks would spend its time in look-ups.
Assumptions: words are read at word-aligned addresses; a word at another address is decoded from its bytes each time.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from struct import Struct
from typing import Callable, Iterable, List, Literal, Optional, Tuple

from gdbext.source.known import gaps

_TYPE_OF_WIDTH = {4: "I", 8: "Q"}

WordReader = Callable[[int], Optional[int]]
ByteOrder = Literal["little", "big"]


class Snapshot:
    """The known bytes of a target's memory: sorted extents that do not touch."""

    def __init__(self, pointer_size: int = 4, byte_order: ByteOrder = "little") -> None:
        self.pointer_size = pointer_size
        self.byte_order = byte_order
        self._starts: List[int] = []
        self._data: List[bytes] = []
        self._words: List[Optional[array[int]]] = []

    def add(self, start: int, data: bytes) -> None:
        """Adds bytes. They replace known bytes at the same addresses."""
        if not data:
            return
        end = start + len(data)
        first, last = self._touching(start, end)
        if first < last:  # known bytes before and behind the new ones stay
            head = self._data[first][: max(0, start - self._starts[first])]
            tail = self._data[last - 1][max(0, end - self._starts[last - 1]) :]
            start, data = min(start, self._starts[first]), head + data + tail
        self._starts[first:last] = [start]
        self._data[first:last] = [data]
        self._words[first:last] = [None]

    def _touching(self, start: int, end: int) -> Tuple[int, int]:
        first = bisect_right(self._starts, start)
        if first and self._starts[first - 1] + len(self._data[first - 1]) >= start:
            first -= 1
        last = first
        while last < len(self._starts) and self._starts[last] <= end:
            last += 1
        return first, last

    def extents(self) -> List[Tuple[int, int]]:
        """Returns start and end of every known range, in order."""
        return [(start, start + len(data)) for start, data in zip(self._starts, self._data)]

    def missing(self, start: int, end: int) -> List[Tuple[int, int]]:
        """Returns the parts of start..end that are not known."""
        return gaps(self.known(start, end), start, end)

    def known(self, start: int, end: int) -> List[Tuple[int, int]]:
        """Returns the parts of start..end that are known."""
        first, last = self._touching(start, end)
        extents = ((self._starts[at], self._starts[at] + len(self._data[at])) for at in range(first, last))
        parts = ((max(start, low), min(end, high)) for low, high in extents)
        return [(low, high) for low, high in parts if low < high]

    def get(self, address: int, length: int) -> Optional[bytes]:
        """Returns `length` bytes at `address`, or None unless all of them are known."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or length < 0:
            return None
        offset = address - self._starts[index]
        data = self._data[index]
        return data[offset : offset + length] if offset + length <= len(data) else None

    read = get  # a snapshot is a source, too

    def prefix(self, address: int, length: int) -> bytes:
        """Returns the known bytes from `address` on, up to the first unknown one, at most `length`."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return b""
        offset = address - self._starts[index]
        return self._data[index][offset : offset + length]

    def suffix(self, address: int, length: int) -> bytes:
        """Returns the known bytes directly before `address`, back to the first unknown one, at most `length`."""
        index = bisect_right(self._starts, address - 1) - 1
        if index < 0:
            return b""
        offset = address - self._starts[index]
        if offset > len(self._data[index]):
            return b""
        return self._data[index][max(0, offset - length) : offset]

    def word(self, address: int) -> Optional[int]:
        """Returns the pointer-sized word at `address`, or None if it is not known."""
        data = self.get(address, self.pointer_size)
        return None if data is None else int.from_bytes(data, self.byte_order)

    def word32(self, address: int) -> Optional[int]:
        """Returns the 32-bit word at any address, or None if it is not known."""
        data = self.get(address, 4)
        return None if data is None else int.from_bytes(data, self.byte_order)

    def _widest(self, start: int, end: int) -> Optional[int]:
        """Returns the index of the extent that has most of start..end, or None. The others may be many short reads."""
        first, last = self._touching(start, end)
        extents = zip(self._starts[first:last], self._data[first:last])
        sizes = [min(end, low + len(data)) - max(start, low) for low, data in extents]
        return first + sizes.index(max(sizes)) if sizes else None

    def reader32(self, start: int, end: int) -> WordReader:
        """Returns `word32`, but faster in the extent that has most of start..end."""
        index = self._widest(start, end)
        if index is None:
            return self.word32
        base, data, slow = self._starts[index], self._data[index], self.word32
        unpack, last = Struct("<I" if self.byte_order == "little" else ">I").unpack_from, len(data) - 4

        def read(address: int) -> Optional[int]:
            offset = address - base
            if 0 <= offset <= last:
                return int(unpack(data, offset)[0])
            return slow(address)

        return read

    def word_reader(self, start: int, end: int) -> WordReader:
        """Returns `word`, but faster in the extent that has most of start..end: an index into decoded words."""
        index = self._widest(start, end)
        if index is None or self._starts[index] % self.pointer_size:
            return self.word
        base, words = self._starts[index], self._words_of(index)
        high, slow = base + len(words) * self.pointer_size, self.word
        shift, mask = (2, 3) if self.pointer_size == 4 else (3, 7)

        def read(address: int) -> Optional[int]:
            if base <= address < high and not address & mask:
                return words[(address - base) >> shift]
            return slow(address)

        return read

    def words(self, start: int, end: int) -> Optional[array[int]]:
        """Returns the words of start..end. None unless all are known, in one extent, and all of it is word-aligned."""
        index = bisect_right(self._starts, start) - 1
        width = self.pointer_size
        if index < 0 or self._starts[index] % width or start % width or end % width:
            return None
        first, last = (start - self._starts[index]) // width, (end - self._starts[index]) // width
        words = self._words_of(index)
        return words[first:last] if first <= last <= len(words) else None

    def _words_of(self, index: int) -> array[int]:
        words = self._words[index]
        if words is None:
            data = self._data[index]
            words = array(_TYPE_OF_WIDTH[self.pointer_size])
            words.frombytes(data[: len(data) // self.pointer_size * self.pointer_size])
            if self.byte_order != sys.byteorder:
                words.byteswap()
            self._words[index] = words
        return words


def snapshot_of(
    images: Iterable[Tuple[int, bytes]], pointer_size: int = 4, byte_order: ByteOrder = "little"
) -> Snapshot:
    """Returns a snapshot of images, which are bytes with their addresses. Drops bytes beyond the address space."""
    snapshot, top = Snapshot(pointer_size, byte_order), 1 << 8 * pointer_size
    for base, data in images:
        snapshot.add(base, data[: max(0, top - base)])
    return snapshot
