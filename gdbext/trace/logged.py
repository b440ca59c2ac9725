# SPDX-License-Identifier: Apache-2.0
"""Writes the calls that an importer tells as a log of ours. Reports need the importers without it."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Tuple, Union

from gdbext.model.said import Said, Text
from gdbext.trace.importers import Call
from gdbext.trace.log_definitions import MOST_FRAMES, MOST_PCS, Definitions
from gdbext.trace.log_event import ALLOC, FREE, LogEvent
from gdbext.trace.log_writer import LogWriter, wide_header

_PIECE_BYTES = 1 << 18
_HIGHEST = 1 << 64


def logged(calls: Iterable[Union[Call, Said, None]], remarks: List[Text]) -> Iterator[bytes]:
    """Yields the bytes of a log with these calls. There is no clock; numbers follow each other. Adds to `remarks`."""
    writer, told, numbers, seq = LogWriter(), Definitions(), _StackNumbers(), 0
    writer.begin(wide_header())
    for call in calls:
        if isinstance(call, Said):
            remarks.append(call)
            call = None
        if call is None or not (0 < call.address < _HIGHEST and 0 <= call.size < _HIGHEST):
            writer.nonsense()
            continue
        stack = numbers.number(call.stack, told)
        kind, size = (FREE, 0) if call.freed else (ALLOC, call.size)
        writer.event(LogEvent(kind, call.address, size, 0, stack, 0, 0, 0, seq, None), told)
        seq += 1
        if len(writer) >= _PIECE_BYTES:
            yield writer.taken()
    writer.end(told)
    yield writer.taken()


class _StackNumbers:
    """Gives each stack a number of its own, as long as there is room."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[int, ...], int] = {(): 0}
        self._pcs = 0

    def number(self, stack: Tuple[int, ...], told: Definitions) -> int:
        stack = tuple([pc for pc in stack[:MOST_FRAMES] if 0 < pc < _HIGHEST])
        if stack not in self._known and self._pcs + len(stack) <= MOST_PCS:
            self._pcs += len(stack)
            self._known[stack] = len(self._known)
            told.stacks[self._known[stack]] = stack
        return self._known.get(stack, 0)
