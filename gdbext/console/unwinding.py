# SPDX-License-Identifier: Apache-2.0
"""Makes a backtrace of a crash that prints none: from its registers, the stack memory in the text, and the program.

Approach: the program's call frame information leads from caller to caller, as a debugger does it. Where it ends at
once, the words of the stack are candidates: those that lie in code, behind a call. Such a scan finds remains of old
calls too, and is called one.
Rejected: prologues of the code (a guess where a table is at hand).
Cost: reading the table of frames, 0.1 to 2 seconds a program, only if such a crash comes.
Limits: RISC-V and Arm. Xtensa prints its backtrace itself.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

from gdbext.console.dumps import ARM, RISCV
from gdbext.console.places import call_of
from gdbext.loading import load
from gdbext.model.console import Crash
from gdbext.model.machine import machine_of
from gdbext.model.record import replace
from gdbext.source.files import FileError
from gdbext.symbols.elf_head import Head, head_of

_MOST_CALLS, _MOST_WORDS, _LEAST_UNWOUND = 64, 1 << 12, 3
_JAL, _JALR, _LINK = 0x6F, 0x67, 1  # opcodes of RISC-V, and the register of the return address


def with_backtrace(crash: Crash, path: Optional[str]) -> Crash:
    """Returns a crash with the backtrace that its stack shows. As it is, if it has one, or none can be made."""
    if crash.backtrace or crash.pc is None or not crash.stack or path is None:
        return crash
    if crash.architecture not in (RISCV, ARM):
        return crash
    try:
        head = head_of(path)
        calls = _unwound(crash, path, head)
    except FileError:
        return crash
    by = "unwound"
    if len(calls) < _LEAST_UNWOUND:
        calls, by = [crash.pc, *_candidates(crash, head)], "scan"
    if len(calls) < _LEAST_UNWOUND - 1:
        return crash
    at = [call_of(pc, crash.architecture, number == 0) for number, pc in enumerate(calls)]
    return replace(crash, backtrace=tuple(calls), calls=tuple(at), backtrace_by=by)


def _unwound(crash: Crash, path: str, head: Head) -> List[int]:
    machine = machine_of(head.machine, 8 if head.wide else 4)
    assert crash.pc is not None
    if machine is None:
        return []
    program = load("symbols.elf_file", "ElfFile")(path)
    registers = dict(crash.registers)
    if crash.architecture == RISCV:
        registers["fp"] = registers.get("s0", registers.get("fp", 0))
    words = _Words(crash, machine.word)
    unwinder = load("symbols.unwind", "Unwinder")(program, machine, words.word, _MOST_CALLS)
    found: List[int] = []
    for place in unwinder.places(registers, crash.pc):
        if found and not head.holds(place):
            break
        found.append(place + 1 if found else place)
    return found


def _candidates(crash: Crash, head: Head) -> List[int]:
    """Returns the words of the stack that are return addresses of the program's calls, in order."""
    code = _Code(head)
    first = crash.named_registers.get("ra", crash.named_registers.get("lr"))
    sp = crash.named_registers.get("sp", 0)
    words = [word for address, word in _Words(crash, 8 if head.wide else 4).all() if address >= sp]
    found = [word for word in ([] if first is None else [first]) + words if code.is_behind_a_call(word)]
    return found[: _MOST_CALLS - 1]


class _Words:
    """The memory that a crash shows, by words."""

    def __init__(self, crash: Crash, size: int) -> None:
        self._pieces, self._size = crash.stack, size

    def word(self, address: int) -> Optional[int]:
        """Returns a word, None if it is not shown."""
        for start, data in self._pieces:
            if start <= address <= start + len(data) - self._size:
                return int.from_bytes(data[address - start : address - start + self._size], "little")
        return None

    def all(self) -> Iterator[Tuple[int, int]]:
        """Yields address and value of each word, in order, as many as a stack has."""
        left = _MOST_WORDS
        for start, data in self._pieces:
            for at in range(0, min(len(data), left * self._size) - self._size + 1, self._size):
                yield start + at, int.from_bytes(data[at : at + self._size], "little")
            left = max(0, left - len(data) // self._size)


class _Code:
    """The instructions of a program."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._known: Dict[int, bool] = {}

    def is_behind_a_call(self, pc: int) -> bool:
        """Tells whether the instruction before an address is a call."""
        if pc not in self._known:
            even = pc & ~1
            code = self._bytes(even - 4) if self._head.holds(even - 4) and self._head.holds(even) else b""
            is_call = _is_call_of_arm if self._head.machine == _ARM_MACHINE else _is_call_of_riscv
            self._known[pc] = len(code) == 4 and is_call(code)
        return self._known[pc]

    def _bytes(self, address: int) -> bytes:
        for section in self._head.sections.values():
            if section.address and section.address <= address < section.address + section.size:
                with open(self._head.path, "rb") as file:
                    file.seek(section.offset + address - section.address)
                    return file.read(4)
        return b""


_ARM_MACHINE = 40


def _is_call_of_riscv(code: bytes) -> bool:
    whole, last = int.from_bytes(code, "little"), int.from_bytes(code[2:], "little")
    if whole & 0x7F == _JAL or whole & 0x707F == _JALR:
        return whole >> 7 & 0x1F == _LINK
    is_jalr = last & 0xF07F == 0x9002 and bool(last & 0xF80)  # c.jalr
    return is_jalr or last & 0xE003 == 0x2001  # c.jal


def _is_call_of_arm(code: bytes) -> bool:
    first, last = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:], "little")
    is_long = first & 0xF800 == 0xF000 and last & 0xC000 == 0xC000
    return is_long or last & 0xFF87 == 0x4780  # bl, blx with a register
