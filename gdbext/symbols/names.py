# SPDX-License-Identifier: Apache-2.0
"""Which functions are the allocator's own: their frames are not the user's, and a stop in them is an operation under
way.
"""

from __future__ import annotations

import re
from typing import Optional

from gdbext.model import Stack

# What is linked where ESP-IDF's own heap tracing is started, and where its task tracking is compiled in.
HEAP_TRACING = "heap_trace_start"
TASK_TRACKING = "heap_caps_update_per_task_info_alloc"

_ALLOCATOR = re.compile(
    r"(__wrap_|__real_)?"
    r"(tlsf_\w+|multi_heap_\w+|heap_caps_\w+|trace_(malloc|realloc|free)|_?(malloc|free|realloc|calloc|memalign)(_r)?|aligned_alloc|pvPort\w*alloc|vPortFree)"
)


_ALLOCATORS_FILES = frozenset(
    (
        "tlsf.c",
        "heap_tlsf.c",
        "multi_heap.c",
        "multi_heap_poisoning.c",
        "heap_caps.c",
        *(f"heap_{number}.c" for number in range(1, 6)),
    )
)

_ASSERTION = re.compile(r"memtrace_assert\w*|__assert\w*|_*abort|panic_abort|esp_system_abort|raise|vAssertCalled")


_COPIER = re.compile(r"_*(mem(set|cpy|move|ccpy|pcpy)|st[rp]n?(cpy|cat)|bcopy|bzero|v?sn?printf)\w*")


def is_copier(function: str) -> bool:
    """Whether a function writes where its caller tells it."""
    return _COPIER.fullmatch(function) is not None


def is_assertion(function: str) -> bool:
    """Whether a function is on the way of a failed assertion."""
    return _ASSERTION.fullmatch(function) is not None


def is_allocator(function: str) -> bool:
    """Whether a function belongs to an allocator."""
    return _ALLOCATOR.fullmatch(function) is not None


def innermost_allocator(calls: Stack) -> Optional[int]:
    """Which of some calls, innermost first, is in an allocator: by its name, else by its source, for in the allocator's
    helpers no name tells, and a debugger may see no further out than them.
    """
    named = (index for index, call in enumerate(calls) if is_allocator(call.function or ""))
    from_source = (index for index, call in enumerate(calls) if _is_allocators_file(call.file or ""))
    return next(named, next(from_source, None))


def _is_allocators_file(path: str) -> bool:
    return path.replace("\\", "/").rpartition("/")[2] in _ALLOCATORS_FILES


def without_allocator(frames: Stack) -> Stack:
    """Frames, innermost first, without the allocator's own at the inner end; all of them if nothing else is left."""
    first = 0
    while first < len(frames) and is_allocator(frames[first].function or ""):
        first += 1
    return frames[first:] or frames
