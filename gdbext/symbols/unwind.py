# SPDX-License-Identifier: Apache-2.0
"""Unwinds the calls of a core's threads by the program's call frame information.

Approach: .debug_frame or .eh_frame tells for each address where the caller's registers are. Up to 24 frames are
unwound, unless more are asked, from the registers and the stack in the core.
Rejected: scanning the stack for code addresses. Every stack has remains of old calls, and an old malloc would excuse
damage. Frame pointers: most code has none.
Cost: reading the table of frames, once, some 50 microseconds a function; only if damage needs to be explained.
Limits: the chain ends at code without such information, and at Xtensa's register windows.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from gdbext.model.machine import Machine
from gdbext.symbols.elf_file import ElfFile

Word = Callable[[int], Optional[int]]

_MOST_FRAMES = 24


class Unwinder:
    """Unwinds the threads of one program."""

    def __init__(self, program: ElfFile, machine: Machine, word: Word, most: int = _MOST_FRAMES) -> None:
        """`most` is how many frames to unwind."""
        self._most = most
        self._bias = program.bias
        self._names = machine.dwarf
        self._word = word
        self._entries: List[Tuple[int, int, Any]] = []  # start, end and table of each function, in order
        try:
            if self._names and program.elf.has_dwarf_info():
                dwarf = program.elf.get_dwarf_info()
                told = dwarf.CFI_entries() if dwarf.has_CFI() else dwarf.EH_CFI_entries() if dwarf.has_EH_CFI() else []
                functions = [entry for entry in told if hasattr(entry, "cie") and "initial_location" in entry.header]
                spans = ((one.header["initial_location"], one.header["address_range"], one) for one in functions)
                self._entries = sorted(((at, at + size, one) for at, size, one in spans), key=lambda span: span[0])
        except Exception:  # damaged tables, as below
            self._entries = []
        self._starts = [start for start, _, _ in self._entries]

    def places(self, registers: Mapping[str, int], pc: int) -> Iterator[int]:
        """Yields a thread's PC, then an address in each of its calls, innermost first."""
        values = {number: registers[name] for number, name in enumerate(self._names) if name in registers}
        place: Optional[int] = pc
        for _ in range(self._most):
            if place is None:
                return
            yield place
            try:
                found = self._caller(values, place - self._bias)
            except Exception:  # on damaged tables pyelftools raises any kind of exception
                return
            if found is None:
                return
            values, back = found
            place = back - 1 if back else None

    def _caller(self, values: Dict[int, int], place: int) -> Optional[Tuple[Dict[int, int], int]]:
        """Returns the caller's registers and the return address, or None if the chain ends."""
        index = bisect_right(self._starts, place) - 1
        if index < 0 or place >= self._entries[index][1]:
            return None
        entry = self._entries[index][2]
        rows = [row for row in entry.get_decoded().table if row["pc"] <= place]
        row = rows[-1] if rows else {}  # the rules at this address
        if row.get("cfa") is None or row["cfa"].reg is None or row["cfa"].reg not in values:
            return None
        frame = values[row["cfa"].reg] + (row["cfa"].offset or 0)
        stack = next((number for number, name in enumerate(self._names) if name in ("sp", "rsp", "esp")), -1)
        before = {**values, stack: frame}
        for number, rule in row.items():
            if isinstance(number, int) and rule.type == "OFFSET":
                saved = self._word(frame + rule.arg)
                if saved is None:
                    return None
                before[number] = saved
        back = before.get(entry.cie["return_address_register"])
        return None if back is None else (before, back)
