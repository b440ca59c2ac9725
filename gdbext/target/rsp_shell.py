# SPDX-License-Identifier: Apache-2.0
"""Makes a live target in the shell. Known memory is named by the program (`--elf`) or the user.

Without a program, the word format is the one that fits the heaps on the command line.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional, Sequence

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.model.errors import UserError
from gdbext.source.chip import CHIP_MEMORY, chip_memory, heap_memory
from gdbext.source.known import Known, parse_ranges
from gdbext.source.link import Say
from gdbext.target.addresses import number_of
from gdbext.target.core import open_program
from gdbext.target.formats import best_format, region_named
from gdbext.target.rsp import RspBytes
from gdbext.target.settings import Settings
from gdbext.target.target import Code, Debugger, NoProgram, Target


@contextmanager
def rsp_target(
    address: str, elf: Optional[str], heaps: Sequence[str], more: Sequence[str], say: Say
) -> Iterator[Target]:
    """Connects to the target at an address, and lets go of it at the end. `more`: further memory, as START,END."""
    try:
        named = [span for text in more for span in parse_ranges(text)]
    except ValueError as problem:
        raise UserError(f"--memory {problem}") from None
    program = None if elf is None else open_program(elf, None)
    regions = [region_named(text, number_of) for text in heaps] if program is None else []
    settings = Settings()
    data = RspBytes(address, say, settings)
    try:
        code: Code = NoProgram()
        if program is not None:
            code = program
            # Known are the program's sections, the chip's memories, and the neighbourhoods of writable sections.
            sections, table = program.sections(), program.constant(CHIP_MEMORY)
            spans = [(start, end) for start, end, _ in sections]
            spans += [] if table is None else chip_memory(table, program.pointer_size, program.byte_order)
            spans += heap_memory(program.address_of)
            known = Known([*spans, *named], [(start, end) for start, end, writable in sections if writable])
            memory = data.in_format(program.pointer_size, program.byte_order, known)
            memory.standing += program.remarks
        else:
            spans = [*named, *((region.address, region.address + LARGEST_HEAP) for region in regions)]
            memory = best_format(lambda width, order: data.in_format(width, order, Known(spans)), regions)
        data.use(memory, code)
        yield Target(data, code, Debugger(over=memory), settings)
    finally:
        data.close()
