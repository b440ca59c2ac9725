# SPDX-License-Identifier: Apache-2.0
"""Which registers of a thread count: on Xtensa those of the windows that are in use."""

from __future__ import annotations

import pytest

from gdbext.collect.world import threads_named
from gdbext.model.machine import machine_of
from gdbext.source.registers import stack_pointer, without_dead_windows

XTENSA, RISCV = machine_of(94, 4), machine_of(243, 4)


def windows(count: int, base: int, live: set[int]) -> dict[str, int]:
    """A register file of `count` registers, each holding its number and never zero."""
    registers = {f"ar{number}": 0x1000 + number for number in range(count)}
    return {**registers, "windowbase": base, "windowstart": sum(1 << unit for unit in live), "pc": 1}


def kept(values: dict[str, int]) -> set[int]:
    """Units of four registers of which all are kept; a unit is never cut."""
    numbers = {int(name[2:]) for name in without_dead_windows(values) if name.startswith("ar")}
    assert numbers == {4 * (number // 4) + offset for number in numbers for offset in range(4)}
    return {number // 4 for number in numbers}


def test_the_stack_pointer_turns_with_the_windows() -> None:
    assert XTENSA is not None and RISCV is not None
    assert stack_pointer(XTENSA, windows(64, 0, {0})) == 0x1001
    assert stack_pointer(XTENSA, windows(64, 15, {15})) == 0x1000 + 61
    assert stack_pointer(XTENSA, {"ar1": 7}) == 7, "without windows"
    assert stack_pointer(RISCV, {"sp": 9, "ar1": 7}) == 9
    assert stack_pointer(RISCV, {}) == 0


@pytest.mark.parametrize(
    ("count", "base", "live", "units"),
    [
        (64, 0, {0}, {0, 1, 2, 3}),
        (64, 5, {1, 3, 5}, {1, 2, 3, 4, 5, 6, 7, 8}),
        (64, 2, {15, 0, 2}, {15, 0, 1, 2, 3, 4, 5}),
        (64, 14, {12, 14}, {12, 13, 14, 15, 0, 1}),
        (64, 4, {4, 6, 8}, set(range(16))),  # older calls begin within the current sixteen registers
        (32, 6, {4, 6}, {4, 5, 6, 7, 0, 1}),
        (32, 1, {7, 1}, {7, 0, 1, 2, 3, 4}),
    ],
)
def test_windows_of_calls_that_returned_hold_nothing(count: int, base: int, live: set[int], units: set[int]) -> None:
    assert kept(windows(count, base, live)) == units


def test_a_core_has_64_registers_of_a_chip_with_32() -> None:
    values = {**windows(32, 6, {4, 6}), **{f"ar{number}": 0 for number in range(32, 64)}}
    assert kept(values) & set(range(8)) == {4, 5, 6, 7, 0, 1}


def test_registers_without_windows_all_count() -> None:
    values = {"sp": 1, "a0": 2, "ar15": 3}
    assert without_dead_windows(values) == values


def test_a_stack_is_in_use_below_its_pointer_where_the_machine_says_so() -> None:
    """Leaf functions on x86-64 keep their variables there, Xtensa its caller's registers."""
    assert [stack for _, stack, _ in threads_named(machine_of(62, 8), [{"rsp": 0x1000}, {}])] == [0x1000 - 128, 0]
    assert [stack for _, stack, _ in threads_named(XTENSA, [{"ar1": 0x1000}])] == [0x1000 - 16]
    assert [stack for _, stack, _ in threads_named(RISCV, [{"sp": 0x1000}])] == [0x1000]
    assert [stack for _, stack, _ in threads_named(None, [{"sp": 0x1000}])] == [0]
