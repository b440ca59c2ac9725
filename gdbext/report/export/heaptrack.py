# SPDX-License-Identifier: Apache-2.0
"""Writes heaptrack's interpreted text, version 3, event by event: for heaptrack_gui and heaptrack_print.

Approach: the log is read once more. A stack's lines come before the first block that it allocates.
Cost: some 30 microseconds for each event. Memory: that of a replay, and a number for each size of each stack.
Limits: heaptrack knows allocations and frees alone. A block that is older than the log, and what is left of an unmapped
range, counts there as allocated. It calls a block temporary only if its free is the very next event. Without a clock an
event takes a millisecond there.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.reports.export import ExportReport, Move
from gdbext.report.export.frames import NO_STACK, by_address, file_of, name_of, put_lines
from gdbext.report.outputs import Output
from gdbext.report.printable import printable

_VERSION, _FORM = 0x10500, 3
_PAGE_BYTES = 4096
_ADDRESS = (1 << 64) - 1


def write_heaptrack(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes the lines."""
    put_lines(out, _Text(report).lines())


class _Text:
    """The lines of a file. Numbers that it gives: of strings, addresses and traces from 1 on, of sizes from 0 on."""

    def __init__(self, report: ExportReport) -> None:
        self._report = report
        self._strings: Dict[str, int] = {"": 0}
        self._addresses: Dict[Tuple[int, ...], int] = {}
        self._traces: Dict[Tuple[int, int], int] = {}
        self._trace_of: Dict[int, int] = {}  # by sample
        self._kinds: Dict[Tuple[int, int], int] = {}  # by size and sample
        self._new: List[str] = []

    def lines(self) -> Iterator[str]:
        """Yields all lines."""
        report, moment = self._report, 0
        yield f"v {_VERSION:x} {_FORM:x}"
        yield f"X {printable(report.source.file or report.source.format)}"
        yield f"I {_PAGE_BYTES:x} 0"
        for number, move in enumerate(report.moves(), 1):
            now = self._milliseconds(move, number, moment)
            if now > moment:
                moment = now
                yield f"c {moment:x}"
            kind = self._kind(move)
            yield from self._new
            self._new.clear()
            yield f"{'+' if move.born else '-'} {kind:x}"

    def _milliseconds(self, move: Move, number: int, before: int) -> int:
        hz, first = self._report.timeline.hz, self._report.first_time or 0
        if not hz:
            return number
        return before if move.time is None else max(0, move.time - first) * 1000 // hz

    def _kind(self, move: Move) -> int:
        """Returns the number of a size of a sample."""
        key = move.size, move.sample
        if key not in self._kinds:
            trace = self._trace(move.sample)
            self._kinds[key] = len(self._kinds)
            self._new.append(f"a {move.size:x} {trace:x}")
        return self._kinds[key]

    def _trace(self, sample: int) -> int:
        if sample not in self._trace_of:
            trace = 0
            frames = self._report.samples[sample].frames or (Frame(0, NO_STACK),)
            for place in reversed(list(by_address(frames))):
                key = self._address(place), trace
                if key not in self._traces:
                    self._traces[key] = len(self._traces) + 1
                    self._new.append(f"t {key[0]:x} {key[1]:x}")
                trace = self._traces[key]
            self._trace_of[sample] = trace
        return self._trace_of[sample]

    def _address(self, frames: Stack) -> int:
        key = tuple(map(id, frames)) if frames[0].pc else (0,)
        if key not in self._addresses:
            pc = frames[-1].pc & _ADDRESS
            parts = [self._string(self._module(pc))]
            for frame in frames:
                parts += [self._string(name_of(frame)), self._string(file_of(frame)), frame.line or 0]
            self._addresses[key] = len(self._addresses) + 1
            self._new.append(" ".join(["i", f"{pc:x}", *(f"{part:x}" for part in parts)]))
        return self._addresses[key]

    def _module(self, pc: int) -> str:
        held: Optional[str] = next((one.file for one in self._report.mappings if one.start < pc <= one.end), None)
        return printable(held or self._report.source.file or self._report.source.format)

    def _string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = len(self._strings)
            self._new.append(f"s {len(text.encode('utf-8', 'backslashreplace')):x} {text}")
        return self._strings[text]


OUTPUT = Output((".heaptrack",), write_heaptrack, (ExportReport,))
