# SPDX-License-Identifier: Apache-2.0
"""`last-malloc` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.last import LastReport
from gdbext.report.text.closing import closing_line, skipped_lines
from gdbext.report.text.words import module_words, owner_words, place_words, stack_words


def last_lines(report: LastReport) -> Iterator[str]:
    """Yields the lines of the whole report."""
    trace = report.trace
    where = place_words(report.block, report.cost, report.spot)
    if trace is not None and trace.past:
        where = "in the run before"
    elif trace is not None and trace.log is not None and report.block is None:
        where = "in no block of the log" if trace.addressed else "nobody can tell: the log has no addresses of blocks"
    yield f"{report.address:#x}: {where}"
    for number, life in enumerate(report.generations):
        size = f"{life.size:,} bytes" if life.size is not None else "size not in the trace"
        label = "newest owner" if number == 0 else f"{number} before"
        yield f"  {label}: {life.payload:#x}, {size}"
        task = life.task if life.module is None else module_words(life.task or "?", life.module)
        yield f"    allocated  {stack_words(life.allocated, life.seq)}   {owner_words(task, life.seq)}".rstrip()
        if life.freed is not None:
            verb = "freeing  " if life.in_flight else "freed    "
            owner = owner_words(life.freed_task, life.freed_seq)
            yield f"    {verb}  {stack_words(life.freed, life.freed_seq)}   {owner}".rstrip()
        elif number == 0:
            frees_seen = trace is None or trace.imported is None or (trace.running and trace.imported.frees_told)
            yield "    not freed" if frees_seen else "    no free of it is recorded"
    if report.older:
        yield f"  ... {report.older:,} more (--all)"
    if not report.generations and not report.cost.interrupted and (trace is None or trace.addressed):
        yield "  no event of the trace is about it"
    yield from skipped_lines(report.skipped)
    yield closing_line(report)
