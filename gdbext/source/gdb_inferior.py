# SPDX-License-Identifier: Apache-2.0
"""Memory of GDB's selected inferior: live, over a stub, or a core.

A core is read past GDB, from its file: what the core lacks GDB answers from the program's file, and zeros of its .bss
look like any other. Only what no program writes to (code, constants) is asked of GDB.
Assumption, checked: there is a thread. Without one GDB answers reads of .data from the ELF file, and those bytes are
not the target's.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Optional, Tuple, Union

import gdb

from gdbext.model.machine import machine_named
from gdbext.source.core import CoreSource, parse_core
from gdbext.source.files import FileError, load_file
from gdbext.source.known import Range
from gdbext.source.memory import NoTarget
from gdbext.source.saved import saved_ring
from gdbext.source.snapshot import ByteOrder

# Ranges, and those that the program writes to: in their neighbourhood structures may lie.
NamedMemory = Tuple[List[Range], List[Range]]

_SECTION = re.compile(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at 0x[0-9a-f]+: \S+ (.*\bALLOC\b.*)")
_REMOTE = ("remote", "extended-remote")
_CORE_FILE = "Core file:"
_AUXILIARY = re.compile(r"^(\d+)\s+AT_.*\s(0x[0-9a-f]+|\d+)$", re.MULTILINE)
_PHYSICAL = re.compile(r"ar\d+")  # Xtensa's registers behind its windows
_REGION = re.compile(r"^\d+\s+y\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)", re.MULTILINE)


class GdbSource:
    """The selected inferior as a source."""

    def __init__(self, at_condition: bool = False) -> None:
        """`at_condition`: a breakpoint's condition asks. The target stands then, though GDB calls it running."""
        thread = gdb.selected_thread()  # asking the inferior for its threads would ask a running target
        if thread is not None and thread.is_running() and not at_condition:
            raise NoTarget("the target is running: stop it first (Ctrl-C or `interrupt`)")
        if not _is_alive():
            raise NoTarget("no target: connect first (`target remote HOST:PORT` or `core-file FILE`)")
        self.pointer_size = int(gdb.parse_and_eval("sizeof(void *)"))
        self.byte_order: ByteOrder = "big" if "big endian" in gdb.execute("show endian", to_string=True) else "little"

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Exactly `length` bytes, or None."""
        try:
            return bytes(gdb.selected_inferior().read_memory(address, length))
        except gdb.MemoryError:
            if _is_alive():
                return None
            raise NoTarget("the connection to the target is gone: connect again, then repeat the command") from None
        except gdb.error as problem:  # not about memory: GDB 13 says "Invalid hex digit 116" for "timeout"
            if not _is_alive():
                raise NoTarget("the connection to the target is gone: connect again, then repeat the command") from None
            raise NoTarget(
                f"the target does not answer (GDB says: {' '.join(str(problem).split())}): look at the link, raise "
                "`set remotetimeout`, then repeat the command"
            ) from None


def selected_source(at_condition: bool = False) -> Union[GdbSource, CoreSource]:
    """The selected inferior as a source; a core from its own file, if that can be read."""
    live = GdbSource(at_condition)
    if not is_core():
        return live
    program, _, core_sections = gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)
    named = re.match(r"\s*`(.*)', file type", core_sections)
    try:
        core = parse_core(load_file(named.group(1)).data) if named is not None else None
    except FileError:
        core = None
    if core is None:
        return live
    source = CoreSource(core, saved_ring(core))
    for start, end, flags in _sections(program):
        if "READONLY" in flags and "HAS_CONTENTS" in flags:
            try:
                source.add(start, bytes(gdb.selected_inferior().read_memory(start, end - start)))
            except gdb.error:  # of a file that GDB cannot read there: the core lacks it too
                continue
    return source


def _is_alive() -> bool:
    inferior = gdb.selected_inferior()
    return inferior.pid != 0 and len(inferior.threads()) > 0


def inferior_key() -> Tuple[int, int, int]:
    """What tells the selected inferior and its connection from others."""
    inferior = gdb.selected_inferior()
    connection = inferior.connection_num if hasattr(inferior, "connection_num") else 0
    return inferior.num, inferior.pid, connection or 0


def is_core() -> bool:
    """Whether the selected inferior is a core dump."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "core"


def is_fragile() -> bool:
    """Whether the other side is a small stub, as in a chip's panic handler: others know qSupported. Asks nothing."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if gdb.selected_inferior().pid == 0 or (connection is not None and connection.type not in _REMOTE):
        return False
    return "disabled" in gdb.execute("show remote supported-packets-packet", to_string=True)


def named_memory() -> Optional[NamedMemory]:
    """Memory that the program and the target name; None where nothing needs to be named.

    A process of this machine fails cleanly wherever nothing is. A core has its own sections; the writable ones of the
    program are not its: GDB would answer them from the file. `maint info sections` and `info mem` read no memory.
    """
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is not None and connection.type == "native":
        return None
    if is_core():
        program, _, core = gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)
        kept = [(start, end) for start, end, flags in _sections(program) if "READONLY" in flags]
        held = [(start, end) for start, end, flags in _sections(core) if "HAS_CONTENTS" in flags]
        return [*kept, *held], []
    sections, writable = program_memory()
    regions = _REGION.findall(gdb.execute("info mem", to_string=True))
    mapped = [(int(start, 16), int(end, 16)) for start, end in regions]
    return [*sections, *mapped], writable


def program_memory() -> NamedMemory:
    """Memory that the program alone names: for a target that this GDB is not connected to."""
    sections = _sections(gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)[0])
    writable = [(start, end) for start, end, flags in sections if "READONLY" not in flags]
    return [(start, end) for start, end, _ in sections], writable


def machine_number() -> int:
    """The machine of the selected thread, as ELF numbers them; 0: another one."""
    name = gdb.newest_frame().architecture().name()
    machine = machine_named(name)
    return 0 if machine is None else machine.number


def thread_registers(names: Iterable[str]) -> List[Dict[str, int]]:
    """The registers of every thread by name, the selected thread first."""
    chosen, wanted = gdb.selected_thread(), tuple(names)
    threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: (thread.num != chosen.num, thread.num))
    selected, registers = gdb.selected_frame(), []
    try:
        for thread in threads:
            thread.switch()
            frame = gdb.newest_frame()
            values = {name: _register(frame, name) for name in wanted}
            for name in wanted:
                if values[name] is None and _PHYSICAL.fullmatch(name):  # without register windows GDB knows a1 alone
                    values[name] = _register(frame, name.replace("r", ""))
            registers.append({name: value for name, value in values.items() if value is not None})
        return registers
    finally:
        chosen.switch()
        selected.select()


def _register(frame: gdb.Frame, name: str) -> Optional[int]:
    """A register's bits; None: this GDB or this target does not have it."""
    try:
        value = frame.read_register(name)
        held = int(value.cast(gdb.lookup_type("unsigned long long")))
    except (gdb.error, ValueError):
        return None
    return held & ((1 << 8 * value.type.sizeof) - 1)  # most registers are signed, no address is


def auxiliary_vector() -> List[Tuple[int, int]]:
    """What the kernel told a process, by number; a chip has no kernel."""
    try:
        text = gdb.execute("info auxv", to_string=True)
    except gdb.error:
        return []
    return [(int(number), int(value, 0)) for number, value in _AUXILIARY.findall(text)]


def _sections(text: str) -> List[Tuple[int, int, str]]:
    return [(int(start, 16), int(end, 16), flags) for start, end, flags in _SECTION.findall(text)]
