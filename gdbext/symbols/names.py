# SPDX-License-Identifier: Apache-2.0
"""Recognises library functions by name: those that copy to a given address, and those in which a program dies; and the
variable of sbrk.

A program dies in a failed assertion, in abort, or in a fault that nothing handles. Each system leads them all to a
function of its own, which is where a debugger waits for them. The patterns are compiled when they are first asked, by
`re` itself.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, List, Tuple

# The recorder's functions at a failed assertion. The first is called by the second, which returns to the assertion.
HOOK, HOOK_CALLER = "memtrace_assert_stop", "memtrace_assert_failed"

_ASSERTION = (
    r"memtrace_assert\w*|_{0,2}assert|up_assert|panic_abort|esp_system_abort|vAssertCalled|assert_post_action"
    r"|__panic_func|(__GI_)?(__assert\w*|_*abort|raise)"  # glibc's debug information has the prefix
)
# Functions of the C library and of systems that only a fault without a handler, or a panic, calls.
_FAULT = (
    r"esp_panic_handler|panic_handler|_panic_handler|panic_from_(exception|isr)|panicHandler|xt_unhandled_exception"
    r"|_xt_panic|riscv_(exception|fault)|arm_(hard|bus|mem|usage)fault|xtensa_(user_)?panic"
    r"|(Hard|Bus|Usage)Fault_Handler|MemManage_Handler|z_fatal_error|z_\w+_fault|k_sys_fatal_error_handler"
    r"|rt_hw_hard_fault_exception"
)
# Functions that see every death of the program, by system; the first system that the program has counts.
_ENDS = (
    ("esp_panic_handler",),  # ESP-IDF 4.2 and later
    ("panicHandler", "xt_unhandled_exception"),  # before
    ("_assert",),  # NuttX
    ("up_assert",),  # NuttX before 11
    ("z_fatal_error",),  # Zephyr
    ("__assert_func", "vAssertCalled", "abort"),  # a C library or FreeRTOS alone: none of these sees them all
)
STOP_FUNCTIONS = (HOOK, *(name for names in _ENDS for name in names))

# Functions that systems call where an allocation fails; the first that the program has counts.
FAILURE_FUNCTIONS = ("heap_caps_alloc_failed", "vApplicationMallocFailedHook")

_COPIER = r"_*(mem(set|cpy|move|ccpy|pcpy)|st[rp]n?(cpy|cat)|bcopy|bzero|v?sn?printf)\w*"

# What sbrk calls its variable: in libgloss, STM32CubeMX, pico-sdk, picolibc, and boards' own files; then its like.
_SBRK_NAMES = (
    "heap_end", "__sbrk_heap_end", "curbrk", "__curbrk", "current_heap_end", "brk", "__brkval", "heap_ptr", "_sbrk_ptr",
)  # fmt: skip
_LIKE_SBRK = r"_*(?:(?:current_|cur_|prev_|sbrk_|s_)?_*(?:sbrk_)?heap_?(?:end|ptr|top)|cur_?brk|brk|current_break)"


def sbrk_variables(objects: Iterable[Tuple[str, int, int]], word: int) -> List[int]:
    """Returns the addresses of the variables that may say how far sbrk has come, the likeliest first. `objects`: name,
    address and size of a program's variables.
    """
    found: List[Tuple[int, int]] = []
    for name, place, size in objects:
        base = name.split(".")[0]  # compilers add a number to the names of variables inside of functions
        if size == word and base in _SBRK_NAMES:
            found.append((_SBRK_NAMES.index(base), place))
        elif size == word and re.fullmatch(_LIKE_SBRK, base):
            found.append((len(_SBRK_NAMES), place))
    return [place for _, place in sorted(found, key=lambda one: one[0])]


def is_copier(function: str) -> bool:
    """Returns True if a function writes to an address that its caller gives."""
    return re.fullmatch(_COPIER, function) is not None


def is_assertion(function: str) -> bool:
    """Returns True if a function is called when an assertion fails or the program gives up."""
    return re.fullmatch(_ASSERTION, function) is not None


def is_fault(function: str) -> bool:
    """Returns True if a function is called when the processor meets a fault that nothing handles."""
    return re.fullmatch(_FAULT, function) is not None


def stop_functions(has: Callable[[str], bool]) -> List[str]:
    """Returns the functions that together see every death of a program. `has` tells whether it has a function."""
    ends = ([name for name in names if has(name)] for names in _ENDS)
    return [*filter(has, [HOOK]), *next(filter(None, ends), [])]
