# SPDX-License-Identifier: Apache-2.0
"""Memory of GDB's selected inferior: live, over a stub, or a core.

Assumption, checked: there is a thread. Without one GDB answers reads of .data from the ELF file, and those bytes are
not the target's.
"""

from __future__ import annotations

from typing import Optional

import gdb

from gdbext.source.snapshot import ByteOrder


class NoTarget(Exception):
    """There is nothing to read from; the text says what to do."""


class GdbSource:
    """The selected inferior as a source."""

    def __init__(self) -> None:
        if not _is_alive():
            raise NoTarget("no target: connect first (`target remote HOST:PORT` or `core-file FILE`)")
        self.pointer_size = int(gdb.parse_and_eval("sizeof(void *)"))
        self.byte_order: ByteOrder = "big" if "big endian" in gdb.execute("show endian", to_string=True) else "little"

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Exactly `length` bytes, or None."""
        try:
            return bytes(gdb.selected_inferior().read_memory(address, length))
        except gdb.error:  # gdb.MemoryError, or what GDB makes of a link that no longer answers
            if not _is_alive():
                raise NoTarget("the connection to the target is gone: connect again, then repeat the command") from None
            return None


def _is_alive() -> bool:
    inferior = gdb.selected_inferior()
    return inferior.pid != 0 and len(inferior.threads()) > 0
