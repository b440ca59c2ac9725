# SPDX-License-Identifier: Apache-2.0
"""Reads a program's ELF file: symbols by name and by address, the build-id, code and constants.

Approach: pyelftools reads the headers, a SymbolTable the symbols. A PIE runs at other addresses than it was linked for:
`bias` is the distance, from its core.
Cost: some 70 ms, most of it for pyelftools itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from itertools import islice
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple

from gdbext.model.said import Text, said
from gdbext.source.files import LARGEST_FILE, FileError
from gdbext.source.memory import joined
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.code import Sample, code_samples
from gdbext.symbols.elf_bounds import bytes_of, sections_of
from gdbext.symbols.symbol_table import FUNCTION, OBJECT, SymbolTable

_MOST_LIBRARIES = 256
_WRITTEN, _ALLOCATED, _CODE = 1, 2, 4  # flags of a section
_MOST_SECTIONS = 1 << 12  # a linked program has some dozens
_PIECE_BYTES = 1 << 20
_LARGEST_NOTE = 1 << 16


class ElfFile:
    """The program that `--elf` names. `data` is what to read in its place, such as a table that is packed in it."""

    def __init__(self, path: str, data: Optional[bytes] = None) -> None:
        self.path = path
        self.bias = 0
        self.elf = _open(path, data)
        self.file_size = self.elf.stream.seek(0, os.SEEK_END)
        self.remarks: List[Text] = []  # about the damage in it
        self.entry = int(self.elf.header.e_entry)  # without the bias
        self.pointer_size = self.elf.elfclass // 8
        self.byte_order: ByteOrder = "little" if self.elf.little_endian else "big"
        self.table = SymbolTable()
        self._by_name: Dict[bytes, int] = {}
        self.all_sections: List[Any] = []
        try:
            self.all_sections = sections_of(self.elf, _MOST_SECTIONS)
            self.table = self._symbols()
        except Exception:  # on a damaged file pyelftools raises any kind of exception
            self.remarks.append(said("symbols-damaged", file=path))

    def _symbols(self) -> SymbolTable:
        found = (section for name in (".symtab", ".dynsym") for section in self._named(name))
        table = next(found, None)
        if table is None:
            return SymbolTable()
        names = bytes_of(self.elf.get_section(table["sh_link"]), self.file_size)
        headers = (section.header for section in self.all_sections)
        code = joined([(one.sh_addr, one.sh_addr + one.sh_size) for one in headers if one.sh_flags & _CODE])
        mark = "<" if self.elf.little_endian else ">"
        return SymbolTable(bytes_of(table, self.file_size), names, self.pointer_size == 8, mark, code)

    def _named(self, name: str) -> List[Any]:
        return [section for section in self.all_sections if section.name == name]

    @property
    def has_symbols(self) -> bool:
        """True if the file has a table of symbols. Those of a stripped file name shared libraries' alone."""
        return bool(self._named(".symtab"))

    def address_of(self, name: str) -> Optional[int]:
        """Returns the address of a symbol in the running program, or None."""
        if not self._by_name:
            self._by_name = {self.table.name_bytes(one): one.address for one in self.table.symbols}
        address = self._by_name.get(name.encode())
        return None if address is None else address + self.bias

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Yields name, address and size of every variable that has a symbol."""
        for symbol in self.table.symbols:
            if symbol.kind == OBJECT:
                yield self.table.name(symbol), symbol.address + self.bias, symbol.size

    def libraries(self) -> List[str]:
        """Returns the names of the shared libraries that the program asks for."""
        try:
            tags = (tag for section in self._named(".dynamic") for tag in section.iter_tags("DT_NEEDED"))
            return [str(tag.needed) for tag in islice(tags, _MOST_LIBRARIES)]
        except Exception:  # on a damaged file pyelftools raises any kind of exception
            return []

    def code(self) -> List[Sample]:
        """Returns samples of the program's code."""
        return [(address + self.bias, data) for address, data in code_samples(self.path)]

    def size_of(self, name: str) -> Optional[int]:
        """Returns the size of a variable in bytes, or None."""
        return next((size for one, _, size in self.objects() if one == name), None)

    def function_at(self, address: int) -> Optional[str]:
        """Returns the name of the function that contains an address, or None."""
        return self.table.function_at(address - self.bias)

    def name_at(self, address: int) -> Optional[str]:
        """Returns the variable or function that contains an address, as NAME or NAME+OFFSET, or None."""
        place = address - self.bias
        known = (one for one in self.table.symbols if one.kind in (OBJECT, FUNCTION))
        found = next((one for one in known if 0 <= place - one.address < one.size), None)
        offset = 0 if found is None else place - found.address
        return None if found is None else self.table.name(found) + (f"+{offset}" if offset else "")

    def sections(self) -> List[Tuple[int, int, bool]]:
        """Returns start and end of every section that has memory, and True if the program writes to it."""
        headers = (section.header for section in self.all_sections)
        shown = (one for one in headers if one.sh_flags & _ALLOCATED and one.sh_size)
        return [
            (one.sh_addr + self.bias, one.sh_addr + self.bias + one.sh_size, bool(one.sh_flags & _WRITTEN))
            for one in shown
        ]

    def constant(self, name: str) -> Optional[bytes]:
        """Returns the bytes of a constant variable from the file, or None."""
        found = next((one for one in self.objects() if one[0] == name), None)
        if found is None:
            return None
        for section in self.all_sections:  # linkers put constants into sections that may be written, too
            start, data = section.header.sh_addr + self.bias, section.header
            if data.sh_type == "SHT_PROGBITS" and start <= found[1] and found[1] + found[2] <= start + data.sh_size:
                return _bytes_in(section, self.file_size)[found[1] - start :][: found[2]] or None
        return None

    def build_id(self) -> Optional[str]:
        """Returns the build-id as hex, or None if the file has none."""
        sections = self._named(".note.gnu.build-id")
        data = _bytes_in(sections[0], _LARGEST_NOTE) if sections else b""
        if len(data) < 16:
            return None
        name, size = struct.unpack_from("<II" if self.elf.little_endian else ">II", data)
        return data[12 + (name + 3 & ~3) :][:size].hex() or None

    def sha256(self) -> str:
        """Returns the SHA-256 of the whole file. Cores of ESP-IDF name their program by it."""
        digest, stream = hashlib.sha256(), self.elf.stream
        stream.seek(0)
        for piece in iter(lambda: stream.read(_PIECE_BYTES), b""):
            digest.update(piece)
        return digest.hexdigest()

    def writable(self) -> List[Tuple[str, int, int]]:
        """Returns name, start and end of the sections that the program writes to."""
        sections = ((one.name, one.header) for one in self.all_sections if one.header.sh_flags & 3 == 3)
        spans = ((name, head.sh_addr + self.bias, head.sh_size) for name, head in sections)
        return [(name, start, start + size) for name, start, size in spans if size]

    def constants(self) -> List[Tuple[int, bytes]]:
        """Returns the read-only sections, code and constants, with their addresses. Cores leave them out."""
        found, left = [], min(self.file_size, LARGEST_FILE)
        for one in self.all_sections:
            if one.header.sh_type == "SHT_PROGBITS" and one.header.sh_flags & 3 == _ALLOCATED:
                found.append((one.header.sh_addr + self.bias, _bytes_in(one, left)))
                left -= len(found[-1][1])
        return found


def _bytes_in(section: Any, most: int) -> bytes:
    """Returns the bytes of a section; none if they cannot be read, or would be more than `most`."""
    try:
        return bytes_of(section, most)
    except Exception:  # on a damaged file pyelftools raises any kind of exception
        return b""


def _open(path: str, data: Optional[bytes]) -> Any:
    """Opens a program with pyelftools. Raises FileError if it is none."""
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise FileError("--elf needs pyelftools: pip install pyelftools") from None
    try:
        # pyelftools keeps reading from it
        file: BinaryIO = open(path, "rb") if data is None else io.BytesIO(data)  # noqa: SIM115
    except OSError as problem:
        raise FileError(f"{path}: {problem.strerror}") from None
    try:
        elf = ELFFile(file)
        kind = elf.header.e_type
    except (ELFError, Exception) as problem:
        file.close()
        raise FileError(f"{path} is no ELF file: {problem or 'its header is cut off'}") from None
    if kind == "ET_CORE":
        file.close()
        raise FileError(f"{path} is a core, not the program: give the core without --elf")
    return elf
