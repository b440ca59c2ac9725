# SPDX-License-Identifier: Apache-2.0
"""Opens cores, and programs beside files of memory, in the shell.

Approach: a core has its word format, its threads, and sometimes its heaps. An image has the word format of the program.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.names import is_allocator, operation_in
from gdbext.model.diagnosis import Operation
from gdbext.model.errors import UserError
from gdbext.model.events import Assertion
from gdbext.model.machine import Machine, machine_of
from gdbext.model.said import Said, Text, said
from gdbext.source.core import CoreSource, parse_core
from gdbext.source.files import FileError, Loaded
from gdbext.source.memory import Memory
from gdbext.source.registers import ESP_INFO, auxiliary_of, ended_by_fault, threads_of
from gdbext.source.saved import Saved, core_source, read_saved
from gdbext.source.snapshot import snapshot_of
from gdbext.source.wrapped_core import core_in
from gdbext.symbols.elf_symbols import ElfSymbols
from gdbext.symbols.unwind import Unwinder
from gdbext.target.files import FileBytes, Image, refuse_difference
from gdbext.target.target import Code, Debugger, NoProgram, Registers, Target
from gdbext.trace.ring import message_of

_AT_ENTRY = 9
_ESP_PANIC = 679
_ASSERTED = re.compile(r"assert failed: (\w+) [^(]*\((.*)\)", re.DOTALL)
_LEAST_DIGEST = 8


class Dump(NamedTuple):
    """A core: its memory, its note of `memtrace save`, and remarks about it."""

    path: str
    source: CoreSource
    saved: Optional[Saved]
    remarks: Tuple[Text, ...]


def open_dump(path: str, file: Loaded, images: Sequence[Image]) -> Dump:
    """Opens the core in a loaded file, with images beside it. UserError says why it cannot."""
    try:
        loaded = core_in(path, file)
    except FileError as problem:
        raise UserError(str(problem)) from None
    try:
        core = parse_core(loaded.data)
    except FileError as problem:
        raise UserError(f"{path}: {problem}") from None
    source = core_source(core)
    for base, data, name, _ in images:
        refuse_difference(path, name, source.difference(base, data))
        source.add(base, data)
    if not source.extents():
        raise UserError(f"{path}: this core holds no memory")
    return Dump(path, source, read_saved(core), (*loaded.remarks, *core.remarks))


def open_program(path: str, dump: Optional[Dump]) -> ElfSymbols:
    """Opens the program of --elf, at the addresses at which it ran."""
    try:
        program = ElfSymbols(path)
    except FileError as problem:
        raise UserError(f"--elf {problem}") from None
    if dump is None:
        return program
    core = dump.source.core
    if (program.pointer_size, program.byte_order) != (core.pointer_size, core.byte_order):
        bits = f"{8 * core.pointer_size} bits, {core.byte_order}-endian"
        raise UserError(f"--elf {path} is not the program of {dump.path}: one is of {bits}, the other is not")
    told = auxiliary_of(core).get(_AT_ENTRY)  # the address at which the program's entry ran
    program.bias = 0 if told is None else told - program.entry
    for address, data in program.constants():
        dump.source.add(address, data)
    return program


def program_symbols(path: str) -> ElfSymbols:
    """Opens the program of --elf, at the addresses that it was linked for."""
    return open_program(path, None)


def dump_facts(dump: Dump) -> Text:
    """Describes a core: machine, word format, memory, threads."""
    core = dump.source.core
    known, threads = machine_of(core.machine), len(threads_of(core))
    parts = [said("core-memory", bytes=sum(one.end - one.start for one in core.segments), segments=len(core.segments))]
    parts += [said("core-threads", threads=threads)] if threads else []
    parts += [said("core-saved")] if dump.saved is not None else []
    machine = said("machine-number", number=core.machine) if known is None else known.name
    bits, order = 8 * core.pointer_size, core.byte_order
    return said("core-is", file=dump.path, machine=machine, bits=bits, order=order, parts=tuple(parts))


def foreign_program(dump: Dump, program: ElfSymbols) -> Optional[Said]:
    """Returns a warning if the core names another program by digest or build-id, else None."""
    data = dump.source.core.note(*ESP_INFO) or b""
    digest = data[4:].split(b"\0")[0].decode("ascii", "replace").lower()
    told = dump.saved.build_id if dump.saved is not None else None
    other = len(digest) >= _LEAST_DIGEST and not program.sha256().startswith(digest)
    if not other and (told is None or program.build_id() in (None, told)):
        return None
    return said("foreign-program", file=program.path)


class CoreDebugger(Debugger):
    """The threads of a core, and the operation at which its target stopped."""

    def __init__(self, dump: Dump, program: Optional[ElfSymbols]) -> None:
        super().__init__()
        self._dump, self._core, self._program = dump, dump.source.core, program
        asserted = dump.saved is not None and dump.saved.operation[2]
        self.at_death = asserted or panic_of(dump) is not None

    def machine(self) -> Optional[Machine]:
        """Returns the core's machine, or None if it is unknown."""
        return machine_of(self._core.machine, self._core.pointer_size)

    def registers(self) -> Sequence[Registers]:
        """Returns the registers of each thread."""
        return threads_of(self._core)

    def operation(self) -> Operation:
        """Returns the operation under way: from the note of `memtrace save`, the panic, or the threads' stacks."""
        saved, panic = self._dump.saved, panic_of(self._dump)
        if saved is not None:
            asserted = None if not saved.assertion else Assertion(*saved.assertion)
            return Operation(*saved.operation, asserted, saved.given)
        if panic is not None:
            in_allocator = is_allocator(panic.function)
            return Operation(True, said("allocator-asserted"), True, panic) if in_allocator else Operation()
        machine = self.machine()
        if self._program is None or machine is None:
            return Operation()
        unwinder = Unwinder(self._program, machine, Memory(self._dump.source).word)
        for number, registers in enumerate(self.registers()):
            places = unwinder.places(registers, registers[machine.pc]) if machine.pc in registers else ()
            calls = tuple(frame for place in places for frame in self._program.frames_at(place))
            operation = operation_in(calls, not number and ended_by_fault(self._core))
            if operation.in_allocator:
                return operation
        return Operation()


