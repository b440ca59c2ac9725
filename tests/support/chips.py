# SPDX-License-Identifier: Apache-2.0
"""The emulated chips: which QEMU, which GDB, which addresses.

A firmware's variant names its chip: "de212-bench" runs on de212. `chip_of(variant)` tells the chip of a
build of tests/target. Its tools are asked for only when they are used: the Xtensa ones may not be built here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.xtensa import toolchain

RV32_GDB = "gdb-multiarch"


@dataclass(frozen=True)
class Chip:
    """One emulated chip."""

    name: str
    machine: tuple[str, ...]  # the emulator and its arguments up to the core
    cpu: str
    base: int  # of the firmware's map: heaps at +1 MiB and +1.5 MiB, ring at +2 MiB
    find_gdb: Callable[[], str]
    starts_at_entry: bool = True  # -kernel alone starts the program
    icount: str = "shift=0"  # with this -icount, board_instructions() counts ...
    ticks_per_instruction: float = 1.0  # ... so much an instruction

    @property
    def gdb(self) -> str:
        """The GDB that knows its registers."""
        return self.find_gdb()

    def kernel(self, elf: Path) -> list[str]:
        """The arguments that load and start a program."""
        if self.starts_at_entry:
            return ["-kernel", str(elf)]
        entry = int.from_bytes(elf.read_bytes()[24:28], "little")
        return ["-kernel", str(elf), "-device", f"loader,addr={entry:#x},cpu-num=0"]


# 40 MHz: 256 ns an instruction (-icount shift=8) are 10.24 cycles.
SIM = ("qemu-system-xtensa", "-M", "sim", "-semihosting")
RV32 = Chip("rv32", ("qemu-system-riscv32", "-M", "virt", "-bios", "none"), "rv32", 0x8000_0000, lambda: RV32_GDB)
DE212 = Chip("de212", SIM, "de212", 0x6000_0000, lambda: str(toolchain().gdb), False, "shift=8", 10.24)
LX106 = Chip("lx106", SIM, "lx106", 0x6000_0000, lambda: str(toolchain().call0_gdb), False, "shift=8", 10.24)


def _mps2(name: str, board: str, cpu: str, base: int, megahertz: int) -> Chip:
    """One of QEMU's Arm boards; 256 ns an instruction are so many ticks of its clock."""
    machine = ("qemu-system-arm", "-M", f"mps2-{board}", "-semihosting-config", "enable=on,target=native")
    return Chip(name, machine, cpu, base, lambda: RV32_GDB, True, "shift=8", 0.256 * megahertz)


# The code for an M0 runs on an M3: QEMU's one board with an M0 has 16 KiB.
M0 = _mps2("m0", "an385", "cortex-m3", 0x2100_0000, 25)
M3 = _mps2("m3", "an385", "cortex-m3", 0x2100_0000, 25)
M4 = _mps2("m4", "an386", "cortex-m4", 0x2100_0000, 25)
M33 = _mps2("m33", "an505", "cortex-m33", 0x8000_0000, 20)
CHIPS = {chip.name: chip for chip in (RV32, DE212, LX106, M0, M3, M4, M33)}


def chip_of(variant: str) -> Chip:
    """The chip that a variant of the firmware is for."""
    return CHIPS.get(variant.split("-")[0], RV32)
