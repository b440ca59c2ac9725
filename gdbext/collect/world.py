# SPDX-License-Identifier: Apache-2.0
"""Gets the variables from the program, and the threads and registers from the debugger: the roots of a scan."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from gdbext.model.machine import Machine
from gdbext.source.registers import stack_pointer, without_dead_windows
from gdbext.target.target import Registers, Target

# A thread: its name, where the used part of its stack begins (0: not known), and its registers.
Thread = Tuple[str, int, Registers]
Section = Tuple[str, int, int]  # name, start and end


def sections_of(target: Target) -> Tuple[List[Section], List[Section]]:
    """Returns the program's writable sections, and those that a file lacks. A file without any gives all its memory."""
    sections, memory = target.program.writable(), target.bytes.memory()
    if not target.bytes.is_file:
        return sections, []
    there = [(name, start, end) for name, start, end in sections if memory.may_read(start, start + 1)]
    absent = [section for section in sections if section not in there]
    return there or [("memory", start, end) for start, end in memory.ranges()], absent


def threads_named(machine: Optional[Machine], registers: Sequence[Registers]) -> List[Thread]:
    """Returns the threads of a target, one for each set of registers."""
    below = 0 if machine is None else machine.below
    pointers = [0 if machine is None else max(0, stack_pointer(machine, values) - below) for values in registers]
    return [
        (f"thread {number + 1}", pointer, without_dead_windows(values))
        for number, (pointer, values) in enumerate(zip(pointers, registers))
    ]
