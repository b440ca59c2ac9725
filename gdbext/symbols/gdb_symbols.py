# SPDX-License-Identifier: Apache-2.0
"""Finds frames, symbols and types in GDB's own tables. Reads no target memory.

Approach: a recorded PC is a return address, so the frames are those of the byte before it. Inlined functions come from
the blocks around that byte, innermost first.
Limits: GDB's Python does not tell the line of an inlined call. The line just before the inlined code is taken instead.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import gdb

from gdbext.model.events import Frame, Stack
from gdbext.model.said import Text, said
from gdbext.source.gdb_inferior import CORE_FILE, program_memory
from gdbext.symbols.code import Sample, code_samples
from gdbext.symbols.shapes import DEEPEST, MOST_MEMBERS, Member, Shape, Variable, inside, members_by_name

# Positions of the function's name (None: it has none) and the condition among the arguments of functions that a failed
# assertion calls: of C libraries, and of NuttX.
_ASSERT_ARGUMENTS: Dict[str, Tuple[Optional[int], int]] = {
    "__assert_func": (2, 3), "__assert_fail": (3, 0), "__assert": (None, 2), "_assert": (None, 2),
}  # fmt: skip


# Xtensa: the bit of PS where CALLINC begins, the registers that the window turns by for each unit of CALLINC, and the
# register of the first argument.
_CALLINC, _CALL_STEP, _FIRST_ARGUMENT = 16, 4, 2

_VARIABLE = re.compile(r"^\[ *\d+\] [dDbB] (0x[0-9a-f]+) (\S+) section", re.MULTILINE)
_MARKER = "__global_pointer$"  # of RISC-V: it lies amid the variables, 2 KiB behind the first, and ends none

_ENTRY = re.compile(r"Entry point: (0x[0-9a-f]+)")
_SECTION_END = re.compile(r"\b0x[0-9a-f]+->(0x[0-9a-f]+) at .*\bALLOC\b")


def _frames_at(pc: int) -> List[Frame]:
    place = pc - 1
    sal = gdb.find_pc_line(place)
    file = sal.symtab.filename if sal.symtab else None
    line: Optional[int] = sal.line or None
    functions: List[Tuple[str, int]] = []  # names and starts of those around the byte, innermost first
    block = gdb.block_for_pc(place)
    while block is not None and not block.is_global and not block.is_static:
        if block.function is not None:
            functions.append((block.function.print_name, block.start))
        block = block.superblock
    frames = []
    for number, (name, start) in enumerate(functions, 1):
        inlined = number < len(functions)  # into the next function
        frames.append(Frame(pc, name, file, line, inlined))
        if inlined:
            before = gdb.find_pc_line(start - 1)
            file, line = (before.symtab.filename, before.line or None) if before.symtab else (None, None)
    if not functions:  # no debug information
        symbol = _symbol_at(place)
        frames.append(Frame(pc, None if symbol is None else symbol.split(" + ")[0].strip(), file, line))
    return frames


def _symbol_at(address: int) -> Optional[str]:
    """Returns the ELF symbol that contains an address, in GDB's form NAME or NAME + OFFSET, or None."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return None if text.startswith("No symbol") else text.split(" in section")[0].strip()


def call_of(frame: gdb.Frame) -> Frame:
    """Returns PC, function and file of one of GDB's frames. A name that is no text is not known."""
    try:
        table = frame.find_sal().symtab
        return Frame(frame.pc(), frame.name(), None if table is None else table.filename)
    except UnicodeError:
        return Frame(frame.pc())


def failed_assertion(frames: Sequence[gdb.Frame]) -> Tuple[Optional[str], str]:
    """Returns the function and condition of the assertion that failed in these frames, None and "" if not known."""
    for frame in frames:
        places = _ASSERT_ARGUMENTS.get(call_of(frame).function or "")
        if places is None or frame.function() is None:
            continue
        try:
            words = [None if place is None else _argument(frame, place).string() for place in places]
        except (gdb.error, IndexError, ValueError):
            continue
        return words[0], words[1] or ""
    return None, ""


def _argument(frame: gdb.Frame, place: int) -> gdb.Value:
    """Returns an argument of a frame's function. At Xtensa's first instruction, `entry`, the caller's window has it."""
    function = frame.function()
    begins = function is not None and frame.pc() == int(function.value().address or 0)
    if begins and frame.architecture().name() == "xtensa":
        window = int(frame.read_register("ps")) >> _CALLINC & 3
        register = f"a{_FIRST_ARGUMENT + _CALL_STEP * window + place}"
        return frame.read_register(register).cast(gdb.lookup_type("char").pointer())
    return _parameters(frame)[place].value(frame)