def panic_of(dump: Dump) -> Optional[Assertion]:
    """Returns the failed assertion that a core of ESP-IDF names, or None."""
    text = (dump.source.core.note("ESP_PANIC_DETAILS", _ESP_PANIC) or b"").split(b"\0")[0].decode("utf-8", "replace")
    found = _ASSERTED.search(text)
    return None if found is None else Assertion(message_of(found.group(2)), found.group(1), None)


def core_target(path: str, file: Optional[Loaded], images: Sequence[Image], elf: Optional[str]) -> Target:
    """Makes a target of a core or images, with their program. `file` is the core at `path`, None without a core."""
    dump = None if file is None else open_dump(path, file, images)
    program = None if elf is None else open_program(elf, dump)
    code: Code = NoProgram() if program is None else program
    if dump is None:
        assert program is not None
        pieces = [*program.constants(), *((base, data) for base, data, _, _ in images)]
        memory = Memory(snapshot_of(pieces, program.pointer_size, program.byte_order))
        memory.standing += program.remarks
        return Target(FileBytes(memory, program=code), code)
    memory = Memory(dump.source)
    memory.standing += [] if program is None else program.remarks
    foreign = None if program is None else foreign_program(dump, program)
    memory.standing += [*dump.remarks, *([foreign] if foreign is not None else [])]
    data = FileBytes(memory, dump.saved, [dump_facts(dump)], program=code)
    of_esp_idf = dump.source.core.note(*ESP_INFO) is not None
    data.why_no_heaps = said("dump-without-heaps") if of_esp_idf else None
    return Target(data, code, CoreDebugger(dump, program))
