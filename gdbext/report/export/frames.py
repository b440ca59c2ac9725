# SPDX-License-Identifier: Apache-2.0
"""Frames as the forms of other tools name them.

Names and paths are a program's or a log's: whatever is in them, they stay one printable word of a line.
"""

from __future__ import annotations

from typing import BinaryIO, Iterable, Iterator, List

from gdbext.model.events import Frame, Stack
from gdbext.model.reports.export import ExportReport
from gdbext.report.printable import printable
from gdbext.report.sentences import words

NO_STACK = "[no stack recorded]"
_PIECE_LINES = 4096


def name_of(frame: Frame) -> str:
    """Returns a frame's function, else its address."""
    return printable(frame.function or f"{frame.pc:#x}")


def file_of(frame: Frame) -> str:
    """Returns a frame's file, or an empty text."""
    return printable(frame.file or "")


def by_address(frames: Stack) -> Iterator[Stack]:
    """Yields the frames of each address: inlined ones, innermost first, then the function that the code is in."""
    start = 0
    for number, frame in enumerate(frames, 1):
        if not frame.inlined or number == len(frames) or frames[number].pc != frame.pc:
            yield frames[start:number]
            start = number


def remarks_of(report: ExportReport) -> List[str]:
    """Returns what a reader of another tool must know: where it is from, what is lost, what it cannot tell."""
    source, info = report.source, report.trace
    kept = (
        "" if info is None else f": {info.kept:,} events kept, {report.lost:,} lost, {source.unread:,} not understood"
    )
    lines = [f"memtrace: {source.format} {source.file or ''}".rstrip() + kept]
    if report.untold:
        lines.append(f"not in the data, and 0 here: {', '.join(report.untold)}")
    return [printable(line) for line in (*lines, *(f"{one.check}: {words(one.why)}" for one in report.skipped))]


def put_lines(out: BinaryIO, lines: Iterable[str]) -> None:
    """Writes lines, in pieces."""
    piece: List[str] = []
    for line in lines:
        piece.append(line)
        if len(piece) >= _PIECE_LINES:
            _put(out, piece)
            piece.clear()
    _put(out, piece)


def _put(out: BinaryIO, lines: List[str]) -> None:
    if lines:
        out.write("\n".join([*lines, ""]).encode("utf-8", "backslashreplace"))
