# SPDX-License-Identifier: Apache-2.0
"""Reads of an ELF file what tells it from others: build-id, code, sections, the file with its debug information.

Approach: the headers alone, with the standard library. An answer from the cache needs no more.
Rejected: pyelftools (its import alone takes more time than 1,000 answers from the cache).
Cost: some 5 small reads.
Assumptions: nothing that the file says is true. Counts and sizes are bounded before anything is read.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import struct
import zlib
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Tuple

from gdbext.source.files import LARGEST_FILE, FileError

_MOST_SECTIONS, _MOST_SEGMENTS, _LARGEST_ENTRY = 1 << 12, 1 << 8, 1 << 8
_MOST_NAMES, _LARGEST_NOTE = 1 << 16, 1 << 16
_PIECE_BYTES = 1 << 20
_LONGEST_ID = 64  # bytes of a build-id
_LOADED, _NOTES, _CODE = 1, 4, 1  # of a segment
_NO_BYTES = 8  # type of a section
_PACKED = 0x800  # flag of a section
_BUILD_ID = 3  # type of the note
_CORE = 4  # type of the file


class Section(NamedTuple):
    """A section that has bytes in the file."""

    offset: int
    size: int
    flags: int = 0
    address: int = 0


class Head(NamedTuple):
    """What the headers of an ELF file say."""

    path: str
    machine: int
    big_endian: bool
    wide: bool  # of 64 bits
    build_id: Optional[str]
    code: Tuple[Tuple[int, int], ...]  # the addresses of executable segments: first, and behind the last
    sections: Dict[str, Section]
    identity: str  # another one for other contents: a hash
    offsets: Tuple[int, ...] = ()  # of executable segments in the file

    @property
    def has_lines(self) -> bool:
        """True if the file has debug information."""
        return ".debug_info" in self.sections or ".zdebug_info" in self.sections

    @property
    def has_symbols(self) -> bool:
        """True if the file names its functions, or some of them."""
        return not self.sections.keys().isdisjoint((".symtab", ".dynsym", ".gnu_debugdata"))

    def holds(self, place: int) -> bool:
        """Tells whether a place as linked lies in the file's code."""
        return any(start <= place < end for start, end in self.code)


def head_of(path: str) -> Head:
    """Reads the headers of an ELF file. Raises FileError if it is none."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block, a device has no end
            raise FileError(f"{path} is no file of its own")
        with open(path, "rb") as file:
            return _Reader(path, file).head()
    except FileError:
        raise
    except (OSError, ValueError, OverflowError) as problem:
        raise FileError(f"{path}: {getattr(problem, 'strerror', None) or problem}") from None
    except struct.error:
        raise FileError(f"{path} is no ELF file: its header is cut off") from None


def section_bytes(head: Head, name: str, most: int = LARGEST_FILE) -> bytes:
    """Returns the bytes of a section, unpacked; none if it has none, or more than `most`, or is packed otherwise."""
    section = head.sections.get(name)
    if section is None or section.size > most:
        return b""
    with open(head.path, "rb") as file:
        file.seek(section.offset)
        data = file.read(min(section.size, os.fstat(file.fileno()).st_size))
    if not section.flags & _PACKED:
        return data
    try:
        return zlib.decompressobj().decompress(data[24 if head.wide else 12 :], most)
    except zlib.error:
        return b""


def section_view(head: Head, name: str) -> memoryview:
    """Returns the bytes of a section of which few will be looked at: they are mapped, if they are not packed."""
    section = head.sections.get(name)
    if section is None or section.flags & _PACKED:
        return memoryview(section_bytes(head, name))
    with open(head.path, "rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return whole[section.offset : section.offset + section.size]


def sha256_of(path: str) -> Optional[str]:
    """Returns the name of a file without build-id, as ESP-IDF's programs have it. None: it cannot be read."""
    made = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE_BYTES), b""):
                made.update(piece)
    except OSError:
        return None
    return made.hexdigest()


