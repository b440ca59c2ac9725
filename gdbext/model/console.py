# SPDX-License-Identifier: Apache-2.0
"""What a console text shows, as data: lines, and the crashes that they tell of. What it means says analyse/console."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.record import Record


class Line(Record):
    """A line as the device wrote it: without colours, time stamps, quotes and what else a monitor has put around it."""

    number: int  # in the file, from 1 on
    text: str


class Crash(Record):
    """One incident: a panic, an abort, a failed check of a heap, a watchdog's report, with all lines that are of it.

    What is not in the text is None or empty.
    """

    line: int  # number of the first line
    lines: Tuple[Line, ...]  # that may say why, in order: the first 512 of them; no register or memory dumps
    before: Tuple[Line, ...] = ()  # the last 64 lines before it, of the same start: the reason often stands there
    start: int = 0  # how many starts of a device the text has shown before it
    heaps: Tuple[Tuple[int, int], ...] = ()  # that this start has named (heap_init: At ... len ...): address, bytes
    told: Stack = ()  # what a monitor's lines (--- 0x...: NAME at FILE:LINE) call addresses, the innermost of each
    chip: Optional[str] = None  # "esp32", "esp32c3" ...
    framework: Optional[str] = None  # "ESP-IDF 5.2.3", "Zephyr", "NuttX", "Arduino-ESP32" ...
    architecture: Optional[str] = None  # "riscv", "xtensa", "arm"
    task: Optional[str] = None
    core: Optional[int] = None
    registers: Tuple[Tuple[str, int], ...] = ()
    pc: Optional[int] = None  # where it stopped: the address itself, not a return address
    backtrace: Tuple[int, ...] = ()  # PCs as the text prints them, wrong ones included, innermost first
    calls: Tuple[int, ...] = ()  # the address of each one's call: in a return address's place, that of the byte before
    # "line": the text has it; "gdb": GDB's frames in it; "records": ours; "unwound", "scan": made from `stack`
    backtrace_by: str = ""
    is_corrupted: bool = False  # the text itself says so of its backtrace: |<-CORRUPTED
    stack: Tuple[Tuple[int, bytes], ...] = ()  # pieces of memory that the text shows: address, bytes
    elf_sha256: Optional[str] = None  # as far as the text has it
    build_id: Optional[str] = None
    is_cut: bool = False  # the text ends, or bytes are lost, inside of it

    @property
    def named_registers(self) -> Mapping[str, int]:
        """The registers by name, in lower case."""
        return dict(self.registers)
