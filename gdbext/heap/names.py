# SPDX-License-Identifier: Apache-2.0
"""Knows the functions that belong to an allocator. Their frames are not the user's, and a stop in one of them is an
operation under way. The families name their own functions; those of the C library are here.
"""

from __future__ import annotations

import re

from gdbext.heap.registry import FAMILIES
from gdbext.model.diagnosis import Operation
from gdbext.model.events import Assertion, Stack
from gdbext.model.said import said
from gdbext.symbols.names import is_assertion, is_fault

_LIBRARY = r"trace_(malloc|realloc|free)|_?(malloc|free|realloc|calloc|memalign)(_r)?|aligned_alloc"
_OF_FAMILIES = "|".join(family.functions for family in FAMILIES if family.functions)
_ALLOCATOR = re.compile(rf"(__wrap_|__real_)?({_LIBRARY}|{_OF_FAMILIES})")
_SOME_FUNCTION = "the allocator"  # stands for a function without a name
_FILES = frozenset(name for family in FAMILIES for name in family.files)


def is_allocator(function: str) -> bool:
    """True if a function belongs to an allocator."""
    return _ALLOCATOR.fullmatch(function) is not None


def without_allocator(frames: Stack) -> Stack:
    """Returns the frames, innermost first, without the allocator's at the inner end. If no other frame is left, it
    returns all.
    """
    first = 0
    while first < len(frames) and is_allocator(frames[first].function or ""):
        first += 1
    return frames[first:] or frames


def operation_in(calls: Stack, faulted: bool = False) -> Operation:
    """Returns the allocator's operation in a chain of calls, innermost first, and what ended it: an assertion, or a
    fault of the processor. `faulted`: the innermost call met one. The innermost call in the allocator is found by its
    name, else by its source file: the names of helpers are not known, and a debugger may see no further out than them.
    """
    files = ((call.file or "").replace("\\", "/").rpartition("/")[2] for call in calls)
    from_source = (index for index, file in enumerate(files) if file in _FILES)
    named = (index for index, call in enumerate(calls) if is_allocator(call.function or ""))
    index = next(named, next(from_source, None))
    if index is None:
        return Operation()
    function = calls[index].function
    why = said("stopped-in-allocator") if function is None else said("stopped-in", function=function)
    inner = [call.function or "" for call in calls[:index]]
    asserted = any(map(is_assertion, inner))
    if not asserted and not faulted and not any(map(is_fault, inner)):
        return Operation(True, why)
    return Operation(True, why, True, Assertion("", function or _SOME_FUNCTION, None, not asserted))