def _parameters(frame: gdb.Frame) -> List[gdb.Symbol]:
    block = frame.block()
    while block.function is None and block.superblock is not None:
        block = block.superblock
    return [symbol for symbol in block if symbol.is_argument]


def argument_of(frame: gdb.Frame, place: int) -> Optional[int]:
    """Returns the number in an argument of a frame's function, as it is or as it was at the function's entry. None if
    neither is known.
    """
    try:
        if frame.function() is None:
            return None
        value = _argument(frame, place)
        if value.is_optimized_out:
            return _evaluated(frame, f"{_parameters(frame)[place].name}@entry")
        return int(value.cast(gdb.lookup_type("unsigned long")))
    except (gdb.error, IndexError, RuntimeError, ValueError):
        return None


def variable_in(frame: gdb.Frame, name: str) -> Optional[int]:
    """Returns the number in a variable of a frame's function, or None if it is not known."""
    try:
        return _evaluated(frame, name)
    except (gdb.error, ValueError):
        return None


def _evaluated(frame: gdb.Frame, text: str) -> int:
    selected = gdb.selected_frame()
    try:
        frame.select()
        return int(gdb.parse_and_eval(text).cast(gdb.lookup_type("unsigned long")))
    finally:
        selected.select()


def address_of(name: str) -> Optional[int]:
    """Returns the address of a symbol of the program, or None. Reads no memory."""
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
    except gdb.error:
        return None


def size_of(name: str) -> Optional[int]:
    """Returns the size of a variable by its type, in bytes, or None. Reads no memory."""
    try:
        return int(gdb.parse_and_eval(f"sizeof({name})"))
    except gdb.error:
        return None


