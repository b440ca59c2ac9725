# SPDX-License-Identifier: Apache-2.0
"""Knows the functions that belong to an allocator. Their frames are not the user's, and a stop in one of them is an
operation under way. The families name their own functions; those of the C library are here.

The patterns are compiled when they are first asked, by `re` itself: to compile them costs more than all else here, and
a check without a trace asks none.
"""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, Optional, Tuple

from gdbext.heap.registry import FAMILIES
from gdbext.model.diagnosis import Operation
from gdbext.model.events import Assertion, Frame, Stack
from gdbext.model.said import said
from gdbext.symbols.names import is_assertion, is_fault

_LIBRARY = r"trace_(malloc|realloc|free)|_?(malloc|free|realloc|calloc|memalign)(_r)?|aligned_alloc|zalloc"
_OF_FAMILIES = "|".join(family.functions for family in FAMILIES.values() if family.functions)
ALLOCATORS = rf"(__wrap_|__real_)?({_LIBRARY}|{_OF_FAMILIES})"  # a pattern of their whole names
_SOME_FUNCTION = "the allocator"  # stands for a function without a name
_FREES: Dict[str, Tuple[int, Optional[int]]] = {"free": (0, None), "realloc": (0, None)}  # the C library's
_HANDS_OUT: Dict[str, Tuple[str, ...]] = {}
for _family in FAMILIES.values():
    _FREES.update(_family.frees)
    _HANDS_OUT.update(_family.hands_out)
_WRAPPED = r"^(__wrap_|__real_)"
# Functions that allocate for their callers and belong to no allocator: of C libraries, C++'s library, frameworks.
_LIBRARY_WRAPPERS = (
    r"operator\snew\b.*|(?:std|__gnu_cxx|__cxxabiv1)::.*|_Zn[aw][jmy].*"
    r"|(?:__)?(?:v?asprintf|strn?dup|reallocarray|getline|getdelim|realpath)(?:_r)?|posix_memalign|p?valloc"
    r"|(?:x|g_|os_|k_|ps_|lv_|lv_mem_|cJSON_|media_lib_|audio_|esp_gmf_oal_|mbedtls_|esp_mbedtls_mem_|wifi_|nm_"
    r"|memtrace_module_)(?:m|c|z|re)?alloc\w*|(?:x|g_|lv_|media_lib_|audio_|memtrace_module_)strn?dup"
)
_WRAPPERS = "|".join([_LIBRARY_WRAPPERS, *(one.wrappers for one in FAMILIES.values() if one.wrappers)])
_SEARCHES = "|".join([r"\w*alloc\w*", *(one.searches for one in FAMILIES.values() if one.searches)])
_WRAPPER_FILES = r"media_lib_\w+\.c|(?:audio|codec)_mem\.c|msg_q\.c|linear_buffer\.c"
# What C++'s containers ask for memory by: all that it calls is an allocator, whatever its name.
_ASKS_ALLOCATOR = r"(?:std|__gnu_cxx)::(?:__\w+::)*(?:__)?alloc(?:ator)?_traits<.*>::allocate\b.*"
_LIBRARY_FOLDER = r"/(?:include|include/\w+)/c\+\+/"
_FILES = frozenset(name for family in FAMILIES.values() for name in family.files)


def is_allocator(function: str) -> bool:
    """True if a function belongs to an allocator."""
    return re.fullmatch(ALLOCATORS, function) is not None


def unwrapped(function: str) -> str:
    """Returns the name of a function without what the linker's --wrap puts in front of it."""
    return re.sub(_WRAPPED, "", function, count=1)


def freed_by(function: str) -> Optional[Tuple[int, Optional[int]]]:
    """Returns the positions of block and heap (None: there is none) among the arguments of a function that frees or
    resizes a block. None if it is no such function.
    """
    return _FREES.get(unwrapped(function))


def owners_of(function: str) -> FrozenSet[str]:
    """Returns the families of allocators that have a function which frees; several may share its name."""
    name = unwrapped(function)
    return frozenset(family for family, one in FAMILIES.items() if name in one.frees)


def is_named_by(family: str, function: str) -> bool:
    """True if a family of allocators has a function of this name."""
    return re.fullmatch(FAMILIES[family].functions, unwrapped(function)) is not None


def looks_for_memory(function: str) -> bool:
    """True if a function looks for memory: users take its assertion for a lack of it."""
    return re.fullmatch(_SEARCHES, function) is not None


def handed_out_by(function: str) -> Tuple[str, ...]:
    """Returns the names of a function's variables for the block that it hands out; () if it hands out none."""
    return _HANDS_OUT.get(unwrapped(function), ())


def allocator_run(calls: Stack) -> range:
    """Returns the positions of the innermost calls in a row that are in an allocator, by name or by source file. One
    call between two of them, such as the helper of a wrapper, counts as theirs.
    """
    inside = [is_allocator(call.function or "") or _file(call) in _FILES for call in calls]
    first = stop = inside.index(True) if True in inside else len(calls)
    while any(inside[stop : stop + 2]):
        stop += 1
    return range(first, stop)


def sees_no_user(calls: Stack) -> bool:
    """True if a chain of calls ends among the functions that a death leads to: the debugger sees no further."""
    return all(is_assertion(call.function or "") or is_fault(call.function or "") for call in calls)


def without_allocator(frames: Stack) -> Stack:
    """Returns the frames, innermost first, without the allocator's at the inner end. If no other frame is left, it
    returns all.
    """
    first = 0
    while first < len(frames) and is_allocator(frames[first].function or ""):
        first += 1
    return frames[first:] or frames


def is_wrapper(frame: Frame) -> bool:
    """True if a call allocates for its caller: an allocator, or one of the wrappers around it that are known."""
    function, file = frame.function or "", (frame.file or "").replace("\\", "/")
    return (
        is_allocator(function)
        or re.fullmatch(_WRAPPERS, function) is not None
        or re.fullmatch(_WRAPPER_FILES, _file(frame)) is not None
        or re.search(_LIBRARY_FOLDER, file) is not None
    )


def asks_allocator(frame: Frame) -> bool:
    """True if a call is that of C++'s library to the allocator of a container, which may be one of the user's."""
    return "_traits<" in (frame.function or "") and re.fullmatch(_ASKS_ALLOCATOR, frame.function or "") is not None


def operation_in(calls: Stack, faulted: bool = False) -> Operation:
    """Returns the allocator's operation in a chain of calls, innermost first, and what ended it: an assertion, or a
    fault of the processor. `faulted`: the innermost call met one. The innermost call in the allocator is found by its
    name, else by its source file: the names of helpers are not known, and a debugger may see no further out than them.
    """
    from_source = (index for index, call in enumerate(calls) if _file(call) in _FILES)
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


def _file(call: Frame) -> str:
    return (call.file or "").replace("\\", "/").rpartition("/")[2]
