# SPDX-License-Identifier: Apache-2.0
"""Addresses to frames without GDB, by the program's DWARF through pyelftools.

Approach: .debug_aranges tells the unit that holds an address; of that unit alone the line table is decoded, and in its
tree only the function that holds the address is descended into, which gives the inlined functions and the exact lines
of their calls. Where there is no DWARF the symbol table gives the function.
Rejected: an addr2line for each address (a process each, of a toolchain that may not be there); decoding all units.
Cost: some milliseconds a unit, once; a program without .debug_aranges costs a look at the head of every unit.
Assumptions: a recorded PC is a return address: the place is looked up one byte before it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model import Frame, Stack
from gdbext.symbols.elf_file import ElfFile
from gdbext.symbols.elf_shapes import name_of, variable_in
from gdbext.symbols.shapes import Variable

_FUNCTIONS = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")
_DEEPEST = 64  # inlined calls inside each other; scopes
_MOST_ORIGINS = 8
_MOST_ROWS = 32  # for one address


class _Row(NamedTuple):
    address: int
    file: int
    line: int
    ends: bool
    begins: bool  # a statement, rather than a piece of one that was moved here


class _Unit:
    """One compilation unit: its line table, decoded once, and its files."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self.unit = unit
        self.program = dwarf.line_program_for_CU(unit)
        self.rows: List[_Row] = []
        if self.program is not None:
            states = (entry.state for entry in self.program.get_entries() if entry.state is not None)
            rows = (_Row(state.address, state.file, state.line, state.end_sequence, state.is_stmt) for state in states)
            self.rows = sorted(rows, key=lambda row: (row.address, not row.ends))
        self._starts = [row.address for row in self.rows]

    def line_at(self, place: int) -> Tuple[Optional[str], Optional[int]]:
        """File and line of an address."""
        index = bisect_right(self._starts, place) - 1
        if index < 0 or self.rows[index].ends:
            return None, None
        row = self._statement(index)
        return self.file_name(row.file), row.line or None

    def _statement(self, index: int) -> _Row:
        """Of several rows for one address the last that begins a statement, as debuggers take it."""
        last = self.rows[index]
        same = (row for row in self.rows[index : max(0, index - _MOST_ROWS) : -1] if row.address == last.address)
        return next((row for row in same if row.begins and not row.ends), last)

    def file_name(self, number: int) -> Optional[str]:
        """A file of the line table, with its directory unless that is the unit's own."""
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


