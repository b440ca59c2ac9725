# SPDX-License-Identifier: Apache-2.0
"""Where the registers of a thread stand in a core's NT_PRSTATUS note, for each machine that we save or look at.

Approach: one row a machine, as Linux lays `struct elf_prstatus` out; debuggers read cores of bare machines the same
way. The program counter and the stack pointer are all that is asked of them here.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from gdbext.source.core import Core, Note
from gdbext.source.snapshot import ByteOrder

PRSTATUS, AUXILIARY = 1, 6
OWNER = "CORE"
_ID_AT = {4: 24, 8: 32}
_FIRST_AT = {4: 72, 8: 112}
_BEHIND = {4: 4, 8: 8}  # pr_fpvalid, padded


class Machine(NamedTuple):
    """One machine: names of its registers as GDB has them, in the order of the note; None leaves a word empty."""

    number: int  # e_machine
    word: int
    registers: Tuple[Optional[str], ...]
    pc: str
    sp: str
    below: int = 0  # bytes below the stack pointer that are in use


def _named(text: str) -> Tuple[Optional[str], ...]:
    return tuple(None if word == "-" else word for word in text.split())


_RISCV = _named("pc ra sp gp tp t0 t1 t2 fp s1 " + " ".join(f"a{n}" for n in range(8)))
_RISCV += _named(" ".join(f"s{n}" for n in range(2, 12)) + " t3 t4 t5 t6")
_X86_64 = _named("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss")
_X86_64 += _named("fs_base gs_base ds es fs gs")
_I386 = _named("ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss")
_ARM = _named(" ".join(f"r{n}" for n in range(13)) + " sp lr pc cpsr -")
_AARCH64 = _named(" ".join(f"x{n}" for n in range(31)) + " sp pc cpsr")
_XTENSA = _named("pc ps lbeg lend lcount sar windowstart windowbase threadptr" + " -" * 55)
_XTENSA += _named(" ".join(f"ar{n}" for n in range(64)))

MACHINES = (
    Machine(243, 4, _RISCV, "pc", "sp"),
    Machine(243, 8, _RISCV, "pc", "sp"),
    Machine(62, 8, _X86_64, "rip", "rsp", 128),
    Machine(3, 4, _I386, "eip", "esp"),
    Machine(40, 4, _ARM, "pc", "sp"),
    Machine(183, 8, _AARCH64, "pc", "sp"),
    Machine(94, 4, _XTENSA, "pc", "ar1", 16),
)


def machine_of(number: int, word: int) -> Optional[Machine]:
    """The row of a machine, or None."""
    return next((one for one in MACHINES if (one.number, one.word) == (number, word)), None)


def stack_pointer(machine: Machine, values: Mapping[str, int]) -> int:
    """Where a thread's stack reaches down to; 0: not known. With register windows that is the current window's a1."""
    turned = 4 * values.get("windowbase", 0)
    return values.get(f"ar{turned + 1}" if turned else machine.sp, 0)


def without_dead_windows(values: Mapping[str, int]) -> Dict[str, int]:
    """Registers without Xtensa's windows of calls that have returned: those behind the current one's sixteen registers,
    up to the oldest call's that has not been spilled.
    """
    windows, base = values.get("windowstart", 0), values.get("windowbase", 0)
    count = 16 if any(values.get(f"ar{number}") for number in range(32, 64)) else 8
    oldest = next((step for step in range(1, count) if windows >> (base + step) % count & 1), count)
    dead = [4 * ((base + step) % count) for step in range(4, oldest)] if windows else []
    gone = {f"ar{first + number}" for first in dead for number in range(4)}
    return {name: value for name, value in values.items() if name not in gone}


def prstatus(machine: Machine, order: ByteOrder, thread: int, values: Mapping[str, int]) -> Note:
    """The note of one thread."""
    word, at = machine.word, _FIRST_AT[machine.word]
    data = bytearray(at + word * len(machine.registers) + _BEHIND[word])
    data[_ID_AT[word] : _ID_AT[word] + 4] = thread.to_bytes(4, order)
    for position, name in enumerate(machine.registers):
        value = values.get(name or "", 0) & ((1 << 8 * word) - 1)
        data[at + position * word : at + (position + 1) * word] = value.to_bytes(word, order)
    return Note(OWNER, PRSTATUS, bytes(data))


def auxiliary_note(pairs: Iterable[Tuple[int, int]], word: int, order: ByteOrder) -> Note:
    """What the kernel told a process: where it was loaded, among other things."""
    numbers = [number for pair in (*pairs, (0, 0)) for number in pair]
    return Note(OWNER, AUXILIARY, b"".join(number.to_bytes(word, order) for number in numbers))


def auxiliary_of(core: Core) -> Dict[int, int]:
    """The same, read."""
    data, word = core.note(OWNER, AUXILIARY) or b"", core.pointer_size
    numbers = [int.from_bytes(data[at : at + word], core.byte_order) for at in range(0, len(data) // word * word, word)]
    return dict(zip(numbers[::2], numbers[1::2]))


def threads_of(core: Core) -> List[Dict[str, int]]:
    """The registers of each thread of a core, as far as this machine is known."""
    machine = machine_of(core.machine, core.pointer_size)
    notes = [note.data for note in core.notes if note.kind == PRSTATUS and note.owner == OWNER]
    return [] if machine is None else [_registers(machine, core.byte_order, data) for data in notes]


def _registers(machine: Machine, order: ByteOrder, data: bytes) -> Dict[str, int]:
    at, word = _FIRST_AT[machine.word], machine.word
    places = ((name, at + position * word) for position, name in enumerate(machine.registers))
    held = ((name, data[place : place + word]) for name, place in places if name is not None)
    return {name: int.from_bytes(value, order) for name, value in held if len(value) == word}
