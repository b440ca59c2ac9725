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
from dataclasses import dataclass
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.source.overlaps import MOST_COMPARED, Bytes, Piece, differing, first_difference
from gdbext.source.snapshot import ByteOrder

ELF_MAGIC = b"\x7fELF"
_CORE = 4
_LOAD, _NOTE = 1, 4
_MANY_SEGMENTS = 0xFFFF  # the number stands in the first section header
_MOST_SEGMENTS = 1 << 20
_MOST_NOTES = 1 << 16
_LARGEST_NOTES = 64 << 20


class CoreError(ValueError):
    """This is no core that can be read; the text says why."""


class Segment(NamedTuple):
    """Memory from start to end, as far as the file holds it, and its place in the file."""

    start: int
    end: int
    offset: int


class Note(NamedTuple):
    """One note: whose, which, and its bytes."""

    owner: str
    kind: int
    data: bytes


class _Format(NamedTuple):
    """Where the fields of one ELF class are, for `struct`."""

    header: str  # e_type, e_machine, e_version, e_entry, e_phoff, e_shoff, e_flags, e_ehsize, e_phentsize, e_phnum, ...
    segment: str
    fields: Tuple[int, ...]  # of a program header: type, offset, vaddr, paddr, filesz, memsz
    many: str  # of a section header, up to sh_info


_FORMATS = {
    1: _Format("HHIIIIIHHHHHH", "8I", (0, 1, 2, 3, 4, 5), "28xI"),
    2: _Format("HHIQQQIHHHHHH", "2I6Q", (0, 2, 3, 4, 5, 6), "44xI"),
}
_ORDERS = {1: "<", 2: ">"}
_ORDER_NAMES: Tuple[Tuple[str, ByteOrder], ...] = (("<", "little"), (">", "big"))


@dataclass(frozen=True)
class Core:
    """What a core says of itself. `remarks`: what of it could not be read."""

    pointer_size: int
    byte_order: ByteOrder
    machine: int
    segments: Tuple[Segment, ...]  # in the order of the core
    notes: Tuple[Note, ...]
    remarks: Tuple[str, ...]

    def note(self, owner: str, kind: int) -> Optional[bytes]:
        """The first note of this owner and kind."""
        return next((note.data for note in self.notes if note.owner == owner and note.kind == kind), None)


class _Header(NamedTuple):
    kind: int
    machine: int
    table: int
    sections: int
    entry_size: int
    entries: int


def is_core(head: bytes) -> bool:
    """Whether a file that begins so is a core."""
    order: ByteOrder = "big" if head[5:6] == b"\2" else "little"
    return head[:4] == ELF_MAGIC and int.from_bytes(head[16:18], order) == _CORE


def parse_core(data: Bytes) -> Core:
    """The core in `data`, or CoreError."""
    if data[:4] != ELF_MAGIC:
        raise CoreError("this is no ELF file")
    if len(data) < 16:
        raise CoreError("it ends within its ELF header")
    shape, mark = _FORMATS.get(data[4]), _ORDERS.get(data[5])
    if shape is None or mark is None:
        raise CoreError("its ELF header names neither 32 nor 64 bits, or no byte order")
    header = _header(data, shape, mark)
    if header.kind != _CORE:
        raise CoreError("this is an ELF file, but no core: a program goes behind --elf")
    raw, remarks = _program_headers(data, header, shape, mark)
    segments, more = _segments(raw, len(data))
    more += _overlaps(data, segments)
    notes = tuple(_notes(data, raw, mark))
    return Core(4 * data[4], dict(_ORDER_NAMES)[mark], header.machine, segments, notes, (*remarks, *more))


def _header(data: Bytes, shape: _Format, mark: str) -> _Header:
    try:
        fields = struct.unpack_from(mark + shape.header, data, 16)
    except struct.error:
        raise CoreError("it ends within its ELF header") from None
    kind, machine, _, _, table, sections, _, _, entry_size, entries = fields[:10]
    if entries == _MANY_SEGMENTS:
        try:
            (entries,) = struct.unpack_from(mark + shape.many, data, sections)
        except struct.error:
            raise CoreError("the number of its segments lies beyond its end") from None
    return _Header(kind, machine, table, sections, entry_size, entries)


_Raw = Tuple[int, int, int, int, int, int]  # type, offset, vaddr, paddr, filesz, memsz