class ElfSymbols:
    """A program's symbols, types, and frames of stacks, each PC looked up once."""

    def __init__(self, program: ElfFile) -> None:
        self.program = program
        self._dwarf: Any = program.elf.get_dwarf_info() if program.elf.has_dwarf_info() else None
        self._aranges: Any = None
        self._ranges: Optional[List[Tuple[int, int, Any]]] = None
        self._units: Dict[int, _Unit] = {}
        self._known: Dict[int, Stack] = {}

    @property
    def has_lines(self) -> bool:
        """Whether there is debug information."""
        return self._dwarf is not None

    def address_of(self, name: str) -> Optional[int]:
        """Address of a symbol, or None."""
        return self.program.address_of(name)

    def size_of(self, name: str) -> Optional[int]:
        """Bytes of a variable, or None."""
        return self.program.size_of(name)

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Name, address and size of every variable."""
        return self.program.objects()

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """The frames of a recorded stack, innermost first, inlined ones included."""
        flat: List[Frame] = []
        for pc in pcs:
            if pc not in self._known:
                self._known[pc] = tuple(self._frames_at(pc))
            flat += self._known[pc]
        return tuple(flat)

    def frames_at(self, place: int) -> List[Frame]:
        """The functions that an address belongs to, inlined ones first."""
        return self._frames_at(place + 1)

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """A variable of the source that a function is in, and what it points to by these members."""
        address = self.program.address_of(function)
        try:
            unit = None if address is None else self._unit_of(address - self.program.bias)
            big = self.program.byte_order == "big"
            found = None if unit is None else variable_in(unit.unit, name, follow, big)
        except Exception:  # debug information is as damaged as its file
            return None
        return None if found is None else found._replace(address=found.address + self.program.bias)

    def _frames_at(self, pc: int) -> List[Frame]:
        place = pc - 1 - self.program.bias
        file, line, frames = None, None, []
        try:
            unit = self._unit_of(place)
            if unit is not None:
                file, line = unit.line_at(place)
                frames = list(_frames(unit, pc, place, file, line))
        except Exception:  # as above; then the symbol must do
            frames = []
        return frames or [Frame(pc, self.program.function_at(pc - 1), file, line)]

    def _unit_of(self, place: int) -> Optional[_Unit]:
        if self._dwarf is None:
            return None
        if self._aranges is None:
            self._aranges = self._dwarf.get_aranges() or False
        offset = self._aranges.cu_offset_at_addr(place) if self._aranges else None
        if offset is None:
            offset = self._searched(place)
        if offset is None:
            return None
        if offset not in self._units:
            self._units[offset] = _Unit(self._dwarf, self._dwarf.get_CU_at(offset))
        return self._units[offset]

    def _searched(self, place: int) -> Optional[int]:
        """The unit of an address by what the head of each says, where .debug_aranges does not tell."""
        if self._ranges is None:
            units = self._dwarf.iter_CUs()
            self._ranges = [(*span, unit.cu_offset) for unit in units for span in _ranges_of(unit.get_top_DIE())]
        return next((offset for low, high, offset in self._ranges if low <= place < high), None)


def _frames(unit: _Unit, pc: int, place: int, file: Optional[str], line: Optional[int]) -> Iterator[Frame]:
    """Innermost first; each inlined function says where it was called, which is the place in the next."""
    around = list(_functions_at(unit.unit.get_top_DIE(), place))
    for position, entry in enumerate(reversed(around)):
        inlined = entry.tag == "DW_TAG_inlined_subroutine"
        yield Frame(pc, name_of(entry), file, line, inlined and position < len(around) - 1)
        if inlined:
            called = entry.attributes.get("DW_AT_call_file"), entry.attributes.get("DW_AT_call_line")
            file = None if called[0] is None else unit.file_name(called[0].value)
            line = None if called[1] is None else called[1].value


def _functions_at(top: Any, place: int) -> Iterator[Any]:
    """The functions that an address belongs to, outermost first; only what holds the address is descended into."""
    entry: Any = top
    for _ in range(_DEEPEST):
        entry = next((child for child in _inside(entry) if _holds(child, place)), None)
        if entry is None:
            return
        if entry.tag in _FUNCTIONS:
            yield entry


def _inside(entry: Any) -> Iterator[Any]:
    """What an entry holds; a namespace has no addresses, so that what is in it counts as its parent's."""
    waiting = [entry]
    while waiting:
        for child in waiting.pop().iter_children():
            if child.tag == "DW_TAG_namespace":
                waiting.append(child)
            else:
                yield child


def _holds(entry: Any, place: int) -> bool:
    return any(low <= place < high for low, high in _ranges_of(entry))


def _ranges_of(entry: Any) -> Iterator[Tuple[int, int]]:
    attributes = entry.attributes
    low, high = attributes.get("DW_AT_low_pc"), attributes.get("DW_AT_high_pc")
    if low is not None and high is not None:
        yield low.value, high.value if high.form == "DW_FORM_addr" else low.value + high.value
    elif "DW_AT_ranges" in attributes:
        yield from _listed_ranges(entry, attributes["DW_AT_ranges"])


def _listed_ranges(entry: Any, where: Any) -> Iterator[Tuple[int, int]]:
    unit = entry.cu
    lists = unit.dwarfinfo.range_lists()
    found = lists.get_range_list_at_offset(where.value, unit) if lists is not None else []
    top = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
    base = top.value if top is not None else 0
    for one in found:
        if hasattr(one, "base_address"):
            base = one.base_address
        else:
            shift = 0 if one.is_absolute else base
            yield one.begin_offset + shift, one.end_offset + shift
