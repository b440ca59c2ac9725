# SPDX-License-Identifier: Apache-2.0
"""A live target that memtrace asks by its own client of the remote protocol, in the shell and beside GDB's connection.

Known memory is what the program or the user names. An address is a number, &NAME, or the NAME of a global pointer: an
expression of GDB's would be answered from the program's file.
"""

from __future__ import annotations

import re
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
from gdbext.target.settings import Settings
from gdbext.target.target import NEVER_RUNS, NoProgram

_NAME = re.compile(r"&?[A-Za-z_]\w*")


class RspBytes:
    """The memory behind a connection."""

    saved: Optional[Saved] = None
    is_file = False
    why_no_heaps: Optional[Said] = None

    def __init__(self, address: str, say: Say, settings: Settings) -> None:
        self._connection = RspConnection(address)
        self.fragile = self._connection.kind == "chip"  # a small stub, which a guess may break
        self._say = say
        self._plan = settings.plan
        self._program: Program = NoProgram()
        self._memory: Optional[Memory] = None

    def in_format(self, width: int, order: ByteOrder, known: Known) -> Memory:
        """The memory in a word format, as far as it is known."""
        source = RspSource(self._connection, width, order)
        return Memory(source, self._say, Known(known.ranges) if self.fragile else known, self._plan, self.fragile)

    def use(self, memory: Memory, program: Program) -> None:
        """Takes this for the memory, and this program for the names in it."""
        self._memory, self._program = memory, program

    def memory(self) -> Memory:
        """The memory that was taken."""
        if self._memory is None:
            raise UserError("the target's word format is not known: name the program, or a heap")
        return self._memory

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target."""
        if self.fragile:
            raise UserError(NEVER_RUNS)
        if not RspSource(self._connection).write(address, data):
            raise UserError(f"{address:#x} cannot be written")

    def address(self, text: str) -> int:
        """A number, &NAME, or what the pointer NAME holds."""
        try:
            return int(text, 0)
        except ValueError:
            pass
        place = self._program.address_of(text.lstrip("&")) if _NAME.fullmatch(text) else None
        if place is None:
            raise UserError(f"{text}: with --rsp give a number, &NAME, or the NAME of a global pointer")
        value = place if text.startswith("&") else self.memory().word(place)
        if value is None:
            width = self.memory().source.pointer_size
            raise UserError(f"{text}: its {width} bytes at {place:#x} cannot be read")
        return value

    def facts(self) -> Sequence[Text]:
        """Who is on the other side."""
        return [said("link-to", whom=self._connection.describe()), *([said("link-fragile")] if self.fragile else [])]

    def close(self) -> None:
        """Lets the target go."""
        self._connection.close()
        if self._connection.parting is not None:
            self._say(self._connection.parting)
