# SPDX-License-Identifier: Apache-2.0
"""Addresses to frames by GDB's own tables. Reads no target memory.

Approach: a recorded PC is a return address, so the place is looked up one byte before it. Inlined functions come
from the blocks around that byte, innermost first.
Limits: GDB's Python does not tell the line of an inlined call; the line just before the inlined code stands for it.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Optional, Tuple

import gdb

from gdbext.model import Frame, Stack
from gdbext.symbols.names import without_allocator
from gdbext.symbols.variables import Member, Variable

# Where the C libraries' assertions have the function's name and the condition among their arguments.
_ASSERT_ARGUMENTS = {"__assert_func": (2, 3), "__assert_fail": (3, 0)}


_VARIABLE = re.compile(r"^\[ *\d+\] [dDbB] (0x[0-9a-f]+) (\S+) section", re.MULTILINE)

_DEEPEST_TYPE = 8  # pointers and arrays around a structure

_SECTION_END = re.compile(r"\b0x[0-9a-f]+->(0x[0-9a-f]+) at .*\bALLOC\b")


class GdbSymbols:
    """Frames of stacks, each PC looked up once."""

    def __init__(self) -> None:
        self._known: Dict[int, Stack] = {}

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """The frames of a recorded stack, innermost first, inlined ones included, without the allocator's own."""
        flat: List[Frame] = []
        for pc in pcs:
            if pc not in self._known:
                self._known[pc] = tuple(_frames_at(pc))
            flat += self._known[pc]
        return without_allocator(tuple(flat))


def _frames_at(pc: int) -> List[Frame]:
    place = pc - 1
    sal = gdb.find_pc_line(place)
    file = sal.symtab.filename if sal.symtab else None
    line: Optional[int] = sal.line or None
    frames = []
    for name, start, inlined in _functions_around(place):
        frames.append(Frame(pc, name, file, line, inlined))
        if inlined:
            before = gdb.find_pc_line(start - 1)
            file, line = (before.symtab.filename, before.line or None) if before.symtab else (None, None)
    return frames or [Frame(pc, _nearest_symbol(place), file, line)]


def _functions_around(place: int) -> List[Tuple[str, int, bool]]:
    """Name, first address and whether inlined, of each function that the byte belongs to, innermost first."""
    block = gdb.block_for_pc(place)
    found: List[Tuple[str, int, bool]] = []
    while block is not None and not block.is_global and not block.is_static:
        if block.function is not None:
            outer = _outer_function(block)
            found.append((block.function.print_name, block.start, outer))
        block = block.superblock
    return found


def _outer_function(block: gdb.Block) -> bool:
    """Whether another function lies around this one: then it was inlined there."""
    around = block.superblock
    while around is not None and not around.is_global and not around.is_static:
        if around.function is not None:
            return True
        around = around.superblock
    return False


def _nearest_symbol(place: int) -> Optional[str]:
    """The ELF symbol that holds an address without debug information."""
    text = gdb.execute(f"info symbol {place:#x}", to_string=True)
    return None if text.startswith("No symbol") else text.split(" in section")[0].split(" + ")[0].strip()


def variable_at(address: int) -> Optional[str]:
    """The ELF symbol that holds an address, with the offset in it."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return None if text.startswith("No symbol") else text.split(" in section")[0].strip().replace(" + ", "+")


def failed_assertion() -> Optional[Tuple[str, str]]:
    """Function and condition that the C library's assert was called with, if the selected thread is in it."""
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    while frame is not None and frame.name() not in _ASSERT_ARGUMENTS:
        frame = frame.older()
    if frame is None or frame.function() is None:
        return None
    arguments = [symbol for symbol in frame.block() if symbol.is_argument]
    try:
        words = [arguments[place].value(frame).string() for place in _ASSERT_ARGUMENTS[frame.name() or ""]]
    except (gdb.error, IndexError, UnicodeDecodeError):
        return None
    return words[0], words[1]


def address_of(name: str) -> Optional[int]:
    """Address of a symbol of the program, or None. No memory is read."""
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
    except gdb.error:
        return None


class GdbProgram:
    """The program's variables by GDB's table of ELF symbols, which also has those of a ROM. No memory is read.

    GDB does not tell sizes: each variable reaches to the next one, or to the end of its section.
    """

    def __init__(self) -> None:
        self._objects: Optional[List[Tuple[str, int, int]]] = None

    def address_of(self, name: str) -> Optional[int]:
        """Address of a symbol, or None."""
        return address_of(name)

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Name, address and size of every variable."""
        if self._objects is None:
            lines = _VARIABLE.findall(gdb.execute("maint print msymbols", to_string=True))
            places = sorted((int(address, 16), name) for address, name in lines)
            sections = _SECTION_END.findall(gdb.execute("maint info sections", to_string=True))
            ends = sorted({address for address, _ in places} | {int(end, 16) for end in sections})
            following = dict(zip(ends, ends[1:]))
            self._objects = [(name, start, following.get(start, start) - start) for start, name in places]
        return iter(self._objects)

    def variable(self, name: str) -> Optional[Variable]:
        """What debug information says of a variable's structure, or None."""
        try:
            return _variable(gdb.parse_and_eval(f"&{name}").type.target())
        except gdb.error:
            return None


def _variable(kind: gdb.Type) -> Optional[Variable]:
    """The structure behind pointers, and how many an array has of it or of them."""
    count = 1
    for _ in range(_DEEPEST_TYPE):
        kind = kind.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_STRUCT:
            return Variable(count, kind.sizeof, dict(_members(kind, "", 0)))
        if kind.code == gdb.TYPE_CODE_ARRAY:
            low, high = kind.range()
            count *= high - low + 1
        elif kind.code != gdb.TYPE_CODE_PTR:
            return None
        kind = kind.target()
    return None


def _members(kind: gdb.Type, prefix: str, base: int) -> Iterator[Tuple[str, Member]]:
    """Members with their places, and those of structures among them."""
    for field in kind.fields():
        place = getattr(field, "bitpos", None)  # a static member of C++ has none
        if not field.name or field.type is None or place is None:
            continue
        at, own = base + place // 8, field.type.strip_typedefs()
        yield prefix + field.name, (at, field.type.sizeof)
        if own.code == gdb.TYPE_CODE_STRUCT and not prefix:
            yield from _members(own, f"{field.name}.", at)


def size_of(name: str) -> Optional[int]:
    """Bytes of a variable of the program, by its type. No memory is read."""
    try:
        return int(gdb.parse_and_eval(f"sizeof({name})"))
    except gdb.error:
        return None
