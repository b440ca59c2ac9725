# SPDX-License-Identifier: Apache-2.0
"""Reads memory of GDB's selected inferior: a live process, a target behind a stub, or a core.

Approach: the file of a core is read here. GDB would answer bytes that the core lacks from the program's file, and zeros
of its .bss look like real ones. GDB is asked only for sections that no program writes to: code and constants.
Assumption, checked: there is a thread. Without one, GDB answers reads of .data from the ELF file, not from the target.
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
from gdbext.source.saved import core_source
from gdbext.source.snapshot import ByteOrder

# All named ranges, and those that the program writes to. Structures without a name may lie near the latter.
NamedMemory = Tuple[List[Range], List[Range]]

_SECTION = re.compile(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at 0x[0-9a-f]+: \S+ (.*\bALLOC\b.*)")
_REMOTE = ("remote", "extended-remote")
CORE_FILE = "Core file:"
_AUXILIARY = re.compile(r"^(\d+)\s+AT_.*\s(0x[0-9a-f]+|\d+)$", re.MULTILINE)
_PHYSICAL = re.compile(r"ar\d+")  # Xtensa's physical registers
_REGION = re.compile(r"^\d+\s+y\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)", re.MULTILINE)


class GdbSource:
    """The selected inferior as a source."""

    def __init__(self, at_condition: bool = False) -> None:
        """`at_condition`: called from a breakpoint's condition: GDB calls the target running, but it is stopped."""
        thread = gdb.selected_thread()  # listing the inferior's threads would query a running target
        if thread is not None and thread.is_running() and not at_condition:
            raise NoTarget("the target is running: stop it first (Ctrl-C or `interrupt`)")
        if not _is_alive():
            raise NoTarget("no target: connect first (`target remote HOST:PORT` or `core-file FILE`)")
        self.pointer_size = int(gdb.parse_and_eval("sizeof(void *)"))
        self.byte_order: ByteOrder = "big" if "big endian" in gdb.execute("show endian", to_string=True) else "little"

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Returns exactly `length` bytes, or None."""
        try:
            return bytes(gdb.selected_inferior().read_memory(address, length))
        except gdb.MemoryError:
            if _is_alive():
                return None
            raise NoTarget("the connection to the target is gone: connect again, then repeat the command") from None
        except gdb.error as problem:  # no memory error: GDB 13 says "Invalid hex digit 116" on a timeout
            if not _is_alive():
                raise NoTarget("the connection to the target is gone: connect again, then repeat the command") from None
            raise NoTarget(
                f"the target does not answer (GDB says: {' '.join(str(problem).split())}): look at the link, raise "
                "`set remotetimeout`, then repeat the command"
            ) from None


def selected_source(at_condition: bool = False) -> Union[GdbSource, CoreSource]:
    """Returns the selected inferior as a source. A core is read from its own file, if that can be read."""
    live = GdbSource(at_condition)
    if not is_core():
        return live
    program, _, core_sections = gdb.execute("maint info sections", to_string=True).partition(CORE_FILE)
    named = re.match(r"\s*`(.*)', file type", core_sections)
    try:
        core = parse_core(load_file(named.group(1)).data) if named is not None else None
    except FileError:
        core = None
    if core is None:
        return live
    source = core_source(core)
    for start, end, flags in _sections(program):
        if "READONLY" in flags and "HAS_CONTENTS" in flags:
            try:
                source.add(start, bytes(gdb.selected_inferior().read_memory(start, end - start)))
            except gdb.error:  # GDB cannot read the section from the file: the core stays without it
                continue
    return source


def _is_alive() -> bool:
    inferior = gdb.selected_inferior()
    return inferior.pid != 0 and len(inferior.threads()) > 0


def inferior_key() -> Tuple[int, int, int]:
    """Returns a key that differs for every inferior, process and connection."""
    inferior = gdb.selected_inferior()
    connection = inferior.connection_num if hasattr(inferior, "connection_num") else 0
    return inferior.num, inferior.pid, connection or 0


def connections() -> List[str]:
    """Returns the addresses of the servers that this GDB is connected to."""
    found = [getattr(inferior, "connection", None) for inferior in gdb.inferiors()]
    return [one.details for one in found if one is not None and one.type in _REMOTE and one.details]


def is_core() -> bool:
    """Returns True if the selected inferior is a core dump."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "core"


