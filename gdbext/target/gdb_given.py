# SPDX-License-Identifier: Apache-2.0
"""Takes out of GDB's frames the pointer that was given to the allocator, or that it was about to hand out.

Approach: among the calls in the allocator the outermost function that frees or resizes has the user's own pointer. If
the compiler has dropped that argument, the value at the function's entry is taken, else the next inner function's.
Limits: a function without debug information has no arguments here.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Tuple

import gdb

from gdbext.heap.names import allocator_run, freed_by, handed_out_by, unwrapped
from gdbext.model.diagnosis import Given
from gdbext.model.events import Stack
from gdbext.symbols.gdb_symbols import argument_of, variable_in


def given_in(frames: Sequence[gdb.Frame], calls: Stack, faulted: bool) -> Optional[Given]:
    """Returns the pointer in these frames, which `calls` describe, innermost first; None if there is none."""
    run = allocator_run(calls)
    found = next(_freed(frames, calls, run), None)
    handed_out = found is None and not faulted and len(run) > 0
    if handed_out:
        found = _handed_out(frames[run.start], calls[run.start].function or "")
    if found is None:
        return None
    pointer, function = found
    outer = list(frames[run.stop :])
    pcs = tuple(dict.fromkeys(frame.pc() for frame in outer))  # an inlined call has the PC of the one around it
    functions = tuple(unwrapped(calls[index].function or "") for index in run)
    return Given(
        pointer, function, tuple(_heaps(frames, calls, run)), pcs, _stack_pointer(outer), handed_out,
        functions=functions,
    )  # fmt: skip


def _freed(frames: Sequence[gdb.Frame], calls: Stack, run: range) -> Iterator[Tuple[int, str]]:
    for index in reversed(run):
        function = calls[index].function or ""
        places = freed_by(function)
        value = None if places is None else argument_of(frames[index], places[0])
        if value:
            yield value, unwrapped(function)


def _heaps(frames: Sequence[gdb.Frame], calls: Stack, run: range) -> Iterator[int]:
    for index in run:
        places = freed_by(calls[index].function or "")
        value = None if places is None or places[1] is None else argument_of(frames[index], places[1])
        if value:
            yield value


def _handed_out(frame: gdb.Frame, function: str) -> Optional[Tuple[int, str]]:
    values = (variable_in(frame, name) for name in handed_out_by(function))
    return next(((value, function) for value in values if value), None)


def _stack_pointer(frames: List[gdb.Frame]) -> int:
    try:
        return int(frames[0].read_register("sp")) if frames else 0
    except (gdb.error, ValueError):
        return 0
