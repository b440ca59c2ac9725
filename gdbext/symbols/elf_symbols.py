# SPDX-License-Identifier: Apache-2.0
"""Finds the frames of an address without GDB, in the program's DWARF through pyelftools.

Approach: .debug_aranges tells the unit that contains an address. Only the line table of this unit is decoded, and only
the function with the address is searched for inlined functions and the lines of their calls. Without DWARF, the symbol
table gives the function.
Rejected: addr2line (one process for each address, of a toolchain that may be missing); decoding all units.
Cost: some milliseconds for each unit, once. Without .debug_aranges the head of every unit is read.
Assumptions: a recorded PC is a return address. The frames are those of the byte before it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.record import replace
from gdbext.model.said import Text, said
from gdbext.symbols.demangle import is_mangled, readable
from gdbext.symbols.elf_bounds import Budget, Damaged, children_of, dwarf_of, few_calls
from gdbext.symbols.elf_file import ElfFile
from gdbext.symbols.elf_shapes import readable_name_of, variable_in
from gdbext.symbols.shapes import Variable

_FUNCTIONS = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")
_DEEPEST = 64  # nested scopes and inlined calls
_MOST_ROWS = 32  # for one address


class _Unit:
    """One compilation unit, with its decoded line table."""

    def __init__(self, dwarf: Any, unit: Any, by_statement: bool) -> None:
        self.unit = unit
        self._by_statement = by_statement
        with few_calls():
            self.program = dwarf.line_program_for_CU(unit)
        entries = () if self.program is None else self.program.get_entries()
        states = (entry.state for entry in entries if entry.state is not None)
        self.rows: List[Any] = sorted(states, key=lambda row: (row.address, not row.end_sequence))
        self._starts = [row.address for row in self.rows]

    def line_at(self, place: int) -> Tuple[Optional[str], Optional[int]]:
        """Returns file and line of an address, each None if unknown."""
        index = bisect_right(self._starts, place) - 1
        if index < 0 or self.rows[index].end_sequence:
            return None, None
        last = self.rows[index]
        # If several rows have one address, the last that begins a statement counts, as in debuggers. The others are
        # parts of statements that the compiler moved.
        same = (row for row in self.rows[index : max(0, index - _MOST_ROWS) : -1] if row.address == last.address)
        statement = next((row for row in same if row.is_stmt and not row.end_sequence), last)
        row = statement if self._by_statement else last
        return self.file_name(row.file), row.line or None

    def file_name(self, number: int) -> Optional[str]:
        """Returns a file of the line table, with its directory unless that is the unit's own. None if there is none."""
        if self.program is None:
            return None
        modern = self.program.header.version >= 5
        files, position = self.program.header.file_entry, number - (0 if modern else 1)
        if not 0 <= position < len(files):
            return None
        name, folder = _text(files[position].name), files[position].dir_index
        folders = self.program.header.include_directory
        if name.startswith("/") or not folder or folder - (0 if modern else 1) >= len(folders):
            return name
        return f"{_text(folders[folder - (0 if modern else 1)])}/{name}"


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


