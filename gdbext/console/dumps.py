# SPDX-License-Identifier: Apache-2.0
"""Reads the lines of a dump: registers, backtraces, stack memory, as the known systems print them.

Approach: one regular expression finds a name and a value wherever they stand in a line; only names of registers count.
So noise between two of them, and what a monitor puts in front, costs nothing. A value has all its digits, or it is
none: digits were lost.
Rejected: a parser for each system and release (their lines differ in punctuation alone).
Limits: a line of another task that looks like a register in the middle of a dump is taken for one.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence, Tuple

RISCV, XTENSA, ARM = "riscv", "xtensa", "arm"

# Names as dumps print them, and what they are called here.
_SAME: Dict[str, str] = {"s0/fp": "s0", "r12/ip": "ip", "r13/sp": "sp", "r14/lr": "lr", "r15/pc": "pc", "apsr": "xpsr"}
_COMMON = " ".join(f"a{number}" for number in range(16))
_RISCV = "ra sp gp tp fp mepc xepc sepc epc mstatus mtvec mcause mtval mhartid xstatus " + " ".join(
    [f"t{number}" for number in range(7)] + [f"s{number}" for number in range(12)]
)
_XTENSA = "pc ps sar exccause excvaddr lbeg lend lcount threadptr depc " + " ".join(
    [f"epc{number}" for number in range(1, 8)]
)
_ARM = "ip sp lr pc xpsr cpsr sb sl basepri primask control exc_return cfsr hfsr mmfar bfar " + " ".join(
    [f"r{number}" for number in range(16)]
)
_NAMES = frozenset(f"{_COMMON} {_RISCV} {_XTENSA} {_ARM}".split())
_REGISTER = re.compile(
    r"(?<![\w/])([A-Za-z][A-Za-z_]{0,9}\d{0,2}(?:/[A-Za-z]{1,2}\d?)?)(?: ?\(r15/pc\))? {0,8}[:=] {0,4}"
    r"(?:0[xX])?([0-9a-fA-F]{16}|[0-9a-fA-F]{8})(?![0-9a-zA-Z:])"
)
_PC_OF_ZEPHYR = re.compile(r"Faulting instruction address.{0,16}?: 0x([0-9a-fA-F]{8,16})")
_PAIR = re.compile(r"0[xX]([0-9a-fA-F]{8}):0[xX][0-9a-fA-F]{8}(?![0-9a-fA-F])")
_ADDRESS = re.compile(r"(?<![\w])0[xX]([0-9a-fA-F]{6,16})(?![0-9a-zA-Z])")
_BACKTRACE = re.compile(r"[Bb]ack[Tt]race ?(?:\|? ?\d{0,4}\|? ?\d{0,4}\]?)?:")
_DIGITS = r"(?:[0-9a-f]{16}|[0-9a-f]{8})"
_MEMORY = re.compile(
    rf"(?:^|[\s|])(?:0x)?({_DIGITS}): {{1,3}}((?:(?:0x)?{_DIGITS}\s{{1,2}}){{0,15}}(?:0x)?{_DIGITS})(?![\w:])"
)
_WORD = re.compile(r"[0-9a-f]{8,16}(?![0-9a-fx])")
_GDB_FRAME = re.compile(r"#(\d{1,3}) +(?:0x([0-9a-f]{8,16}) in )?([\w:~<>]{1,256}) \(")
_RETURN_OF_ZEPHYR = re.compile(r"(?<!\w)(\d{1,3}): (?:[fs]p: (?:0x)?[0-9a-f]{8,16} {1,8})?ra: (?:0x)?([0-9a-f]{8,16})")
_LEAST_OF_A_DUMP = 2  # registers in one line
_ALONE = frozenset(("mepc", "epc", "mhartid", "exccause", "excvaddr"))  # which only dumps name


def registers_in(text: str, is_within: bool) -> List[Tuple[str, int]]:
    """Returns names and values of the registers in a line; [] if it is none of a dump. `is_within` a dump, one is
    enough.
    """
    pc = _PC_OF_ZEPHYR.search(text)
    found = [("pc", int(pc.group(1), 16))] if pc else []
    for name, value in _REGISTER.findall(text):
        low = name.lower()
        known = _SAME.get(low, low.partition("/")[0])
        if known in _NAMES:
            found.append((known, int(value, 16)))
    is_dump = is_within or pc is not None or len(found) >= _LEAST_OF_A_DUMP or any(n in _ALONE for n, _ in found)
    return found if is_dump else []


def backtrace_in(text: str) -> Optional[List[int]]:
    """Returns the PCs of a backtrace that stands in one line, as they are printed. None if it is no such line."""
    sign = _BACKTRACE.search(text)
    if sign is None:
        return None
    rest = text[sign.end() :]
    pairs = _PAIR.findall(rest)
    return [int(one, 16) for one in pairs or _ADDRESS.findall(rest)]


def has_pairs(text: str) -> bool:
    """Tells whether a line has PCs with their stack pointers. Without registers only Xtensa prints them."""
    return _PAIR.search(text) is not None


def frame_of_gdb(text: str) -> Optional[Tuple[int, Optional[int], str]]:
    """Returns number, return address and function of a frame as GDB prints it. An inlined one has no address."""
    found = _GDB_FRAME.match(text.lstrip())
    return None if found is None else (int(found[1]), int(found[2], 16) if found[2] else None, found[3])


def return_of_zephyr(text: str) -> Optional[int]:
    """Returns the return address of an entry of Zephyr's call trace."""
    found = _RETURN_OF_ZEPHYR.search(text)
    return None if found is None else int(found[2], 16)


def memory_in(text: str) -> Optional[Tuple[int, bytes]]:
    """Returns address and bytes of a line of stack memory. Its words are of little-endian machines."""
    found = _MEMORY.search(text)
    if found is None:
        return None
    words = _WORD.findall(found[2])
    return int(found[1], 16), b"".join([int(word, 16).to_bytes(len(word) // 2, "little") for word in words])


def architecture_of(names: Sequence[str]) -> Optional[str]:
    """Returns the architecture whose registers these are."""
    known = set(names)
    if known & {"exccause", "excvaddr", "lbeg", "epc1", "a15"}:
        return XTENSA
    if known & {"mepc", "xepc", "mcause", "mtval", "t0", "ra"}:
        return RISCV
    return ARM if known & {"lr", "xpsr", "r3", "r12"} else None


def pc_of(registers: Dict[str, int]) -> Optional[int]:
    """Returns where a program stopped."""
    return next((registers[name] for name in ("mepc", "xepc", "pc", "epc", "epc1") if name in registers), None)
