# SPDX-License-Identifier: Apache-2.0
"""The one table of machines.

To add a machine, add a row. Its number is `e_machine` of ELF. `registers` has GDB's names, in the order in which Linux
lays them out in a core's NT_PRSTATUS note; None is an unused word of the note. Debuggers read cores of bare machines
the same way. `dwarf` has the names in the order of their DWARF numbers; without it, stacks in cores are not unwound.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple


class Machine(NamedTuple):
    """One machine with one word size."""

    number: int
    word: int  # in bytes
    name: str  # for people
    gdb_name: str  # GDB's name of the architecture begins with it
    registers: Tuple[Optional[str], ...]
    pc: str
    sp: str
    below: int = 0  # bytes below the stack pointer that may be in use
    dwarf: Tuple[str, ...] = ()
    debuggers: Tuple[str, ...] = ()  # the programs of GDBs that know this machine, the vendor's first


def _named(text: str) -> Tuple[Optional[str], ...]:
    return tuple(None if word == "-" else word for word in text.split())


def _row(letter: str, first: int, end: int) -> str:
    return " ".join(f"{letter}{number}" for number in range(first, end))


_RISCV = f"ra sp gp tp t0 t1 t2 fp s1 {_row('a', 0, 8)} {_row('s', 2, 12)} t3 t4 t5 t6"
_RISCV_DWARF = ("zero", *_RISCV.split())
_RISCV_NOTE = _named(f"pc {_RISCV}")
_RISCV_GDBS = ("riscv32-esp-elf-gdb", "gdb-multiarch", "riscv32-unknown-elf-gdb", "riscv64-unknown-elf-gdb")
_X86_64 = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss"
_X86_64 += " fs_base gs_base ds es fs gs"
_X86_64_DWARF = tuple("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split())
_I386 = "ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss"
_I386_DWARF = tuple("eax ecx edx ebx esp ebp esi edi eip".split())
_ARM_DWARF = (*_row("r", 0, 13).split(), "sp", "lr", "pc")
_AARCH64_DWARF = (*_row("x", 0, 31).split(), "sp")
_XTENSA = "pc ps lbeg lend lcount sar windowstart windowbase threadptr" + " -" * 55
_XTENSA_GDBS = ("xtensa-esp-elf-gdb", "xtensa-esp32-elf-gdb", "xtensa-esp32s3-elf-gdb", "xtensa-esp32s2-elf-gdb")

MACHINES = (
    Machine(243, 4, "RISC-V", "riscv", _RISCV_NOTE, "pc", "sp", 0, _RISCV_DWARF, _RISCV_GDBS),
    Machine(243, 8, "RISC-V", "riscv", _RISCV_NOTE, "pc", "sp", 0, _RISCV_DWARF, _RISCV_GDBS),
    Machine(62, 8, "x86-64", "i386:x86-64", _named(_X86_64), "rip", "rsp", 128, _X86_64_DWARF),
    Machine(3, 4, "x86", "i386", _named(_I386), "eip", "esp", 0, _I386_DWARF),
    Machine(
        40, 4, "ARM", "arm", _named(f"{_row('r', 0, 13)} sp lr pc cpsr -"), "pc", "sp", 0, _ARM_DWARF,
        ("gdb-multiarch", "arm-none-eabi-gdb"),
    ),
    Machine(183, 8, "AArch64", "aarch64", _named(f"{_row('x', 0, 31)} sp pc cpsr"), "pc", "sp", 0, _AARCH64_DWARF),
    Machine(
        94, 4, "Xtensa", "xtensa", _named(f"{_XTENSA} {_row('ar', 0, 64)}"), "pc", "ar1", 16, debuggers=_XTENSA_GDBS
    ),
)  # fmt: skip


def machine_of(number: int, word: Optional[int] = None) -> Optional[Machine]:
    """Returns the row of a machine, or None. Without a word size, returns the first row with this number."""
    return next((one for one in MACHINES if one.number == number and word in (None, one.word)), None)


def machine_named(gdb_name: str) -> Optional[Machine]:
    """Returns the first row that fits GDB's name of an architecture, or None."""
    return next((one for one in MACHINES if gdb_name.startswith(one.gdb_name)), None)