class ElfSymbols(ElfFile):
    """The symbols, types and stack frames of a program. Each PC is looked up once. Of several lines at an address, the
    one counts that debuggers show, or without `by_statement` the one that symbolisers tell.
    """

    def __init__(self, path: str, by_statement: bool = True) -> None:
        super().__init__(path)
        self._by_statement = by_statement
        self._dwarf, self._budget = self._debug_information()
        self._aranges: Any = None
        self._ranges: Optional[List[Tuple[int, int, Any]]] = None
        self._units: Dict[int, _Unit] = {}
        self._known: Dict[int, Stack] = {}

    def _debug_information(self) -> Tuple[Any, Budget]:
        """Returns the DWARF, or None; a remark says so if it is damaged."""
        try:
            if self.elf.has_dwarf_info():
                return dwarf_of(self.elf, self.all_sections, self.file_size)
        except Exception:  # on a damaged file pyelftools raises any kind of exception
            self.remarks.append(said("debug-information-damaged", file=self.path))
        return None, Budget(0)

    def facts(self) -> Tuple[Text, ...]:
        """Returns a sentence that names the program, and says so if it has no line numbers, or no symbols at all."""
        if not self.has_symbols:
            return (said("symbols-stripped", file=self.path),)
        bare = self._dwarf is None
        return (said("symbols-without-lines", file=self.path) if bare else said("symbols-of", file=self.path),)

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a recorded stack, innermost first, with inlined ones."""
        flat: List[Frame] = []
        for pc in pcs:
            if pc not in self._known:
                self._known[pc] = tuple(self.frames_at(pc - 1))
            flat += self._known[pc]
        return tuple(flat)

    def frames_at(self, address: int) -> List[Frame]:
        """Returns the functions around an address, innermost first, as frames whose PC is one byte behind it."""
        pc, place = address + 1, address - self.bias
        file, line, frames = None, None, []
        self._budget.renew()
        try:
            unit = self._unit_of(place)
            if unit is not None:
                file, line = where = unit.line_at(place)
                around = list(_functions_at(unit.unit.get_top_DIE(), place))
                for entry in reversed(around):
                    inlined = entry.tag == "DW_TAG_inlined_subroutine"
                    frames.append(Frame(pc, readable_name_of(entry), *where, inlined and entry is not around[0]))
                    if inlined:  # the next frame is at the place of this call
                        called = entry.attributes.get("DW_AT_call_file"), entry.attributes.get("DW_AT_call_line")
                        name = None if called[0] is None else unit.file_name(called[0].value)
                        where = name, None if called[1] is None else called[1].value
        except Damaged:  # it would lead in circles again
            self._dwarf, frames = None, []
        except Exception:  # damaged debug information: the symbol table must do
            frames = []
        symbol = self.function_at(address)
        if not frames:
            return [Frame(pc, None if symbol is None else readable(symbol), file, line)]
        if symbol is not None and is_mangled(symbol):
            frames[-1] = replace(frames[-1], function=readable(symbol))
        return frames

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """Returns a variable of the function's source, with the shapes that the members in `follow` lead to."""
        address = self.address_of(function)
        self._budget.renew()
        try:
            unit = None if address is None else self._unit_of(address - self.bias)
            found = None if unit is None else variable_in(unit.unit, name, follow, self.byte_order == "big")
        except Damaged:
            self._dwarf, found = None, None
        except Exception:  # as above
            return None
        return None if found is None else found._replace(address=found.address + self.bias)

    def _unit_of(self, place: int) -> Optional[_Unit]:
        if self._dwarf is None:
            return None
        if self._aranges is None:
            self._aranges = self._dwarf.get_aranges() or False
        offset = self._aranges.cu_offset_at_addr(place) if self._aranges else None
        if offset is None:  # not in .debug_aranges: look at the head of each unit
            if self._ranges is None:
                units = self._dwarf.iter_CUs()
                self._ranges = [(*span, unit.cu_offset) for unit in units for span in _ranges_of(unit.get_top_DIE())]
            offset = next((offset for low, high, offset in self._ranges if low <= place < high), None)
        if offset is None:
            return None
        if offset not in self._units:
            self._units[offset] = _Unit(self._dwarf, self._dwarf.get_CU_at(offset), self._by_statement)
        return self._units[offset]


def _functions_at(top: Any, place: int) -> Iterator[Any]:
    """Yields the functions around an address, outermost first. Only scopes that contain the address are searched."""
    entry: Any = top
    for _ in range(_DEEPEST):
        spans = ((child, *span) for child in _inside(entry) for span in _ranges_of(child))
        entry = next((child for child, low, high in spans if low <= place < high), None)
        if entry is None:
            return
        if entry.tag in _FUNCTIONS:
            yield entry


def _inside(entry: Any) -> Iterator[Any]:
    """Yields the children of an entry. A namespace has no addresses: its children are yielded in its place."""
    waiting = [entry]
    while waiting:
        for child in children_of(waiting.pop()):
            if child.tag == "DW_TAG_namespace":
                waiting.append(child)
            else:
                yield child


def _ranges_of(entry: Any) -> Iterator[Tuple[int, int]]:
    attributes, unit = entry.attributes, entry.cu
    low, high = attributes.get("DW_AT_low_pc"), attributes.get("DW_AT_high_pc")
    if low is not None and high is not None:
        yield low.value, high.value if high.form == "DW_FORM_addr" else low.value + high.value
        return
    lists = unit.dwarfinfo.range_lists() if "DW_AT_ranges" in attributes else None
    if lists is None:
        return
    first = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
    base = first.value if first is not None else 0
    for span in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value, unit):
        if hasattr(span, "base_address"):
            base = span.base_address
        else:
            shift = 0 if span.is_absolute else base
            yield span.begin_offset + shift, span.end_offset + shift
