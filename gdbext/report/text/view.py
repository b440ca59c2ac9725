# SPDX-License-Identifier: Apache-2.0
"""`heap-view` as text: address, bytes, what they are."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.view import Row, Viewed, ViewReport
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, damaged_lines, skipped_lines
from gdbext.report.text.words import place_words, stack_words

_COLUMN = 36  # of 16 bytes in groups of 4
_PRINTABLE = range(0x20, 0x7F)


def view_lines(report: ViewReport) -> Iterator[str]:
    """Yields where the address lies, then the rows of each block."""
    yield f"{report.address:#x}: {place_words(report.place, report.cost)}"
    for block in report.blocks:
        yield from _block(block, report.address)
    yield from damaged_lines(report.damaged)
    yield from skipped_lines(report.skipped)
    yield closing_line(report, report.next)


def _block(block: Viewed, asked: int) -> Iterator[str]:
    if block.state == "unproven":
        yield f"no block could be proven from {block.payload:#x} on, {counted(block.size, 'byte')}"
    else:
        who = f"  {block.task or '?'}: {stack_words(block.allocated)}" if block.allocated or block.task else ""
        yield f"block {block.payload:#x}, {counted(block.size, 'byte')}, {block.state}{who}"
    last = 0
    for row in block.rows:
        if last and row.address > last:
            yield f"  ... {counted(row.address - last, 'byte')} more (--all)"
        last = row.address + row.length
        yield _row(row, row.address <= asked < last)


def _row(row: Row, is_asked: bool) -> str:
    digits = row.bytes if row.kind != "fill" else row.bytes[:2]
    data = " ".join(digits[place : place + 8] for place in range(0, len(digits), 8))
    if row.kind == "fill":
        data = f"{row.length:,} x {digits}"
    what = _what(row)
    damage = f"  DAMAGED: {'; '.join(map(words, row.damage))}" if row.damage else ""
    here = "   <- this address" if is_asked else ""
    return f"  {row.address:#x}  {data:<{_COLUMN}}  {what}{damage}{here}".rstrip()


def _what(row: Row) -> str:
    if row.kind == "unread":
        return f"{counted(row.length, 'byte')} not read"
    if row.kind in ("fill", "payload", "unproven"):
        text = "".join(chr(one) if one in _PRINTABLE else "." for one in bytes.fromhex(row.bytes))
        return row.kind if row.kind == "fill" else f"{row.kind:<8} {text}"
    kind = row.kind if row.name in (row.kind, "") else f"{row.kind} {row.name}"
    return kind if row.value is None else f"{kind} = {row.value:#x}"