class GdbProgram:
    """The loaded program in GDB's tables. Reads no memory.

    The table of ELF symbols also has symbols of a ROM. GDB does not tell the sizes of ELF symbols: a variable is taken
    to reach to the next one, or to the end of its section.
    """

    def __init__(self) -> None:
        self._objects: Optional[List[Tuple[str, int, int]]] = None
        self._known: Dict[int, Stack] = {}

    address_of = staticmethod(address_of)

    def size_of(self, name: str) -> Optional[int]:
        """Returns the size of a variable in bytes: by its type, else up to the next variable."""
        typed = size_of(name)
        return next((size for one, _, size in self.objects() if one == name), None) if typed is None else typed

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Returns name, address and size of every variable."""
        if self._objects is None:
            lines = _VARIABLE.findall(_printed("maint print msymbols"))
            places = sorted((int(address, 16), name) for address, name in lines if name != _MARKER)
            program, _, _ = _printed("maint info sections").partition(CORE_FILE)  # a core's pieces end no variable
            sections = _SECTION_END.findall(program)
            ends = sorted({address for address, _ in places} | {int(end, 16) for end in sections})
            following = dict(zip(ends, ends[1:]))
            self._objects = [(name, start, following.get(start, start) - start) for start, name in places]
        return iter(self._objects)

    def libraries(self) -> List[str]:
        """Returns the files that GDB has loaded: the program and its shared libraries."""
        return [objfile.filename or "" for objfile in gdb.objfiles() if objfile.is_valid()]

    def code(self) -> List[Sample]:
        """Returns samples of the loaded program's code."""
        space = gdb.current_progspace()
        return [] if space is None or space.filename is None else code_samples(space.filename)

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """Returns a variable of the function's source, with the shapes that the members in `follow` lead to."""
        symbol = gdb.lookup_global_symbol(function)
        table = symbol.symtab if symbol is not None else None
        blocks = () if table is None else (table.static_block(), table.global_block())
        variables = (one for block in blocks for one in block if one.is_variable and one.name == name)
        found = next(variables, None)
        try:
            place = None if found is None else found.value().address
        except (gdb.error, TypeError):  # it has no fixed place
            return None
        if found is None or found.type is None or place is None:
            return None
        shapes, kind = [_shape(found.type)], found.type
        for member in follow:
            target = _target(kind, member)
            if target is None:
                break
            kind = target
            shapes.append(_shape(kind))
        return Variable(int(place), tuple(shapes))

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a recorded stack, innermost first, with inlined ones. Each PC is looked up once."""
        flat: List[Frame] = []
        for pc in pcs:
            if pc not in self._known:
                try:
                    self._known[pc] = tuple(_frames_at(pc))
                except UnicodeError:  # GDB cannot hand over a name that is no text
                    self._known[pc] = (Frame(pc),)
            flat += self._known[pc]
        return tuple(flat)

    def build_id(self) -> Optional[str]:
        """Returns the build-id of the loaded program, or None."""
        programs = (objfile for objfile in gdb.objfiles() if objfile.is_valid() and objfile.owner is None)
        return next((objfile.build_id for objfile in programs if objfile.build_id), None)

    def writable(self) -> List[Tuple[str, int, int]]:
        """Returns the sections that the program writes to, each named `globals`."""
        _, writable = program_memory()
        return [("globals", *span) for span in writable]

    def name_at(self, address: int) -> Optional[str]:
        """Returns the ELF symbol that contains an address, as NAME or NAME+OFFSET, or None."""
        try:
            symbol = _symbol_at(address)
        except UnicodeError:  # the name is no text
            return None
        if symbol is not None and symbol.endswith(" + 1") and gdb.block_for_pc(address) is not None:
            arm = gdb.selected_inferior().architecture().name().startswith("arm")
            symbol = symbol[: -len(" + 1")] if arm else symbol  # a pointer to Thumb code says so by its lowest bit
        return None if symbol is None else symbol.replace(" + ", "+")

    def facts(self) -> Tuple[Text, ...]:
        """Returns a sentence that names the loaded program, and says what it lacks. Reads no memory."""
        space = gdb.current_progspace()
        file = None if space is None else space.filename
        if file is None:
            return (said("no-program-loaded"),)
        separate = any(objfile.owner is not None for objfile in gdb.objfiles() if objfile.is_valid())
        sections = gdb.execute("maint info sections", to_string=True)
        if separate or "debug_" in sections or "Exec file" not in sections:
            return (said("symbols-of", file=file),)
        entry = _ENTRY.search(gdb.execute("info files", to_string=True))
        if entry is not None and "No symbol matches" in gdb.execute(f"info symbol {entry[1]}", to_string=True):
            return (said("symbols-stripped", file=file),)
        return (said("symbols-without-lines-compile", file=file),)


def _shape(kind: gdb.Type) -> Shape:
    one = _element(kind)
    found = ((name, Member(offset, inner.sizeof)) for name, offset, inner in islice(_members(one), MOST_MEMBERS))
    values = one.fields() if one.code == gdb.TYPE_CODE_ENUM else []
    named = {value.enumval: value.name or "" for value in values}
    return Shape(one.sizeof, members_by_name(found), named, kind.sizeof // one.sizeof if one.sizeof else 1)


def _element(kind: gdb.Type) -> gdb.Type:
    """Returns the element type of an array with any dimensions. A type that is no array is returned itself."""
    plain = kind.strip_typedefs()
    for _ in range(DEEPEST):
        if plain.code != gdb.TYPE_CODE_ARRAY:
            break
        plain = plain.target().strip_typedefs()
    return plain


def _members(kind: gdb.Type, outer: str = "", base: int = 0, depth: int = 0) -> Iterator[Tuple[str, int, gdb.Type]]:
    """Yields name, offset and type of every member. The members of an inner structure follow it."""
    plain = kind.strip_typedefs()
    if plain.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) or depth == DEEPEST:
        return
    for one in plain.fields():
        if one.type is not None and hasattr(one, "bitpos"):
            name, offset = inside(outer, one.name or ""), base + (one.bitpos or 0) // 8
            yield name, offset, one.type
            yield from _members(one.type, name, offset, depth + 1)


def _target(kind: gdb.Type, member: str) -> Optional[gdb.Type]:
    """Returns the type that a member points to; with an empty name, that all of `kind` points to.

    If the member is a structure, its first member counts: heads and links of lists are such structures.
    """
    within = islice(_members(kind), MOST_MEMBERS)
    found = next((inner for name, _, inner in within if name.rpartition(".")[2] == member), None) if member else kind
    for _ in range(DEEPEST):
        if found is None:
            return None
        plain = _element(found)
        if plain.code == gdb.TYPE_CODE_PTR:
            return plain.target()
        found = next((inner for _, _, inner in _members(plain)), None)
    return None


def _printed(command: str) -> str:
    """Returns what a command of GDB prints; "" if a name in it is no text, which GDB cannot hand over."""
    try:
        return gdb.execute(command, to_string=True)
    except UnicodeDecodeError:
        return ""
