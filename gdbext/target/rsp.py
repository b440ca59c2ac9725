# SPDX-License-Identifier: Apache-2.0
"""The memory of a live target behind memtrace's own client of the remote protocol, in the shell and in GDB.

Approach: known memory is named by the program or the user.
"""

from __future__ import annotations

from typing import Optional, Sequence

from gdbext.model.errors import UserError
from gdbext.model.said import Said, Text, said
from gdbext.source.known import Known
from gdbext.source.link import Say
from gdbext.source.memory import Memory
from gdbext.source.rsp import RspConnection, RspSource
from gdbext.source.saved import Saved
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.shapes import Program
from gdbext.target.addresses import address_in
from gdbext.target.settings import Settings
from gdbext.target.target import NEVER_RUNS, NoProgram, fitting


class RspBytes:
    """The memory behind a connection."""

    saved: Optional[Saved] = None
    is_file = False
    why_no_heaps: Optional[Said] = None

    def __init__(self, address: str, say: Say, settings: Settings) -> None:
        self._connection = RspConnection(address)
        self.fragile = self._connection.kind == "chip"  # a small stub, which a wrong guess may break
        self._say = say
        self._plan = settings.plan
        self._program: Program = NoProgram()
        self._memory: Optional[Memory] = None

    def in_format(self, width: int, order: ByteOrder, known: Known) -> Memory:
        """Returns the known memory in a word format."""
        source = RspSource(self._connection, width, order)
        return Memory(source, self._say, Known(known.ranges) if self.fragile else known, self._plan, self.fragile)

    def use(self, memory: Memory, program: Program) -> None:
        """Sets the memory, and the program for the names in it."""
        self._memory, self._program = memory, program

    def memory(self) -> Memory:
        """Returns the memory. UserError if `use` has set none."""
        if self._memory is None:
            raise UserError("the target's word format is not known: name the program, or a heap")
        return self._memory

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target. UserError if it refuses or is a fragile stub."""
        if self.fragile:
            raise UserError(NEVER_RUNS)
        if not RspSource(self._connection).write(address, data):
            raise UserError(f"{address:#x} cannot be written")

    def address(self, text: str) -> int:
        """Parses a number, NAME, &NAME or NAME+OFFSET."""
        memory = self.memory()
        return fitting(text, address_in(text, self._program, memory), memory.source.pointer_size)

    def facts(self) -> Sequence[Text]:
        """Returns sentences that describe the stub."""
        return [said("link-to", whom=self._connection.describe()), *([said("link-fragile")] if self.fragile else [])]

    def close(self) -> None:
        """Lets go of the target, and warns if it may stay halted."""
        self._connection.close()
        if self._connection.parting is not None:
            self._say(self._connection.parting)
