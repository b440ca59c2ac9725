# SPDX-License-Identifier: Apache-2.0
"""ELF cores: which memory they hold, where in the file it lies, and their notes.

Approach: the header, the program headers and the notes are read here, with every number checked against the file; the
bytes of a segment are taken from the file when they are asked for. What a segment promises and the file does not hold
(the file is cut off, or the segment has no bytes in it) is not there.
Rejected: pyelftools (GDB's Python has none, and in GDB too a core must be read past GDB, which answers what the core
lacks from the program's file).
Cost: headers and notes at once, then what is asked for; a core of gigabytes is mapped, not read.
Where two segments hold the same address, the one that begins first counts; bytes that differ are said.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.said import Text, said
from gdbext.source.files import FileError
from gdbext.source.known import Range, clipped, gaps
from gdbext.source.memory import joined
from gdbext.source.overlaps import MOST_COMPARED, Bytes, Piece, differing, first_difference
from gdbext.source.snapshot import ByteOrder

ELF_MAGIC = b"\x7fELF"
_CORE = 4
_LOAD, _NOTE = 1, 4
_MANY_SEGMENTS = 0xFFFF  # the number stands in the first section header
_MOST_SEGMENTS = 1 << 20
_MOST_NOTES = 1 << 16
_LARGEST_NOTES = 64 << 20


class Note(NamedTuple):
    """One note: whose, which, and its bytes."""

    owner: str
    kind: int
    data: bytes


# By ELF class, for `struct`: the file's header from e_type on; a section's header up to sh_info; a program header; and
# where in that its type, offset, vaddr, paddr, filesz and memsz stand.
_FORMATS = {
    1: ("HHIIIIIHHHHHH", "28xI", "8I", (0, 1, 2, 3, 4, 5)),
    2: ("HHIQQQIHHHHHH", "44xI", "2I6Q", (0, 2, 3, 4, 5, 6)),
}
_ORDERS: Dict[int, Tuple[str, ByteOrder]] = {1: ("<", "little"), 2: (">", "big")}


class Core(Record):
    """What a core says of itself. `remarks`: what of it could not be read."""

    pointer_size: int
    byte_order: ByteOrder
    machine: int
    segments: Tuple[Piece, ...]  # memory, as far as the file holds it, in the order of the core
    notes: Tuple[Note, ...]
    remarks: Tuple[Text, ...]

    def note(self, owner: str, kind: int) -> Optional[bytes]:
        """The first note of this owner and kind."""
        return next((note.data for note in self.notes if note.owner == owner and note.kind == kind), None)


def is_core(head: bytes) -> bool:
    """Whether a file that begins so is a core."""
    order: ByteOrder = "big" if head[5:6] == b"\2" else "little"
    return head[:4] == ELF_MAGIC and int.from_bytes(head[16:18], order) == _CORE


def parse_core(data: Bytes) -> Core:
    """The core in `data`, or FileError."""
    if data[:4] != ELF_MAGIC:
        raise FileError("this is no ELF file")
    if len(data) < 16:
        raise FileError("it ends within its ELF header")
    if data[4] not in _FORMATS or data[5] not in _ORDERS:
        raise FileError("its ELF header names neither 32 nor 64 bits, or no byte order")
    mark, order = _ORDERS[data[5]]
    machine, headers, remarks = _program_headers(data, mark)
    segments, left = _segments(headers, data)
    if left:
        remarks.append(said("core-memory-cut", left=left))
    difference, whole = first_difference(segments, MOST_COMPARED)
    if difference is not None:
        one, other = segments[difference.one], segments[difference.other]
        remarks.append(said("core-overlap", place=difference.address, one=one.start, other=other.start))
    elif not whole:
        remarks.append(said("core-overlap-not-compared"))
    return Core(4 * data[4], order, machine, tuple(segments), tuple(_notes(data, headers, mark)), tuple(remarks))


_ProgramHeader = Tuple[int, int, int, int, int, int]  # type, offset, vaddr, paddr, filesz, memsz


def _program_headers(data: Bytes, mark: str) -> Tuple[int, List[_ProgramHeader], List[Text]]:
    """The machine, and the program headers that are there; and what is said where some are not."""
    header, section, segment, places = _FORMATS[data[4]]
    if len(data) < 16 + struct.calcsize(mark + header):
        raise FileError("it ends within its ELF header")
    kind, machine, _, _, table, sections, _, _, step, entries = struct.unpack_from(mark + header, data, 16)[:10]
    if kind != _CORE:
        raise FileError("this is an ELF file, but no core: a program goes behind --elf")
    if entries == _MANY_SEGMENTS:
        if len(data) < sections + struct.calcsize(mark + section):
            raise FileError("the number of its segments lies beyond its end")
        (entries,) = struct.unpack_from(mark + section, data, sections)
    size = struct.calcsize(mark + segment)
    if entries and step < size:
        raise FileError(f"its program headers are of {step} bytes")
    room = max(0, len(data) - table - size + step) // max(step, 1)
    count = min(entries, room, _MOST_SEGMENTS)
    if entries and not count:
        raise FileError("it ends before its list of segments")
    found = []
    for position in range(count):
        fields = struct.unpack_from(mark + segment, data, table + position * step)
        found.append(tuple(fields[index] for index in places))
    left = entries - count
    return machine, found, [said("core-segments-cut", left=left, all=entries)] if left else []


def _segments(headers: List[_ProgramHeader], data: Bytes) -> Tuple[List[Piece], int]:
    """Memory that the file holds, and how many bytes of it are missing.

    An emulator's dump of physical memory may have no virtual addresses.
    """
    loads = [fields for fields in headers if fields[0] == _LOAD]
    physical = len(loads) > 1 and not any(fields[2] for fields in loads)
    found, left = [], 0
    for _, offset, virtual, paddr, filesz, memsz in loads:
        start, length = paddr if physical else virtual, min(filesz, memsz)
        held = max(0, min(length, len(data) - offset))
        left += length - held
        if held:
            found.append(Piece(start, start + held, offset, data))
    return found, left


def _notes(data: Bytes, headers: List[_ProgramHeader], mark: str) -> Iterator[Note]:
    """The notes of all note segments, up to the first that cannot be."""
    count = 0
    for kind, offset, _, _, filesz, _ in headers:
        if kind != _NOTE:
            continue
        held, at = data[offset : offset + min(filesz, _LARGEST_NOTES)], 0
        while at + 12 <= len(held) and count < _MOST_NOTES:
            name_size, size, number = struct.unpack_from(mark + "III", held, at)
            body = at + 12 + (name_size + 3 & ~3)
            if body + size > len(held):
                break
            owner = held[at + 12 : at + 12 + name_size].split(b"\0")[0].decode("ascii", "replace")
            yield Note(owner, number, held[body : body + size])
            at, count = body + (size + 3 & ~3), count + 1


class CoreSource:
    """The memory of a core as a source; ranges beside it count where it has none."""

    def __init__(self, core: Core, beside: Iterable[Tuple[int, bytes]] = ()) -> None:
        self.pointer_size = core.pointer_size
        self.byte_order = core.byte_order
        self.core = core
        self._pieces: List[Piece] = []
        self._extents: Optional[List[Range]] = None
        done = 0
        for piece in sorted(core.segments, key=lambda piece: piece.start):
            low = max(piece.start, done)
            if low < piece.end:  # what a segment before it has counts
                self._pieces.append(piece._replace(start=low, offset=piece.offset + low - piece.start))
                done = piece.end
        self._starts = [piece.start for piece in self._pieces]
        for base, data in beside:
            self.add(base, data)

    def add(self, base: int, data: bytes) -> None:
        """Adds bytes where there are none."""
        end = base + len(data)
        for low, high in gaps(clipped(self.extents(), base, end), base, end):
            self._pieces.append(Piece(low, high, low - base, data))
        self._pieces.sort(key=lambda piece: piece.start)
        self._extents = None
        self._starts = [piece.start for piece in self._pieces]

    def difference(self, base: int, data: bytes) -> Optional[int]:
        """The first address at which bytes are others than those that are here; None: there is none."""
        piece = Piece(base, base + len(data), 0, data)
        index = max(0, bisect_right(self._starts, base) - 1)
        while index < len(self._pieces) and self._pieces[index].start < piece.end:
            at = differing(self._pieces[index], piece)
            if at is not None:
                return at
            index += 1
        return None

    def extents(self) -> List[Range]:
        """Start and end of every range that there is, in order; ranges that touch are one."""
        if self._extents is None:
            self._extents = joined([(piece.start, piece.end) for piece in self._pieces])
        return self._extents

    def blocks(self, start: int, end: int) -> List[Range]:
        """The core's own segments in start..end, the outermost: each may be a block."""
        inside = sorted((low, -high) for low, high, _, _ in self.core.segments if start <= low and high <= end)
        found: List[Range] = []
        for low, high in inside:
            if not found or low >= found[-1][1]:
                found.append((low, -high))
        return found

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Exactly `length` bytes, or None."""
        parts: List[bytes] = []
        index, at, end = bisect_right(self._starts, address) - 1, address, address + length
        while at < end:
            if not 0 <= index < len(self._pieces) or not self._pieces[index][0] <= at < self._pieces[index][1]:
                return None
            start, stop, offset, data = self._pieces[index]
            parts.append(data[offset + at - start : offset + min(end, stop) - start])
            at, index = min(end, stop), index + 1
        return b"".join(parts)
