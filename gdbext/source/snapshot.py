# SPDX-License-Identifier: Apache-2.0
"""Keeps the bytes that have been read, and gives fast access to their words.

Approach: sorted extents of bytes. A single read is kept as it came. Reads that touch are joined in a buffer with spare
room at both ends, so that an extent may grow by small reads, upwards or downwards. Words are read in the buffer, in the
target's byte order. Unknown bytes are None, never zero.
Rejected: a dictionary of pages. A walk of 30,000 blocks would spend its time in look-ups.
Cost: each byte is copied some five times while its extent grows, however small the reads are; a buffer has at most half
as much spare room as bytes.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from struct import Struct
from typing import Callable, Dict, Iterable, Iterator, List, Literal, Optional, Sequence, Tuple, Union

from gdbext.source.known import gaps

_TYPE_OF_WIDTH: Dict[int, Literal["I", "Q"]] = {4: "I", 8: "Q"}
_SPARE = 4  # an end that grows gets a quarter of the extent as spare room

WordReader = Callable[[int], Optional[int]]
ByteOrder = Literal["little", "big"]
Buffer = Union[bytes, memoryview]
# Returns bytes of a file again, without a copy, by address and length; None if they do not lie in one piece.
View = Callable[[int, int], Optional[memoryview]]
# A buffer with spare room, and the place in it at which the known bytes begin.
_Room = Tuple[bytearray, int]


class Snapshot:
    """The known bytes of a target's memory: sorted extents that do not touch."""

    def __init__(self, pointer_size: int = 4, byte_order: ByteOrder = "little", view: Optional[View] = None) -> None:
        self.pointer_size = pointer_size
        self.byte_order = byte_order
        self._view = view
        self._starts: List[int] = []
        self._data: List[Buffer] = []
        self._rooms: List[Optional[_Room]] = []  # None: the extent is a single read

    def add(self, start: int, data: Buffer) -> None:
        """Adds bytes. They replace known bytes at the same addresses. The snapshot keeps `data` and does not copy it,
        unless it touches known bytes.
        """
        if not data:
            return
        first, last = self._touching(start, start + len(data))
        room: Optional[_Room] = None
        if first < last:
            start, data, room = self._joined(first, last, start, data)
        self._starts[first:last] = [start]
        self._data[first:last] = [data]
        self._rooms[first:last] = [room]

    def _joined(self, first: int, last: int, start: int, data: Buffer) -> Tuple[int, Buffer, Optional[_Room]]:
        """Returns the extents first..last and new bytes as one extent. The others are copied to the longest, unless all
        lie side by side in a file.
        """
        low = min(start, self._starts[first])
        high = max(start + len(data), self._starts[last - 1] + len(self._data[last - 1]))
        viewed = None if self._view is None else self._view(low, high - low)
        if viewed is not None:
            return low, viewed, None
        home = max(range(first, last), key=lambda index: len(self._data[index]))
        buffer, at = self._with_room(home, low, high)
        others = [(self._starts[index], self._data[index]) for index in range(first, last) if index != home]
        for place, part in (*others, (start, data)):
            buffer[at + place - low : at + place - low + len(part)] = part
        return low, memoryview(buffer)[at : at + high - low], (buffer, at)

    def _with_room(self, index: int, low: int, high: int) -> _Room:
        """Returns a buffer that has the bytes of an extent and room for low..high, and the place of `low` in it."""
        start, data = self._starts[index], self._data[index]
        buffer, at = self._rooms[index] or (bytearray(), 0)
        ahead, behind = start - low, high - start - len(data)  # bytes to come on either side
        spare_before, spare_behind = at, max(0, len(buffer) - at - len(data))
        if not buffer or spare_before < ahead or spare_behind < behind:
            spare_before = max(spare_before, (high - low) // _SPARE if ahead else 0)
            spare_behind = max(spare_behind, (high - low) // _SPARE if behind else 0)
            at = spare_before + ahead
            buffer = bytearray(at + len(data) + behind + spare_behind)
            buffer[at : at + len(data)] = data
        return buffer, at - ahead

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
        return bytes(data[offset : offset + length]) if offset + length <= len(data) else None

    def read(self, address: int, length: int) -> Optional[Buffer]:
        """Returns the same as `get`, but does not copy: a snapshot is a source, too."""
        index = bisect_right(self._starts, address) - 1
        offset = address - self._starts[index]
        if index < 0 or not 0 <= offset <= offset + length <= len(self._data[index]):
            return None
        return memoryview(self._data[index])[offset : offset + length]

    def prefix(self, address: int, length: int) -> bytes:
        """Returns the known bytes from `address` on, up to the first unknown one, at most `length`."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return b""
        offset = address - self._starts[index]
        return bytes(self._data[index][offset : offset + length])

    def suffix(self, address: int, length: int) -> bytes:
        """Returns the known bytes directly before `address`, back to the first unknown one, at most `length`."""
        index = bisect_right(self._starts, address - 1) - 1
        if index < 0:
            return b""
        offset = address - self._starts[index]
        if offset > len(self._data[index]):
            return b""
        return bytes(self._data[index][max(0, offset - length) : offset])

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
        """Returns `word`, but faster in the extent that has most of start..end."""
        if self.byte_order != sys.byteorder:
            return self.reader32(start, end) if self.pointer_size == 4 else self.word
        index = self._widest(start, end)
        if index is None or self._starts[index] % self.pointer_size:
            return self.word
        base, words, slow = self._starts[index], self._cast(self._data[index]), self.word
        high = base + len(words) * self.pointer_size
        shift, mask = (2, 3) if self.pointer_size == 4 else (3, 7)

        def read(address: int) -> Optional[int]:
            if base <= address < high and not address & mask:
                return words[(address - base) >> shift]
            return slow(address)

        return read

    def words(self, start: int, end: int) -> Optional[Sequence[int]]:
        """Returns the words of start..end. None unless all are known, in one extent, and all of it is word-aligned."""
        index, width = bisect_right(self._starts, start) - 1, self.pointer_size
        if index < 0 or self._starts[index] % width or start % width or end % width:
            return None
        first, last = start - self._starts[index], end - self._starts[index]
        if not first <= last <= len(self._data[index]):
            return None
        words = self._cast(self._data[index][first:last])
        if self.byte_order == sys.byteorder:
            return words
        swapped = array(_TYPE_OF_WIDTH[width], words.tobytes())
        swapped.byteswap()
        return swapped

    def _cast(self, data: Buffer) -> memoryview[int]:
        """Returns the whole words of some bytes, in the byte order of this machine, without a copy."""
        return memoryview(data)[: len(data) // self.pointer_size * self.pointer_size].cast(
            _TYPE_OF_WIDTH[self.pointer_size]
        )


def narrow(read: WordReader, place: int, size: int, width: int, order: ByteOrder) -> Optional[int]:
    """Returns the number of `size` bytes at `place`. `read` reads words of `width` bytes; the number crosses none."""
    if size == width:
        return read(place)
    inside = place % width
    value = read(place - inside)
    shift = 8 * (inside if order == "little" else width - size - inside)
    return None if value is None else value >> shift & (1 << 8 * size) - 1


def places_of(data: bytes, pattern: bytes) -> Iterator[int]:
    """Yields where a pattern begins in some bytes, also where two overlap."""
    at = data.find(pattern)
    while at >= 0:
        yield at
        at = data.find(pattern, at + 1)


def snapshot_of(
    images: Iterable[Tuple[int, bytes]], pointer_size: int = 4, byte_order: ByteOrder = "little"
) -> Snapshot:
    """Returns a snapshot of images, which are bytes with their addresses. Drops bytes beyond the address space."""
    snapshot, top = Snapshot(pointer_size, byte_order), 1 << 8 * pointer_size
    for base, data in images:
        snapshot.add(base, data[: max(0, top - base)])
    return snapshot
