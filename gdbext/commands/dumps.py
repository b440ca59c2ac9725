# SPDX-License-Identifier: Apache-2.0
"""Files of memory and the program that made them, as the world of a command in the shell.

Approach: a core says its own word format, its threads, and sometimes its heaps; an image says nothing. What a program's
symbols lead to comes first, then what the file notes of itself, then what its bytes show.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.analyse.check import Operation, operation_in
from gdbext.commands.host import UserError
from gdbext.heap.names import is_allocator
from gdbext.model import Assertion, Stack
from gdbext.report.words import counted, size_words
from gdbext.source.core import Core, CoreError, CoreSource, parse_core
from gdbext.source.files import FileError, load_core, load_file
from gdbext.source.memory import Memory
from gdbext.source.overlaps import Piece, first_difference
from gdbext.source.registers import auxiliary_of, machine_of, threads_of
from gdbext.source.saved import Saved, read_saved, saved_ring
from gdbext.symbols.elf_file import ElfFile, ProgramError
from gdbext.symbols.elf_symbols import ElfSymbols
from gdbext.symbols.unwind import Unwinder
from gdbext.trace.ring import message_of

_AT_ENTRY = 9
_ESP_INFO, _ESP_PANIC = 8266, 679
_ASSERTED = re.compile(r"assert failed: (\w+) [^(]*\((.*)\)", re.DOTALL)
_LEAST_DIGEST = 8
_MACHINE_NAMES = {243: "RISC-V", 62: "x86-64", 3: "x86", 40: "ARM", 183: "AArch64", 94: "Xtensa"}

WITHOUT_HEAPS = "ESP-IDF puts heaps into a core dump only with CONFIG_ESP_COREDUMP_CAPTURE_DRAM"


class Image(NamedTuple):
    """Raw memory at an address, from a file."""

    base: int
    data: bytes
    path: str
    remarks: Tuple[str, ...] = ()


class Dump(NamedTuple):
    """A core: its memory, and what it says beside its bytes."""

    path: str
    source: CoreSource
    saved: Optional[Saved]
    remarks: Tuple[str, ...]

    @property
    def core(self) -> Core:
        """Its headers and notes."""
        return self.source.core


def open_dump(path: str, images: Sequence[Image]) -> Dump:
    """The core in a file, with images beside it, or UserError."""
    try:
        loaded = load_core(path)
        core = parse_core(loaded.data)
    except FileError as problem:
        raise UserError(str(problem)) from None
    except CoreError as problem:
        raise UserError(f"{path}: {problem}") from None
    source = CoreSource(loaded.data, core, saved_ring(core))
    for image in images:
        _refuse_difference(path, image.path, source.difference(image.base, image.data))
        source.add(image.base, image.data)
    if not source.extents():
        raise UserError(f"{path}: this core holds no memory")
    return Dump(path, source, read_saved(core), (*loaded.remarks, *core.remarks))


def _refuse_difference(one: str, other: str, address: Optional[int]) -> None:
    if address is not None:
        raise UserError(
            f"{one} and {other} hold different bytes at {address:#x}: is BASE right? else leave one of them out"
        )


def load_images(texts: Sequence[str]) -> List[Image]:
    """The files of `--image BASE=FILE`. UserError where two of them contradict each other."""
    images = [load_image(text) for text in texts]
    pieces = [Piece(image.base, image.base + len(image.data), 0, image.data) for image in images]
    difference, _ = first_difference(pieces)
    if difference is not None:
        one, other = sorted((difference.one, difference.other))
        _refuse_difference(images[one].path, images[other].path, difference.address)
    return images


def load_image(text: str) -> Image:
    """The file of `--image BASE=FILE`."""
    base, equals, path = text.partition("=")
    try:
        address = int(base, 0)
    except ValueError:
        equals = ""
    if not equals or address < 0:
        raise UserError(f"--image {text}: give BASE=FILE, the base as 0x... or a decimal number")
    try:
        loaded = load_file(path)
    except FileError as problem:
        raise UserError(f"--image {text}: {problem}") from None
    if address + len(loaded.data) > 1 << 64:
        raise UserError(
            f"--image {text}: its {len(loaded.data):,} bytes would end behind the last address: is BASE right?"
        )
    return Image(address, loaded.data[:], path, tuple(f"{path}: {remark}" for remark in loaded.remarks))


def open_program(path: str, dump: Optional[Dump]) -> ElfFile:
    """The program behind --elf, at the addresses at which it ran."""
    try:
        program = ElfFile(path)
    except ProgramError as problem:
        raise UserError(f"--elf {problem}") from None
    if dump is None:
        return program
    core = dump.core
    if (program.pointer_size, program.byte_order) != (core.pointer_size, core.byte_order):
        raise UserError(f"--elf {path} is not the program of {dump.path}: one is of {_bits(core)}, the other is not")
    program.bias = _bias(core, program)
    for address, data in program.constants():
        dump.source.add(address, data)
    return program


def _bits(core: Core) -> str:
    return f"{8 * core.pointer_size} bits, {core.byte_order}-endian"


def _bias(core: Core, program: ElfFile) -> int:
    """How far from where it was linked a program ran: its entry as the kernel told it, less the one it has."""
    told = auxiliary_of(core).get(_AT_ENTRY)
    return 0 if told is None else told - program.entry


def dump_facts(dump: Dump) -> Tuple[str, ...]:
    """What a core is, a line."""
    core = dump.core
    machine = _MACHINE_NAMES.get(core.machine, f"machine {core.machine}")
    size = size_words(sum(one.end - one.start for one in core.segments))
    memory = f"{size} in {counted(len(core.segments), 'segment')}"
    threads = f", {counted(len(threads_of(core)), 'thread')}" if threads_of(core) else ""
    saved = ", saved by memtrace" if dump.saved is not None else ""
    return (f"core   {dump.path}: {machine}, {_bits(core)}: {memory}{threads}{saved}",)


def of_esp_idf(dump: Dump) -> bool:
    """Whether ESP-IDF has written a core."""
    return dump.core.note("ESP_CORE_DUMP_INFO", _ESP_INFO) is not None


def foreign_program(dump: Dump, program: ElfFile) -> Optional[str]:
    """Why this cannot be the program of a core, which may name it; None: nothing speaks against it."""
    data = dump.core.note("ESP_CORE_DUMP_INFO", _ESP_INFO) or b""
    digest = data[4:].split(b"\0")[0].decode("ascii", "replace").lower()
    told = dump.saved.build_id if dump.saved is not None else None
    other = len(digest) >= _LEAST_DIGEST and not program.sha256().startswith(digest)
    if not other and (told is None or program.build_id is None or told == program.build_id):
        return None
    return f"functions and lines are wrong: {program.path} is not the program that made this core: give the right --elf"


def operation_of(dump: Optional[Dump], program: Optional[ElfFile]) -> Operation:
    """What the target was doing: as it was saved, as its panic says, else by where its threads stand."""
    if dump is None:
        return Operation()
    if dump.saved is not None:
        return Operation(*dump.saved.operation, None if not dump.saved.assertion else Assertion(*dump.saved.assertion))
    panic = panic_of(dump)
    if panic is not None:
        return (
            Operation(True, "the allocator has asserted", True, panic) if is_allocator(panic.function) else Operation()
        )
    if program is None:
        return Operation()
    chains = (_calls(dump, program, registers) for registers in threads_of(dump.core))
    return next((operation for operation in map(operation_in, chains) if operation.in_allocator), Operation())


def _calls(dump: Dump, program: ElfFile, registers: Dict[str, int]) -> Stack:
    """The calls that a thread stands in, innermost first."""
    core, symbols = dump.core, ElfSymbols(program)
    machine = machine_of(core.machine, core.pointer_size)
    if machine is None or machine.pc not in registers:
        return ()
    places = Unwinder(program, core.machine, Memory(dump.source).word).places(registers, registers[machine.pc])
    return tuple(frame for place in places for frame in symbols.frames_at(place))


def panic_of(dump: Dump) -> Optional[Assertion]:
    """The assertion that a core of ESP-IDF says it was made for."""
    text = (dump.core.note("ESP_PANIC_DETAILS", _ESP_PANIC) or b"").split(b"\0")[0].decode("utf-8", "replace")
    found = _ASSERTED.search(text)
    return None if found is None else Assertion(message_of(found.group(2)), found.group(1), None)
