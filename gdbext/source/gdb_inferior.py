# SPDX-License-Identifier: Apache-2.0
"""Memory of GDB's selected inferior: live, over a stub, or a core.

A core is read past GDB, from its file: what the core lacks GDB answers from the program's file, and zeros of its .bss
look like any other. Only what no program writes to (code, constants) is asked of GDB.
Assumption, checked: there is a thread. Without one GDB answers reads of .data from the ELF file, and those bytes are
not the target's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

import gdb

from gdbext.source.known import Range
from gdbext.source.memory import NoTarget
from gdbext.source.snapshot import ByteOrder

if TYPE_CHECKING:
    from gdbext.source.core import CoreSource

_SECTION = re.compile(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at 0x[0-9a-f]+: \S+ (.*\bALLOC\b.*)")
_REMOTE = ("remote", "extended-remote")
_CORE_FILE = "Core file:"
_AUXILIARY = re.compile(r"^(\d+)\s+AT_.*\s(0x[0-9a-f]+|\d+)$", re.MULTILINE)
_MACHINES = {"riscv": 243, "i386:x86-64": 62, "i386": 3, "aarch64": 183, "arm": 40, "xtensa": 94}  # by GDB's names
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


def _constant(address: int, length: int) -> Optional[bytes]:
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    except gdb.error:
        return None


def selected_source(at_condition: bool = False) -> Union[GdbSource, CoreSource]:
    """The selected inferior as a source; a core from its own file, if that can be read."""
    live = GdbSource(at_condition)
    path = core_path() if is_core() else None
    return live if path is None else _core_source(path) or live


def _core_source(path: str) -> Optional[CoreSource]:
    from gdbext.source.core import CoreError, CoreSource, parse_core  # not needed by those who only load us
    from gdbext.source.files import FileError, load_file
    from gdbext.source.saved import saved_ring

    try:
        loaded = load_file(path)
        core = parse_core(loaded.data)
    except (FileError, CoreError):
        return None
    source = CoreSource(loaded.data, core, saved_ring(core))
    sections = _sections(gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)[0])
    for start, end, flags in sections:
        if "READONLY" in flags and "HAS_CONTENTS" in flags:
            source.add(start, _constant(start, end - start) or b"")
    return source


def core_path() -> Optional[str]:
    """The file of the core that GDB has opened."""
    told = gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)[2]
    found = re.match(r"\s*`(.*)', file type", told)
    return None if found is None else found.group(1)


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


class NamedMemory(NamedTuple):
    """Memory that the program and the target name; `writable`: sections in whose neighbourhood structures may lie."""

    ranges: List[Range]
    writable: List[Range]


def named_memory() -> Optional[NamedMemory]:
    """Memory that the program and the target name; None where nothing needs to be named.

    A process of this machine fails cleanly wherever nothing is. A core has its own sections; the writable ones of the
    program are not its: GDB would answer them from the file. `maint info sections` and `info mem` read no memory.
    """
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is not None and connection.type == "native":
        return None
    program, _, core = gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)
    if is_core():
        kept = [(start, end) for start, end, flags in _sections(program) if "READONLY" in flags]
        held = [(start, end) for start, end, flags in _sections(core) if "HAS_CONTENTS" in flags]
        return NamedMemory([*kept, *held], [])
    named = _named_by(program)
    regions = _REGION.findall(gdb.execute("info mem", to_string=True))
    mapped = [(int(start, 16), int(end, 16)) for start, end in regions]
    return NamedMemory([*named.ranges, *mapped], named.writable)


def program_memory() -> NamedMemory:
    """Memory that the program alone names: for a target that this GDB is not connected to."""
    return _named_by(gdb.execute("maint info sections", to_string=True).partition(_CORE_FILE)[0])


def _named_by(text: str) -> NamedMemory:
    sections = _sections(text)
    writable = [(start, end) for start, end, flags in sections if "READONLY" not in flags]
    return NamedMemory([(start, end) for start, end, _ in sections], writable)


def writable_sections() -> List[Range]:
    """Sections of the program that it writes to."""
    return program_memory().writable


def machine_number() -> int:
    """The machine of the selected thread, as ELF numbers them; 0: another one."""
    name = gdb.newest_frame().architecture().name()
    return next((number for start, number in _MACHINES.items() if name.startswith(start)), 0)


def thread_registers(names: Iterable[str]) -> List[Dict[str, int]]:
    """The registers of every thread by name, the selected thread first."""
    chosen, wanted = gdb.selected_thread(), tuple(names)
    threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: (thread.num != chosen.num, thread.num))
    frame = gdb.selected_frame()
    try:
        return [_registers_of(thread, wanted) for thread in threads]
    finally:
        chosen.switch()
        frame.select()


def _registers_of(thread: gdb.InferiorThread, names: Iterable[str]) -> Dict[str, int]:
    thread.switch()
    frame, found = gdb.newest_frame(), {}
    for name in names:
        held = _register(frame, name)
        if held is None and _PHYSICAL.fullmatch(name):
            held = _register(frame, name.replace("r", ""))  # without register windows GDB knows a1 alone
        if held is not None:
            found[name] = held
    return found


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
