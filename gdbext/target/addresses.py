# SPDX-License-Identifier: Apache-2.0
"""Parses addresses where GDB does not: in the shell, and over memtrace's own client of the remote protocol.

Approach: a number, or a name of the program's symbol table, perhaps with an offset in bytes. As in GDB, &NAME is where
a variable is, NAME of a pointer is its value, and NAME of a function or an array is where it is. The symbol table tells
no types: a variable as large as a pointer is taken for one.
Rejected: GDB's expressions. They need the types of all variables; and in GDB they would take the values of variables
from the program's file if GDB is not connected.
"""

from __future__ import annotations

import re
from typing import Optional

from gdbext.model.errors import UserError
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program
from gdbext.target.target import NoProgram

_FORM = re.compile(r"\s*(&?)\s*([\w.$]+)\s*(?:([+-])\s*(\w+)\s*)?")
_LARGEST = 1 << 64


def number_of(text: str) -> int:
    """Parses an address of numbers alone: 0x..., decimal, with or without an offset. UserError if it is none."""
    return address_in(text, NoProgram(), None)


def address_in(text: str, program: Program, memory: Optional[Memory]) -> int:
    """Parses an address. A pointer's value is read from `memory`. UserError if it is no address, or not to be read."""
    found = _FORM.fullmatch(text)
    by_name = "" if isinstance(program, NoProgram) else ", NAME, &NAME or NAME+OFFSET"
    wrong = UserError(f"{text} is not an address: give 0x... or a decimal number{by_name or ', or a name with --elf'}")
    if found is None:
        raise wrong
    reference, base, sign, offset = found.groups()
    try:
        distance = int(f"{sign}{offset}", 0) if sign else 0
        address = int(base, 0) if base[0].isdigit() else _named(base, bool(reference), program, memory)
    except ValueError:
        raise wrong from None
    if address is None:
        raise UserError(f"{text}: the program has no symbol {base}") if by_name else wrong
    if not 0 <= address + distance < _LARGEST or (reference and base[0].isdigit()):
        raise wrong
    return address + distance


def _named(name: str, is_reference: bool, program: Program, memory: Optional[Memory]) -> Optional[int]:
    """Returns the address that a name stands for. None if the program has no such name."""
    place = program.address_of(name)
    if place is None or is_reference or memory is None or program.size_of(name) != memory.source.pointer_size:
        return place
    value = memory.word(place)
    if value is None:
        width = memory.source.pointer_size
        raise UserError(f"{name}: its {width} bytes at {place:#x} cannot be read; &{name} is where it is")
    return value
