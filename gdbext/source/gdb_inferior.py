# SPDX-License-Identifier: Apache-2.0
"""Memory of GDB's selected inferior: live, over a stub, or a core.

Assumption, checked: there is a thread. Without one GDB answers reads of .data from the ELF file, and those bytes are
not the target's.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

import gdb

from gdbext.source.known import Range
from gdbext.source.memory import NoTarget
from gdbext.source.snapshot import ByteOrder

_SECTION = re.compile(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at 0x[0-9a-f]+: \S+ (.*\bALLOC\b.*)")
_REMOTE = ("remote", "extended-remote")
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
    program, _, core = gdb.execute("maint info sections", to_string=True).partition("Core file:")
    if is_core():
        kept = [(start, end) for start, end, flags in _sections(program) if "READONLY" in flags]
        return NamedMemory([*kept, *((start, end) for start, end, _ in _sections(core))], [])
    named = _named_by(program)
    regions = _REGION.findall(gdb.execute("info mem", to_string=True))
    mapped = [(int(start, 16), int(end, 16)) for start, end in regions]
    return NamedMemory([*named.ranges, *mapped], named.writable)


def program_memory() -> NamedMemory:
    """Memory that the program alone names: for a target that this GDB is not connected to."""
    return _named_by(gdb.execute("maint info sections", to_string=True).partition("Core file:")[0])


def _named_by(text: str) -> NamedMemory:
    sections = _sections(text)
    writable = [(start, end) for start, end, flags in sections if "READONLY" not in flags]
    return NamedMemory([(start, end) for start, end, _ in sections], writable)


def _sections(text: str) -> List[Tuple[int, int, str]]:
    return [(int(start, 16), int(end, 16), flags) for start, end, flags in _SECTION.findall(text)]
