# SPDX-License-Identifier: Apache-2.0
"""The structures of a program's variables without GDB, by its DWARF through pyelftools.

Approach: one source file is looked into, the one that defines the variables that are asked for: the unit of a function
that must stand in it, else the units that are named as it is. Of such a unit only the top level is read, and the types
that a variable leads to.
Rejected: reading all units (a firmware has a thousand, and takes a minute); tables of names, which compilers leave out.
Cost: some 10 ms for the unit; without .debug_aranges a look at the head of every unit.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Tuple

from gdbext.symbols.elf_file import ElfFile
from gdbext.symbols.elf_symbols import ElfSymbols, name_of
from gdbext.symbols.variables import Member, Variable

_FUNCTION, _FILE = "vTaskSwitchContext", "tasks.c"  # where FreeRTOS keeps the variables of its tasks
_VARIABLE = "pxReadyTasksLists"
_DEEPEST = 16  # names, qualifiers, pointers and arrays around a structure
_LAYERS = ("DW_TAG_typedef", "DW_TAG_volatile_type", "DW_TAG_const_type", "DW_TAG_pointer_type", "DW_TAG_atomic_type")


class ElfTypes:
    """The variables of FreeRTOS's tasks: addresses by the symbol table, structures by DWARF."""

    def __init__(self, program: ElfFile, symbols: ElfSymbols) -> None:
        self._program = program
        self._symbols = symbols
        self._found: Optional[Dict[str, Any]] = None

    def address_of(self, name: str) -> Optional[int]:
        """Address of a symbol, or None."""
        return self._program.address_of(name)

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Name, address and size of every variable."""
        return self._program.objects()

    def variable(self, name: str) -> Optional[Variable]:
        """What debug information says of a variable's structure, or None."""
        try:
            entry = self._variables().get(name)
            return None if entry is None else _variable(entry)
        except Exception:  # debug information is as damaged as its file
            return None

    def _variables(self) -> Dict[str, Any]:
        """The variables of the first unit that has any that are asked for."""
        if self._found is None:
            self._found = {}
            for top in self._symbols.units_of(_FUNCTION, _FILE):
                entries = (entry for entry in top.iter_children() if entry.tag == "DW_TAG_variable")
                here = {name_of(entry) or "": entry for entry in entries}
                if _VARIABLE in here:
                    self._found = here
                    break
        return self._found


def _variable(entry: Any) -> Optional[Variable]:
    """The structure behind names and pointers, and how many an array has of it or of them."""
    count, kind = 1, _type_of(entry)
    for _ in range(_DEEPEST):
        if kind is None or kind.tag not in ("DW_TAG_structure_type", "DW_TAG_array_type", *_LAYERS):
            return None
        if kind.tag == "DW_TAG_structure_type":
            return Variable(count, _number(kind, "DW_AT_byte_size") or 0, dict(_members(kind, "", 0)))
        count *= _elements(kind) if kind.tag == "DW_TAG_array_type" else 1
        kind = _type_of(kind)
    return None


def _members(kind: Any, prefix: str, base: int) -> Iterator[Tuple[str, Member]]:
    """Members with their places, and those of structures among them."""
    for child in kind.iter_children():
        at = _number(child, "DW_AT_data_member_location")
        name, own = name_of(child), _named(_type_of(child))
        if child.tag != "DW_TAG_member" or at is None or name is None:
            continue
        yield prefix + name, (base + at, _size(own))
        if own is not None and own.tag == "DW_TAG_structure_type" and not prefix:
            yield from _members(own, f"{name}.", base + at)


def _type_of(entry: Any) -> Any:
    """The entry of another's type; a variable that was declared before has it there."""
    if "DW_AT_type" not in entry.attributes and "DW_AT_specification" in entry.attributes:
        entry = entry.get_DIE_from_attribute("DW_AT_specification")
    return entry.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in entry.attributes else None


def _named(kind: Any) -> Any:
    """A type without the names and qualifiers around it."""
    for _ in range(_DEEPEST):
        if kind is None or kind.tag == "DW_TAG_pointer_type" or kind.tag not in _LAYERS:
            return kind
        kind = _type_of(kind)
    return None


def _size(kind: Any) -> int:
    """Bytes of a type without qualifiers; 0: not told."""
    if kind is not None and kind.tag == "DW_TAG_array_type":
        return _elements(kind) * (_number(_named(_type_of(kind)), "DW_AT_byte_size") or 0)
    return 0 if kind is None else _number(kind, "DW_AT_byte_size") or 0


def _elements(array: Any) -> int:
    """Elements of an array, of all its dimensions."""
    count = 1
    for child in array.iter_children():
        told, last = _number(child, "DW_AT_count"), _number(child, "DW_AT_upper_bound")
        count *= told if told is not None else 0 if last is None else last + 1
    return count


def _number(entry: Any, name: str) -> Optional[int]:
    value = entry.attributes[name].value if entry is not None and name in entry.attributes else None
    return value if isinstance(value, int) else None
