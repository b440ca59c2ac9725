# SPDX-License-Identifier: Apache-2.0
"""Reads the frames of valgrind's tools, and keeps what they say of addresses.

Approach: a frame is `0xADDRESS: function (file:line)`, `(in FILE)` or neither. The address lies in the call already.
Frames of one address that follow each other are one call with what the compiler put into it; a frame that comes again
is another call of the same function. What has no address of its own gets one that no program has. The program of `cmd`
lies where valgrind loads programs, and libraries above: so --elf gives its lines with their folders.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from gdbext.trace.importers import Item, Module, Named

_FRAME = re.compile(r"0x([0-9A-Fa-f]{1,16}): (.*)", re.DOTALL)
_PLACE = re.compile(
    r"(?P<function>.*) \((?:in (?P<library>.+)|(?P<file>[^()]+?):(?P<line>\d{1,9})(?::\d{1,9})?)\)", re.DOTALL
)
_LOADED_AT = (0, 0x108000)  # of a program that was linked for its place, or may lie anywhere
_LIBRARIES_AT = 0x4000000
_MADE_UP = 0xFFFF_0000_0000_0000
_MOST_MADE_UP = 1 << 20

Told = Tuple[Optional[str], Optional[str], Optional[int]]  # function, file, line


class Frames:
    """The frames of one file."""

    def __init__(self) -> None:
        self._pcs: Dict[Tuple[int, Tuple[Told, ...]], int] = {}
        self._parsed: Dict[str, Tuple[int, Told]] = {}
        self._taken: Dict[int, Tuple[Told, ...]] = {}

    def stack(self, texts: Iterable[str], items: List[Item]) -> Tuple[int, ...]:
        """Returns the return addresses of a stack, innermost first. Adds what is new of them to `items`."""
        calls: List[Tuple[int, List[str]]] = []
        for text in texts:
            address = self._frame(text)[0]
            if calls and address and calls[-1][0] == address and text not in calls[-1][1]:
                calls[-1][1].append(text)
            else:
                calls.append((address, [text]))
        return tuple(
            [self._pc(address, tuple([self._frame(text)[1] for text in found]), items) for address, found in calls]
        )

    def _pc(self, address: int, told: Tuple[Told, ...], items: List[Item]) -> int:
        key = address, told
        if key not in self._pcs:
            pc = address + 1
            if not address or address >= _MADE_UP or self._taken.setdefault(pc, told) != told:
                pc = _MADE_UP + len(self._pcs) % _MOST_MADE_UP
            self._pcs[key] = pc
            items.append(Named(pc, told))
        return self._pcs[key]

    def _frame(self, text: str) -> Tuple[int, Told]:
        if text not in self._parsed:
            self._parsed[text] = _parsed(text)
        return self._parsed[text]


def _parsed(text: str) -> Tuple[int, Told]:
    """Returns the address of a frame, 0 if it has none, and what is told of it."""
    frame = _FRAME.fullmatch(text)
    if frame is None:
        return 0, (text or None, None, None)
    address, place = int(frame[1], 16), _PLACE.fullmatch(frame[2])
    function = frame[2] if place is None else place["function"]
    if function == "???":
        within = "" if place is None or place["library"] is None else place["library"].rpartition("/")[2]
        return address, (f"{within}+{address:#x}" if within else f"{address:#x}", None, None)
    if place is None or place["file"] is None:
        return address, (function, None, None)
    return address, (function, place["file"], int(place["line"]))


def program_of(command: str) -> Iterator[Module]:
    """Yields where the program of a command line may have been loaded."""
    program = command.split(" ", 1)[0]
    if program:
        yield from (Module(base, program) for base in _LOADED_AT)
        yield Module(_LIBRARIES_AT, "[libraries]")