def _program_headers(data: Bytes, header: _Header, shape: _Format, mark: str) -> Tuple[List[_Raw], List[str]]:
    """The program headers that are there; and what is said where some are not."""
    size = struct.calcsize(mark + shape.segment)
    if header.entries and header.entry_size < size:
        raise CoreError(f"its program headers are of {header.entry_size} bytes")
    room = max(0, len(data) - header.table - size + header.entry_size) // max(header.entry_size, 1)
    count = min(header.entries, room, _MOST_SEGMENTS)
    if header.entries and not count:
        raise CoreError("it ends before its list of segments")
    found = []
    for position in range(count):
        fields = struct.unpack_from(mark + shape.segment, data, header.table + position * header.entry_size)
        found.append(tuple(fields[index] for index in shape.fields))
    left = header.entries - count
    return found, [f"the core is cut off: {left:,} of its {header.entries:,} segments are not listed"] if left else []


def _segments(raw: List[_Raw], size: int) -> Tuple[Tuple[Segment, ...], List[str]]:
    """Memory that the file holds. An emulator's dump of physical memory may have no virtual addresses."""
    loads = [fields for fields in raw if fields[0] == _LOAD]
    physical = len(loads) > 1 and not any(fields[2] for fields in loads)
    found, promised = [], 0
    for _, offset, virtual, paddr, filesz, memsz in loads:
        start, length = paddr if physical else virtual, min(filesz, memsz)
        held = max(0, min(length, size - offset))
        promised += length - held
        if held:
            found.append(Segment(start, start + held, offset))
    cut = f"the core is cut off: {promised:,} bytes of memory that it lists are not in the file"
    return tuple(found), [cut] if promised else []


def _overlaps(data: Bytes, segments: Tuple[Segment, ...]) -> List[str]:
    """What is said where segments hold other bytes at the same addresses."""
    difference, whole = first_difference([Piece(*segment, data) for segment in segments], MOST_COMPARED)
    if difference is not None:
        one, other = segments[difference.one], segments[difference.other]
        at = f"{difference.address:#x}: the one from {one.start:#x} on counts, not the one from {other.start:#x} on"
        return [f"segments of the core hold different bytes at the same addresses, first at {at}"]
    why = "segments of the core overlap so much that they were not all compared: those that begin first count"
    return [] if whole else [why]


def _notes(data: Bytes, raw: List[_Raw], mark: str) -> Iterator[Note]:
    """The notes of all note segments, up to the first that cannot be."""
    count = 0
    for kind, offset, _, _, filesz, _ in raw:
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

    def __init__(self, data: Bytes, core: Core, beside: Iterable[Tuple[int, bytes]] = ()) -> None:
        self.pointer_size = core.pointer_size
        self.byte_order = core.byte_order
        self.core = core
        self._extents: Optional[List[Tuple[int, int]]] = None
        self._pieces = list(_without_overlaps(Piece(*segment, data) for segment in core.segments))
        for base, more in beside:
            self.add(base, more)
        self._starts = [piece[0] for piece in self._pieces]

    def add(self, base: int, data: bytes) -> None:
        """Adds bytes where there are none."""
        low, gaps = base, []
        for start, end, _, _ in self._pieces:
            gaps.append((low, min(start, base + len(data))))
            low = max(low, end)
        gaps.append((low, base + len(data)))
        self._pieces += [Piece(low, high, low - base, data) for low, high in gaps if low < high]
        self._pieces.sort(key=lambda piece: piece.start)
        self._extents = None
        self._starts = [piece[0] for piece in self._pieces]

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

    def extents(self) -> List[Tuple[int, int]]:
        """Start and end of every range that there is, in order; ranges that touch are one."""
        if self._extents is None:
            self._extents = _joined(self._pieces)
        return self._extents

    def blocks(self, start: int, end: int) -> List[Tuple[int, int]]:
        """The core's own segments in start..end, the outermost: each may be a block."""
        inside = sorted((low, -high) for low, high, _ in self.core.segments if start <= low and high <= end)
        found: List[Tuple[int, int]] = []
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


def _joined(pieces: List[Piece]) -> List[Tuple[int, int]]:
    joined: List[Tuple[int, int]] = []
    for start, end, _, _ in pieces:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _without_overlaps(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces in address order, each without what one before it has already."""
    done = 0
    for start, end, offset, data in sorted(pieces, key=lambda piece: piece[0]):
        low = max(start, done)
        if low < end:
            yield Piece(low, end, offset + low - start, data)
            done = end