def is_fragile() -> bool:
    """Returns True if the target is behind a small stub that lacks qSupported, such as a chip's panic handler.

    This sends nothing to the target.
    """
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if gdb.selected_inferior().pid == 0 or (connection is not None and connection.type not in _REMOTE):
        return False
    return "disabled" in gdb.execute("show remote supported-packets-packet", to_string=True)


def is_watchpoint_refused(address: int, length: int) -> bool:
    """Asks the server to set a watchpoint, and at once to take it away. False if there is no server to ask."""
    place = f"2,{address:x},{length:x}"
    try:
        refused = 'received: "OK"' not in gdb.execute(f"maintenance packet Z{place}", to_string=True)
    except gdb.error:  # a native process
        return False
    if not refused:
        gdb.execute(f"maintenance packet z{place}", to_string=True)
    return refused


def named_memory() -> Optional[NamedMemory]:
    """Returns the memory that the program and the target name. None: all addresses may be read.

    All addresses of a native process may be read, for a read of no memory fails cleanly. A core has its own sections;
    the program's writable ones are left out, for GDB would answer them from the program's file. `maint info sections`
    and `info mem` read no memory.
    """
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is not None and connection.type == "native":
        return None
    if is_core():
        program, _, core = gdb.execute("maint info sections", to_string=True).partition(CORE_FILE)
        kept = [(start, end) for start, end, flags in _sections(program) if "READONLY" in flags]
        contents = [(start, end) for start, end, flags in _sections(core) if "HAS_CONTENTS" in flags]
        return [*kept, *contents], []
    sections, writable = program_memory()
    regions = _REGION.findall(gdb.execute("info mem", to_string=True))
    mapped = [(int(start, 16), int(end, 16)) for start, end in regions]
    return [*sections, *mapped], writable


def program_memory() -> NamedMemory:
    """Returns the memory that the program names, for a target that this GDB is not connected to."""
    sections = _sections(gdb.execute("maint info sections", to_string=True).partition(CORE_FILE)[0])
    writable = [(start, end) for start, end, flags in sections if "READONLY" not in flags]
    return [(start, end) for start, end, _ in sections], writable


def machine_number() -> int:
    """Returns the ELF number of the selected thread's machine; 0 if memtrace does not know the machine."""
    name = gdb.newest_frame().architecture().name()
    machine = machine_named(name)
    return 0 if machine is None else machine.number


def thread_registers(names: Iterable[str]) -> List[Dict[str, int]]:
    """Returns the registers of every thread by name. The selected thread comes first."""
    chosen, wanted = gdb.selected_thread(), tuple(names)
    threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: (thread.num != chosen.num, thread.num))
    selected, registers = gdb.selected_frame(), []
    try:
        for thread in threads:
            thread.switch()
            frame = gdb.newest_frame()
            values = {name: _register(frame, name) for name in wanted}
            for name in wanted:
                if values[name] is None and _PHYSICAL.fullmatch(name):  # GDB without windows: only a1, no ar1
                    values[name] = _register(frame, name.replace("r", ""))
            registers.append({name: value for name, value in values.items() if value is not None})
        return registers
    finally:
        chosen.switch()
        selected.select()


def _register(frame: gdb.Frame, name: str) -> Optional[int]:
    """Returns the bits of a register as unsigned, or None if this GDB or this target does not have it."""
    try:
        value = frame.read_register(name)
        bits = int(value.cast(gdb.lookup_type("unsigned long long")))
    except (gdb.error, ValueError):
        return None
    return bits & ((1 << 8 * value.type.sizeof) - 1)  # GDB calls most registers signed, but addresses are not


def auxiliary_vector() -> List[Tuple[int, int]]:
    """Returns the auxiliary vector of a process as (number, value); [] if there is none, as on a chip."""
    try:
        text = gdb.execute("info auxv", to_string=True)
    except gdb.error:
        return []
    return [(int(number), int(value, 0)) for number, value in _AUXILIARY.findall(text)]


def _sections(text: str) -> List[Tuple[int, int, str]]:
    return [(int(start, 16), int(end, 16), flags) for start, end, flags in _SECTION.findall(text)]
