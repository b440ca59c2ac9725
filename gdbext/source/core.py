# SPDX-License-Identifier: Apache-2.0
"""Reads ELF cores: the memory that they hold, its place in the file, and their notes.

Approach: the header, the program headers and the notes are read here, and every number is checked against the file. The
bytes of a segment are taken from the file when they are asked for. A segment has only the bytes that the file holds:
fewer than its size if the file is cut off, none if the segment has no bytes in the file.
Rejected: pyelftools. GDB's Python does not have it. Reading through GDB: GDB answers bytes that the core lacks from the
program's file.
Cost: headers and notes are read at once, memory when it is asked for.
If two segments hold the same address, the one that begins first counts. A remark names the first byte that differs.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model.record import Record
from gdbext.model.said import Text, said
from gdbext.source.files import FileError
from gdbext.source.known import Range, clipped, gaps
from gdbext.source.memory import joined
from gdbext.source.overlaps import MOST_COMPARED, Bytes, Piece, differing, first_difference
from gdbext.source.snapshot import Buffer, ByteOrder

ELF_MAGIC = b"\x7fELF"
_CORE = 4
_LOAD, _NOTE = 1, 4
_MANY_SEGMENTS = 0xFFFF  # then the first section header has the number of segments
_MOST_SEGMENTS = 1 << 17  # twice what Linux lets a process have
_MOST_NOTES = 1 << 16
_LARGEST_NOTES = 64 << 20  # all together
_LARGEST_HEADER = 64
_MOST_SHARED = 4  # times that a file's bytes may stand for memory: emulators write RAM once for each of its addresses


class Note(NamedTuple):
    """One note: its owner, its kind and its bytes."""

    owner: str
    kind: int
    data: bytes


# By ELF class, for `struct`: the file's header from e_type on; a section's header up to sh_info; a program header; and
# the positions of type, offset, vaddr, paddr, filesz and memsz among the program header's fields.
_FORMATS = {
    1: ("HHIIIIIHHHHHH", "28xI", "8I", (0, 1, 2, 3, 4, 5)),
    2: ("HHIQQQIHHHHHH", "44xI", "2I6Q", (0, 2, 3, 4, 5, 6)),
}
_ORDERS: Dict[int, Tuple[str, ByteOrder]] = {1: ("<", "little"), 2: (">", "big")}


class Core(Record):
    """The contents of a core. `remarks` tell which parts could not be read."""

    pointer_size: int
    byte_order: ByteOrder
    machine: int
    segments: Tuple[Piece, ...]  # the memory that the file holds, in the order of the core
    notes: Tuple[Note, ...]
    remarks: Tuple[Text, ...]

    def note(self, owner: str, kind: int) -> Optional[bytes]:
        """Returns the data of the first note of this owner and kind, or None."""
        return next((note.data for note in self.notes if note.owner == owner and note.kind == kind), None)


def is_core(head: bytes) -> bool:
    """Returns True if a file that begins with `head` is a core."""
    order: ByteOrder = "big" if head[5:6] == b"\2" else "little"
    return head[:4] == ELF_MAGIC and int.from_bytes(head[16:18], order) == _CORE


def parse_core(data: Bytes) -> Core:
    """Returns the core in `data`. Raises FileError if there is none."""
    if data[:4] != ELF_MAGIC:
        raise FileError("this is no ELF file")
    head = data[:_LARGEST_HEADER]
    if len(head) < 16:
        raise FileError("it ends within its ELF header")
    if head[4] not in _FORMATS or head[5] not in _ORDERS:
        raise FileError("its ELF header names neither 32 nor 64 bits, or no byte order")
    mark, order = _ORDERS[head[5]]
    machine, headers, remarks = _program_headers(data, head, mark)
    segments, cut, left_out = _segments(headers, len(data), data)
    remarks += [said("core-memory-cut", left=cut)] if cut else []
    remarks += [said("core-memory-shared", left=left_out, file=len(data))] if left_out else []
    difference, whole = first_difference(segments, MOST_COMPARED)
    if difference is not None:
        place, one, other = difference
        remarks.append(said("core-overlap", place=place, one=segments[one].start, other=segments[other].start))
    elif not whole:
        remarks.append(said("core-overlap-not-compared"))
    return Core(4 * head[4], order, machine, tuple(segments), tuple(_notes(data, headers, mark)), tuple(remarks))


_ProgramHeader = Tuple[int, int, int, int, int, int]  # type, offset, vaddr, paddr, filesz, memsz


def _program_headers(data: Bytes, head: bytes, mark: str) -> Tuple[int, List[_ProgramHeader], List[Text]]:
    """Returns the machine, the program headers that the file holds, and a remark if it lacks some."""
    header, section, segment, places = _FORMATS[head[4]]
    if len(head) < 16 + struct.calcsize(mark + header):
        raise FileError("it ends within its ELF header")
    kind, machine, _, _, table, sections, _, _, step, entries = struct.unpack_from(mark + header, head, 16)[:10]
    if kind != _CORE:
        raise FileError("this is an ELF file, but no core: a program goes behind --elf")
    if entries == _MANY_SEGMENTS:
        first = data[sections : sections + struct.calcsize(mark + section)]
        if len(first) < struct.calcsize(mark + section):
            raise FileError("the number of its segments lies beyond its end")
        (entries,) = struct.unpack(mark + section, first)
    size = struct.calcsize(mark + segment)
    if entries and step < size:
        raise FileError(f"its program headers are of {step} bytes")
    room = max(0, len(data) - table - size + step) // max(step, 1)
    count = min(entries, room, _MOST_SEGMENTS)
    if entries and not count:
        raise FileError("it ends before its list of segments")
    found = []
    for position in range(count):
        place = table + position * step
        fields = struct.unpack(mark + segment, data[place : place + size])
        found.append(tuple(fields[index] for index in places))
    left = entries - count
    return machine, found, [said("core-segments-cut", left=left, all=entries)] if left else []


def _segments(headers: List[_ProgramHeader], size: int, data: Bytes) -> Tuple[List[Piece], int, int]:
    """Returns the memory that the file of `size` bytes holds; how many bytes of its segments the file lacks; and how
    many were left out because the file's bytes stand for too much memory.

    If several segments all have the virtual address 0, the physical addresses count: some emulators write such cores.
    """
    loads = [fields for fields in headers if fields[0] == _LOAD]
    physical = len(loads) > 1 and not any(fields[2] for fields in loads)
    found, missing, shared, room = [], 0, 0, size * _MOST_SHARED
    for _, offset, virtual, paddr, filesz, memsz in loads:
        start, length = paddr if physical else virtual, min(filesz, memsz)
        there = max(0, min(length, size - offset))
        present = min(there, room)
        missing, shared, room = missing + length - there, shared + there - present, room - present
        if present:
            found.append(Piece(start, start + present, offset, data))
    return found, missing, shared


def _notes(data: Bytes, headers: List[_ProgramHeader], mark: str) -> Iterator[Note]:
    """Yields the notes of all note segments; of each segment, those before the first that does not fit into it."""
    count, room = 0, _LARGEST_NOTES
    for kind, offset, _, _, filesz, _ in headers:
        if kind != _NOTE:
            continue
        segment, at = data[offset : offset + min(filesz, room)], 0
        room -= len(segment)
        while at + 12 <= len(segment) and count < _MOST_NOTES:
            name_size, size, number = struct.unpack_from(mark + "III", segment, at)
            body = at + 12 + (name_size + 3 & ~3)
            if body + size > len(segment):
                break
            owner = segment[at + 12 : at + 12 + name_size].split(b"\0")[0].decode("ascii", "replace")
            yield Note(owner, number, segment[body : body + size])
            at, count = body + (size + 3 & ~3), count + 1


class CoreSource:
    """The memory of a core as a source. The ranges in `beside` fill the gaps of the core. `left_out` are parts of the
    target's memory that the core is known to lack.
    """

    def __init__(self, core: Core, beside: Iterable[Tuple[int, bytes]] = (), left_out: Sequence[Range] = ()) -> None:
        self.left_out = left_out
        self.pointer_size = core.pointer_size
        self.byte_order = core.byte_order
        self.core = core
        self._pieces: List[Piece] = []
        self._extents: Optional[List[Range]] = None
        done = 0
        for piece in sorted(core.segments, key=lambda piece: piece.start):
            low = max(piece.start, done)
            if low < piece.end:  # the bytes of an earlier segment count
                self._pieces.append(piece._replace(start=low, offset=piece.offset + low - piece.start))
                done = piece.end
        self._starts = [piece.start for piece in self._pieces]
        for base, data in beside:
            self.add(base, data)

    def add(self, base: int, data: bytes) -> None:
        """Adds bytes at addresses that have none yet."""
        end = base + len(data)
        for low, high in gaps(clipped(self.extents(), base, end), base, end):
            self._pieces.append(Piece(low, high, low - base, data))
        self._pieces.sort(key=lambda piece: piece.start)
        self._extents = None
        self._starts = [piece.start for piece in self._pieces]

    def difference(self, base: int, data: bytes) -> Optional[int]:
        """Returns the first address at which `data` differs from the bytes of this source, or None."""
        piece = Piece(base, base + len(data), 0, data)
        index = max(0, bisect_right(self._starts, base) - 1)
        while index < len(self._pieces) and self._pieces[index].start < piece.end:
            at = differing(self._pieces[index], piece)
            if at is not None:
                return at
            index += 1
        return None

    def extents(self) -> List[Range]:
        """Returns start and end of every range of memory, in order. Ranges that touch are joined."""
        if self._extents is None:
            self._extents = joined([(piece.start, piece.end) for piece in self._pieces])
        return self._extents

    def blocks(self, start: int, end: int) -> List[Range]:
        """Returns the outermost of the core's own segments within start..end. Each may be a block."""
        inside = sorted((low, -high) for low, high, _, _ in self.core.segments if start <= low and high <= end)
        found: List[Range] = []
        for low, high in inside:
            if not found or low >= found[-1][1]:
                found.append((low, -high))
        return found

    def view(self, address: int, length: int) -> Optional[memoryview]:
        """Returns bytes that lie in one piece, without a copy; None if they do not."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address + length > self._pieces[index].end:
            return None
        start, _, offset, data = self._pieces[index]
        return memoryview(data)[offset + address - start : offset + address - start + length]

    def read(self, address: int, length: int) -> Optional[Buffer]:
        """Returns exactly `length` bytes, or None. They are copied only if they lie in several pieces."""
        parts: List[Buffer] = []
        index, at, end = bisect_right(self._starts, address) - 1, address, address + length
        while at < end:
            if not 0 <= index < len(self._pieces) or not self._pieces[index][0] <= at < self._pieces[index][1]:
                return None
            start, stop, offset, data = self._pieces[index]
            parts.append(memoryview(data)[offset + at - start : offset + min(end, stop) - start])
            at, index = min(end, stop), index + 1
        return parts[0] if len(parts) == 1 else b"".join(parts)
