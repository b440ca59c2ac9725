# SPDX-License-Identifier: Apache-2.0
"""Finds what a log defines, without taking its events apart: stacks must have names before a replay asks for them.

Approach: of each row only the byte with its kind is looked at, in a slice of all of them. So records with a payload are
found, and definitions are taken as a LogReader takes them.
Rejected: a LogReader for it (2 microseconds for each event of which nothing is kept).
Cost: some 10 nanoseconds for each event. Memory: the definitions, and one payload.
Limits: a replay decides what an event is. What is missed here is looked up when the replay asks for it.
"""

from __future__ import annotations

import re
from typing import Optional, Set

from gdbext.model.events import ENDED_STACK
from gdbext.model.said import Trouble
from gdbext.trace.format import HEADER_BYTES, MAGIC, Header, parse_header
from gdbext.trace.log_definitions import DEF_STACK, Definitions

_PAYLOAD = re.compile(rb"[\x10-\x1e]")  # kinds 16 to 30, core 0
_LONGEST_PAYLOAD = 1 << 21


class DefinitionScan(Definitions):
    """Takes the bytes of a log, and knows the definitions of the run that they end in."""

    def __init__(self) -> None:
        super().__init__()
        self.header: Optional[Header] = None
        self._new: Set[int] = set()
        self._rest = b""

    def new_addresses(self) -> Set[int]:
        """Returns the addresses of code in the stacks that were defined since the last call."""
        found, self._new = self._new, set()
        return found

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the log."""
        data, at = self._rest + data if self._rest else bytes(data), 0
        while True:
            end = self._next_header(data, at)
            at = self._rows(data, at, end)
            if end == len(data):
                break
            behind = self._run(data, end)  # a record that the header cuts is gone
            at = end if behind is None else behind
            if behind is None or behind >= len(data):
                break
        self._rest = data[at:]

    def _next_header(self, data: bytes, at: int) -> int:
        """Returns where the next header begins, or the end."""
        size = 1 if self.header is None else self.header.event_size
        place = data.find(MAGIC, at)
        while place >= 0 and (place - at) % size:
            place = data.find(MAGIC, place + 1)
        return place if place >= 0 else len(data)

    def _run(self, data: bytes, at: int) -> Optional[int]:
        """Begins a run. Returns the place behind its header; None if not all of that is there yet."""
        try:
            header = parse_header(data[at : at + HEADER_BYTES])
            behind = at + -(-header.header_size // header.event_size) * header.event_size
        except Trouble:
            return (
                None if len(data) - at < HEADER_BYTES else at + (16 if self.header is None else self.header.event_size)
            )
        if behind > len(data):
            return None
        self.forget()
        self.header = header
        return behind

    def _rows(self, data: bytes, at: int, end: int) -> int:
        """Takes the definitions before `end`. Returns the place behind the last whole record."""
        header = self.header
        if header is None:
            return at
        size, width = header.event_size, header.pointer_size
        rows = (end - at) // size
        kinds = data[at + (3 * width if header.byte_order == "little" else size - 1) : at + rows * size : size]
        row = 0
        while True:
            found = _PAYLOAD.search(kinds, row)
            if found is None:
                return at + max(row, rows) * size
            place = at + found.start() * size
            number, sizes, _, kind = header.words(data, place)
            length = sizes & (1 << header.widths.size) - 1
            row = found.start() + 1
            if kind != kinds[found.start()] or length > _LONGEST_PAYLOAD:
                continue
            row += -(-length // size)
            if row > rows:
                return place
            payload = data[place + size : place + size + length]
            if self.define(header, kind, number, sizes >> header.widths.size, payload) and kind == DEF_STACK:
                self._new.update([header.code_address(pc) for pc in self.stacks[number] if pc < ENDED_STACK])
