# SPDX-License-Identifier: Apache-2.0
"""A live target in the shell, by the remote protocol.

Known memory is what the program (`--elf`) or the user names. Without a program the word format is that in which a named
heap fits.
"""

from __future__ import annotations

from argparse import Namespace
from typing import List, Optional, Sequence, Tuple

from gdbext.analyse.check import Operation
from gdbext.commands.cli import FORMATS, ImageHost
from gdbext.commands.collect import region_named
from gdbext.commands.dumps import open_program
from gdbext.commands.host import FRAGILE, NEVER_RUNS, UNKNOWN_OPERATION, UserError
from gdbext.heap.allocator import LARGEST_HEAP, Named
from gdbext.heap.region import Region
from gdbext.heap.registry import find_named, weight_of
from gdbext.report.printable import say
from gdbext.source.chip import CHIP_MEMORY, chip_memory
from gdbext.source.known import Known
from gdbext.source.memory import Memory
from gdbext.source.rsp import RspConnection, RspSource
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.elf_file import ElfFile
from gdbext.symbols.elf_symbols import ElfSymbols


class RspHost(ImageHost):
    """A live target as the world of a command."""

    def __init__(self, options: Namespace) -> None:
        self._dump = None
        self._program = None if options.elf is None else open_program(options.elf, None)
        self._symbols = None if self._program is None else ElfSymbols(self._program)
        regions = [region_named(self, text) for text in getattr(options, "heap", [])]
        self._connection = RspConnection(options.rsp)
        self._memory = self._of_program() if self._program is not None else self._of_heaps(regions)

    def _of_program(self) -> Memory:
        assert self._program is not None
        return self._in_format(self._program.pointer_size, self._program.byte_order, _known(self._program))

    def _of_heaps(self, regions: Sequence[Region]) -> Memory:
        """In the first format in which a named heap fits."""
        spans = [(region.address, region.address + LARGEST_HEAP) for region in regions]
        formats = (self._in_format(width, order, Known(spans)) for width, order in FORMATS)
        fits = (memory for memory in formats if any(weight_of(memory, region) for region in regions))
        return next(fits, None) or self._in_format(*FORMATS[0], Known(spans))

    def _in_format(self, width: int, order: ByteOrder, known: Known) -> Memory:
        fragile = self._connection.stub.kind == "chip"
        known = known.without_windows() if fragile else known
        return Memory(RspSource(self._connection, width, order), say, known, fragile=fragile)

    def close(self) -> None:
        """Lets the target go."""
        self._connection.close()
        if self._connection.parting is not None:
            say(self._connection.parting)

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target."""
        if self._memory.fragile:
            raise UserError(NEVER_RUNS)
        if not RspSource(self._connection).write(address, data):
            raise UserError(f"{address:#x} cannot be written")

    def facts(self) -> Tuple[str, ...]:
        """Whose symbols are used, and who is on the other side."""
        fragile = (f"link   {FRAGILE}",) if self._memory.fragile else ()
        return (*super().facts(), f"link   {self._connection.describe()}", *fragile)

    def find_heaps(self) -> Named:
        """The heaps that symbols lead to. A live target is not searched unasked."""
        return Named([], []) if self._symbols is None else find_named(self._memory, self._symbols)

    def find_ring(self) -> Optional[int]:
        """What memtrace_ring points to."""
        symbol = None if self._program is None else self._program.address_of("memtrace_ring")
        if symbol is None:
            return None
        self.find_heaps()  # the ring may lie in one: their memory is known from here on
        ring = self._memory.word(symbol)
        if ring is None:
            raise UserError(f"the pointer memtrace_ring at {symbol:#x} cannot be read")
        return ring

    def operation(self) -> Operation:
        """There are no frames."""
        self._memory.remark(UNKNOWN_OPERATION)
        return Operation()


def _known(program: ElfFile) -> Known:
    """The program's sections, the chip's own table of memories, and the neighbourhood of what is written to."""
    sections = program.sections()
    ranges: List[Tuple[int, int]] = [(start, end) for start, end, _ in sections]
    table = program.constant(CHIP_MEMORY)
    ranges += [] if table is None else chip_memory(table, program.pointer_size, program.byte_order)
    return Known(ranges, [(start, end) for start, end, writable in sections if writable])
