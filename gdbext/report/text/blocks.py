# SPDX-License-Identifier: Apache-2.0
"""`heap-blocks` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.blocks import BlocksReport
from gdbext.report.numbers import counted
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, damaged_lines, more_line, skipped_lines
from gdbext.report.text.words import module_words, stack_words


def blocks_lines(report: BlocksReport) -> Iterator[str]:
    """Yields the list of blocks, then its totals."""
    if report.blocks:
        yield f"{'block':>12} {'size':>10} {'requested':>10}  state  {'seq':>8}  task, allocated by"
    for entry in report.blocks:
        place = "-" if entry.payload is None else f"{entry.payload:#x}"
        requested = f"{entry.requested:,}" if entry.requested is not None else "-"
        owner = entry.owner
        seq = f"{owner.seq}" if owner is not None and owner.seq is not None else "-"
        who = ""
        if owner is not None:
            who = f"{module_words(owner.task or '?', owner.module)}: {stack_words(owner.allocated, owner.seq)}"
        who += "" if entry.role is None else f"   ({words(entry.role)})"
        yield f"{place:>12} {entry.size:>10,} {requested:>10}  {entry.state:<5}  {seq:>8}  {who}".rstrip()
    yield from more_line(len(report.blocks), report.total.blocks)
    of_what = " in what had been read" if report.cost.interrupted else ""
    yield f"{counted(report.total.blocks, 'block')}, {counted(report.total.bytes, 'byte')}{of_what}"
    yield from map(words, report.empty)
    yield from damaged_lines(report.damaged)
    yield from skipped_lines(report.skipped)
    yield closing_line(report)
