# SPDX-License-Identifier: Apache-2.0
"""Which functions are an allocator's own: their frames are not the user's, and a stop in them is an operation under
way. The families say their names; those of the C library are here.
"""

from __future__ import annotations

import re

from gdbext.heap.registry import FAMILIES
from gdbext.model.diagnosis import Operation
from gdbext.model.events import Assertion, Stack
from gdbext.model.said import said
from gdbext.symbols.names import is_assertion

_LIBRARY = r"trace_(malloc|realloc|free)|_?(malloc|free|realloc|calloc|memalign)(_r)?|aligned_alloc"
_OF_FAMILIES = "|".join(family.functions for family in FAMILIES if family.functions)
_ALLOCATOR = re.compile(rf"(__wrap_|__real_)?({_LIBRARY}|{_OF_FAMILIES})")
_SOME_FUNCTION = "the allocator"  # whose name nothing tells
_FILES = frozenset(name for family in FAMILIES for name in family.files)


def is_allocator(function: str) -> bool:
    """Whether a function belongs to an allocator."""
    return _ALLOCATOR.fullmatch(function) is not None


def without_allocator(frames: Stack) -> Stack:
    """Frames, innermost first, without the allocator's own at the inner end; all of them if nothing else is left."""
    first = 0
    while first < len(frames) and is_allocator(frames[first].function or ""):
        first += 1
    return frames[first:] or frames


def operation_in(calls: Stack) -> Operation:
    """What a chain of calls, innermost first, says: whether it leads through an allocator that asserted. The innermost
    call in one is told by its name, else by its source: in the allocator's helpers no name tells, and a debugger may
    see no further out than them.
    """
    files = ((call.file or "").replace("\\", "/").rpartition("/")[2] for call in calls)
    from_source = (index for index, file in enumerate(files) if file in _FILES)
    named = (index for index, call in enumerate(calls) if is_allocator(call.function or ""))
    index = next(named, next(from_source, None))
    if index is None:
        return Operation()
    function = calls[index].function
    why = said("stopped-in-allocator") if function is None else said("stopped-in", function=function)
    if not any(is_assertion(call.function or "") for call in calls[:index]):
        return Operation(True, why)
    return Operation(True, why, True, Assertion("", function or _SOME_FUNCTION, None))
