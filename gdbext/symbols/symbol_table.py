# SPDX-License-Identifier: Apache-2.0
"""A table of symbols of an ELF file: names, sizes, and which function an address lies in.

Approach: the table is decoded in one pass over its bytes, and names only when they are asked for. Functions are sorted
once by address.
Rejected: the symbols of pyelftools. They cost 20 microseconds each, and a program has 30,000.
Cost: some 10 ms for 30,000 symbols.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import List, NamedTuple, Optional, Sequence, Tuple

from gdbext.source.known import clipped
from gdbext.source.memory import joined
from gdbext.symbols.elf_head import Head, section_bytes

FUNCTION, OBJECT = 2, 1  # kinds of symbols
_NO_TYPE = 0
_EXECUTED = 4  # flag of a section
_UNDEFINED = 0
_MOST_SYMBOLS = 1 << 20
_LONGEST_NAME = 1 << 14
_MAPPING = ("$", ".L")  # prefixes of symbols that the assembler makes


class Symbol(NamedTuple):
    """A symbol, with the address that it was linked for."""

    address: int
    size: int
    kind: int
    name: int  # its offset in the string table


class SymbolTable:
    """The symbols that a table's bytes hold. `mark` is the byte order as in struct, `code` where functions may be."""

    def __init__(
        self,
        data: bytes = b"",
        names: bytes = b"",
        wide: bool = False,
        mark: str = "<",
        code: Sequence[Tuple[int, int]] = (),
    ) -> None:
        self._names = names
        self.symbols: List[Symbol] = []
        shape = mark + ("IBBHQQ" if wide else "IIIBBH")
        size = struct.calcsize(shape)
        for fields in struct.iter_unpack(shape, data[: min(_MOST_SYMBOLS, len(data) // size) * size]):
            name, address, length, info, _, section = (
                (fields[0], fields[4], fields[5], fields[1], 0, fields[3]) if wide else fields
            )
            if section != _UNDEFINED and name:
                self.symbols.append(Symbol(address, length, info & 0xF, name))
        functions = [symbol for symbol in self.symbols if symbol.kind == FUNCTION]
        for symbol in self.symbols:  # functions of assembler sources may have no type
            inside = symbol.kind == _NO_TYPE and clipped(code, symbol.address, symbol.address + 1)
            if inside and not self.name(symbol).startswith(_MAPPING):
                functions.append(symbol)
        self.functions = sorted(functions, key=lambda symbol: (symbol.address, symbol.kind == FUNCTION))
        self._starts = [symbol.address for symbol in self.functions]

    def name(self, symbol: Symbol) -> str:
        """Returns a symbol's name."""
        return self.name_bytes(symbol).decode("utf-8", "replace")

    def name_bytes(self, symbol: Symbol) -> bytes:
        """Returns a symbol's name as it stands in the file."""
        last = symbol.name + _LONGEST_NAME
        end = self._names.find(b"\0", symbol.name, last)
        return self._names[symbol.name : last if end < 0 else end]

    def function_at(self, place: int) -> Optional[str]:
        """Returns the name of the function that contains an address as linked, or None."""
        index = bisect_right(self._starts, place) - 1
        if index < 0:
            return None
        symbol = self.functions[index]
        beyond = symbol.size and place >= symbol.address + symbol.size
        return None if beyond or place < symbol.address else self.name(symbol)


def table_of(head: Head) -> SymbolTable:
    """Returns the table of symbols of a file, of a stripped one that of what it offers."""
    kind, names = (".symtab", ".strtab") if ".symtab" in head.sections else (".dynsym", ".dynstr")
    flagged = (one for one in head.sections.values() if one.flags & _EXECUTED)
    code = joined([(one.address, one.address + one.size) for one in flagged])
    mark = ">" if head.big_endian else "<"
    return SymbolTable(section_bytes(head, kind), section_bytes(head, names), head.wide, mark, code)