class _Reader:
    """An open ELF file."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path, self._file = path, file
        start = file.read(64)
        if start[:4] != b"\x7fELF":
            raise FileError(f"{path} is no ELF file")
        self._wide, self._mark = start[4:5] == b"\2", ">" if start[5:6] == b"\2" else "<"
        self._kind, self._machine = self._unpack("HH", start[16:])
        self._segments, self._sections = self._unpack("QQ" if self._wide else "II", start[32 if self._wide else 28 :])
        self._counts = self._unpack("HHHHH", start[54 if self._wide else 42 :])

    def _unpack(self, shape: str, data: bytes) -> Tuple[int, ...]:
        return struct.unpack_from(self._mark + shape, data)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def head(self) -> Head:
        if self._kind == _CORE:
            raise FileError(f"{self._path} is a core, not the program: give the core without --elf")
        segment_size, segments, section_size, sections, names = self._counts
        if max(segment_size, section_size) > _LARGEST_ENTRY:
            raise FileError(f"{self._path} is no ELF file: the entries of its tables are too large")
        table = self._read(self._sections, section_size * min(sections, _MOST_SECTIONS))
        found = self._named(table, section_size, names)
        notes, code, offsets = [], [], []
        for kind, flags, offset, address, size, length in self._program(segment_size, min(segments, _MOST_SEGMENTS)):
            notes += [Section(offset, size)] if kind == _NOTES else []
            if kind == _LOADED and flags & _CODE:
                code.append((address, address + length))
                offsets.append(offset)
        notes += [found[".note.gnu.build-id"]] if ".note.gnu.build-id" in found else []
        build_id = next(filter(None, map(self._build_id, notes)), None)
        return Head(
            self._path,
            self._machine,
            self._mark == ">",
            self._wide,
            build_id,
            tuple(code),
            found,
            self._identity(table, build_id),
            tuple(offsets),
        )

    def _identity(self, table: bytes, build_id: Optional[str]) -> str:
        """Without a build-id, files are told apart by what the file system says of them."""
        status = os.fstat(self._file.fileno())
        told: Tuple[object, ...] = (build_id, status.st_size)
        if build_id is None:
            told += status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
        return hashlib.sha256(repr(told).encode() + table).hexdigest()

    def _program(self, size: int, count: int) -> List[Tuple[int, ...]]:
        """Returns type, flags, offset, address, size in the file and in memory of each segment."""
        least = struct.calcsize("IIQQQQQQ" if self._wide else "8I")
        if size < least:
            return []
        data = self._read(self._segments, size * count)
        found: List[Tuple[int, ...]] = []
        for start in range(0, len(data) - least + 1, size):
            if self._wide:
                kind, flags, offset, address, _, length, memory = self._unpack("IIQQQQQ", data[start : start + least])
            else:
                kind, offset, address, _, length, memory, flags = self._unpack("7I", data[start : start + least])
            found.append((kind, flags, offset, address, length, memory))
        return found

    def _named(self, table: bytes, size: int, names: int) -> Dict[str, Section]:
        shape = "IIQQQQII" if self._wide else "8I"
        least = struct.calcsize(shape)
        if size < least:
            return {}
        rows = [self._unpack(shape, table[start : start + least]) for start in range(0, len(table) - least + 1, size)]
        if names >= len(rows):
            return {}
        texts = self._read(rows[names][4], min(rows[names][5], _MOST_NAMES))
        found: Dict[str, Section] = {}
        for name, kind, flags, address, offset, length, _, _ in rows:
            if kind != _NO_BYTES and length:
                found.setdefault(_text_at(texts, name), Section(offset, length, flags, address))
        return found

    def _build_id(self, section: Section) -> Optional[str]:
        data, at = self._read(section.offset, min(section.size, _LARGEST_NOTE)), 0
        while at + 12 <= len(data):
            name, size, kind = self._unpack("III", data[at : at + 12])
            start = at + 12 + (name + 3 & ~3)
            if kind == _BUILD_ID and data[at + 12 : at + 16] == b"GNU\0" and 0 < size <= _LONGEST_ID:
                return data[start : start + size].hex() or None
            at = start + (size + 3 & ~3)
        return None


def _text_at(texts: bytes, start: int) -> str:
    return texts[start : texts.find(b"\0", start)].decode("ascii", "replace")
