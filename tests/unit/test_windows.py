# SPDX-License-Identifier: Apache-2.0
"""The spill of arch/xtensa_windowed.S on a model of the register file: what it must bring to the stack, it does.

The emulator has cores of 32 registers only; ESP32, S2 and S3 have 64. The model is the architecture's: a register file
of units of four registers, a mark at each unit where a live window begins, and an overflow for each marked unit that an
instruction is about to touch, nearest first.
"""

from __future__ import annotations

import itertools
import re
import subprocess
from functools import cache

import pytest

from tests.support.paths import ROOT

SOURCE = ROOT / "c_helpers" / "arch" / "xtensa_windowed.S"


class Windows:
    """Live windows: unit -> the function that begins there."""

    def __init__(self, registers: int, start: int) -> None:
        self.units = registers // 4
        self.base = start
        self.live = {start: "root"}

    def touch(self, register: int) -> None:
        """An instruction uses this register of the current window: whoever begins in between is spilled."""
        for ahead in range(1, register // 4 + 1):
            self.live.pop((self.base + ahead) % self.units, None)

    def call(self, units: int, name: str) -> None:
        """CALL4, CALL8 or CALL12, which writes the return address, and the ENTRY behind it."""
        self.touch(4 * units)
        self.base = (self.base + units) % self.units
        self.live[self.base] = name


@cache
def instructions(registers: int) -> list[str]:
    """What the function executes up to where it turns back."""
    defines = ["-D__XTENSA_WINDOWED_ABI__", f"-DMEMTRACE_XTENSA_REGISTERS={registers}"]
    done = subprocess.run(["gcc", "-E", "-P", *defines, str(SOURCE)], capture_output=True, text=True, check=True)
    lines = [re.sub(r"[\s,]+", " ", line).strip() for line in done.stdout.splitlines()]
    wanted = [line for line in lines if line.startswith(("entry", "call", "mov"))]
    assert wanted[0].startswith("entry") and wanted[-1] == "mov a15 a15"
    return wanted


def spill(windows: Windows, registers: int) -> None:
    """Run the function, called by CALL8 as compilers do."""
    windows.call(2, "spill")
    for line in instructions(registers)[1:]:
        if line.startswith("call"):
            windows.call(int(line.split()[0][4:]) // 4, "spill")
        elif line.startswith("mov"):
            windows.touch(int(line.split()[1][1:]))


@pytest.mark.parametrize("registers", [32, 64])
@pytest.mark.parametrize("calls", list(itertools.product((1, 2, 3), repeat=3)))
def test_every_caller_of_the_entry_is_on_the_stack(registers: int, calls: tuple[int, ...]) -> None:
    """Whoever calls by what in the user's code, and wherever in the file it begins."""
    for start in range(registers // 4):
        windows = Windows(registers, start)
        for number in range(12):
            windows.call(calls[number % 3], f"user {number}")
        windows.call(2, "entry")
        windows.call(2, "recorder")
        spill(windows, registers)
        assert set(windows.live.values()) <= {"entry", "recorder", "spill"}


def test_half_the_spill_is_not_enough_for_twice_the_registers() -> None:
    windows = Windows(64, 0)
    for number in range(12):
        windows.call(2, f"user {number}")
    windows.call(2, "entry")
    windows.call(2, "recorder")
    spill(windows, 32)
    assert "user 11" in windows.live.values()
