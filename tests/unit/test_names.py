# SPDX-License-Identifier: Apache-2.0
"""What a chain of calls says of an allocator, by names and by sources."""

from __future__ import annotations

import pytest

from gdbext.heap.names import operation_in, sees_no_user
from gdbext.model.diagnosis import Operation
from gdbext.model.events import Assertion, Frame
from gdbext.model.said import said
from gdbext.symbols.names import sbrk_variables, stop_functions

_USER = ("app_main", "main.c")
_MALLOC = ("tlsf_malloc", "components/heap/tlsf/tlsf.c")
_HELPER = ("block_split", "C:\\idf\\heap\\tlsf\\tlsf.c")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((_USER,), Operation()),
        ((_HELPER, _MALLOC, _USER), Operation(True, said("stopped-in", function="tlsf_malloc"))),
        ((_HELPER, _USER), Operation(True, said("stopped-in", function="block_split"))),
        (
            (("abort", "abort.c"), _HELPER, _USER),
            Operation(True, said("stopped-in", function="block_split"), True, Assertion("", "block_split", None)),
        ),
        ((("abort", "abort.c"), _USER), Operation()),
    ],
    ids=["user", "named", "by-source", "asserted", "abort"],
)
def test_a_chain_of_calls_says_whether_an_allocator_is_at_work(
    calls: tuple[tuple[str, str], ...], expected: Operation
) -> None:
    """A name is worth more than a source: both faces then say the same function."""
    assert operation_in(tuple(Frame(0, function, file) for function, file in calls)) == expected


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ("esp_panic_handler panic_handler xt_unhandled_exception _panic_handler", True),
        ("esp_panic_handler panic_handler _panic_handler panic_abort esp_system_abort abort app_main", False),
        ("abort __assert_func tlsf_free free app_main", False),
    ],
)
def test_a_debugger_may_see_no_further_than_the_handler(functions: str, expected: bool) -> None:
    assert sees_no_user(tuple(Frame(0, name) for name in functions.split())) == expected


@pytest.mark.parametrize(
    ("functions", "fault"),
    [
        ("esp_panic_handler panic_handler _panic_handler tlsf_free free main", True),
        ("esp_panic_handler _panic_handler panic_abort esp_system_abort __assert_func tlsf_free free main", False),
        ("_assert __assert tlsf_free mm_free free main", False),
        ("HardFault_Handler vPortFree main", True),
        ("vAssertCalled vPortFree main", False),
    ],
)
def test_a_fault_in_the_allocator_is_told_from_an_assertion(functions: str, fault: bool) -> None:
    operation = operation_in(tuple(Frame(0, name) for name in functions.split()))
    assert operation.asserted
    assert operation.assertion is not None and operation.assertion.fault == fault


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("abort __assert_func esp_panic_handler", ["esp_panic_handler"]),
        ("memtrace_assert_stop abort esp_panic_handler", ["memtrace_assert_stop", "esp_panic_handler"]),
        ("_assert abort", ["_assert"]),
        ("__assert_func abort vAssertCalled", ["__assert_func", "vAssertCalled", "abort"]),
        ("abort", ["abort"]),
        ("main", []),
    ],
)
def test_as_few_functions_as_see_every_death(names: str, wanted: list[str]) -> None:
    assert stop_functions(names.split().__contains__) == wanted


def test_sbrk_is_asked_for_by_the_names_that_systems_give_its_variable() -> None:
    """The likeliest first: the heap of a C library and memory with two owners are told by the same names."""
    objects = [("s_heap_top", 0x10, 4), ("brk.2", 0x20, 4), ("heap_end", 0x30, 8), ("_sbrk_ptr", 0x40, 4),
               ("heap_end.0", 0x50, 4), ("heap_ends", 0x60, 4)]  # fmt: skip
    assert sbrk_variables(objects, 4) == [0x50, 0x20, 0x40, 0x10]
