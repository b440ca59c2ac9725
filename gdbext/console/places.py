# SPDX-License-Identifier: Apache-2.0
"""Finds the addresses of code in a line: backtraces, callers, program counters.

Approach: an address counts where the text says that it is one: in a backtrace, a list of callers, a register that
leads to code, or behind a word such as `PC`. Whether it is an address or a return address follows from who prints it.
Rejected: every number that lies in code (a stack dump is full of them).
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional

from gdbext.console.dumps import ARM, RISCV, XTENSA, backtrace_in, has_pairs, memory_in, registers_in, return_of_zephyr
from gdbext.trace.console_records import is_begun_in, record_in

_CALLERS = re.compile(r"(?:caller|freed by) (0x[0-9a-f]{8}(?::0x[0-9a-f]{8}){0,63})")
_SAID = re.compile(
    r"(?:\bPC:?|\bat PC|assert failed:|last failed alloc call:|\bpc ?[=:]|\bEPC:|\bcalled (?:from|by)) ?"
    r"(?:0[xX])?([0-9a-fA-F]{8})(?![0-9a-zA-Z])"
)
_COUNTERS = ("mepc", "xepc", "epc", "pc", "epc1", "epc2", "epc3", "epc4")
_RETURNS = ("ra", "lr")
_WINDOW, _CODE_OF_XTENSA = 0x3FFFFFFF, 0x40000000  # A0 has the number of its window in the highest bits


class Place(NamedTuple):
    """An address of code, as it is printed, and where its line is: at the call, if it is a return address."""

    pc: int
    at: int


def places_in(text: str, architecture: Optional[str], is_dump: bool) -> List[Place]:
    """Returns the addresses of code in a line, in order. `is_dump`: it stands in a dump of registers."""
    own = record_in(text) if is_begun_in(text) else None
    if own is not None:
        return [Place(pc, call_of(pc, None, False)) for pc in own.pcs if pc]
    calls = backtrace_in(text)
    if calls:
        architecture = architecture or (XTENSA if has_pairs(text) else None)
        return [Place(pc, call_of(pc, architecture, number == 0)) for number, pc in enumerate(calls)]
    listed = _CALLERS.search(text)
    if listed:
        return [Place(pc, pc - 1) for pc in (int(one, 16) for one in listed[1].split(":")) if pc]
    back = return_of_zephyr(text) if is_dump else None
    if back:
        return [Place(back, call_of(back, architecture, False))]
    if memory_in(text) is not None:
        return []
    found = [_of_register(name, value, architecture) for name, value in registers_in(text, is_dump)]
    places = [place for place in found if place is not None]
    return places or [Place(pc, pc) for pc in (int(one, 16) for one in _SAID.findall(text))]


def call_of(pc: int, architecture: Optional[str], is_first: bool) -> int:
    """Returns the address at which a PC of a backtrace has its line.

    The first one is where the program stopped. Xtensa's have 3 taken off already, those of others are return addresses.
    """
    if is_first or architecture == XTENSA or not pc:
        return pc
    return (pc & ~1 if architecture == ARM else pc) - 1


def _of_register(name: str, value: int, architecture: Optional[str]) -> Optional[Place]:
    if name in _COUNTERS:
        return Place(value, value) if value else None
    if name in _RETURNS and value:
        return Place(value, call_of(value, architecture or RISCV, False))
    if name == "a0" and architecture == XTENSA and value >> 30 > 1:
        address = value & _WINDOW | _CODE_OF_XTENSA
        return Place(value, address - 3)
    return None
