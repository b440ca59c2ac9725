# SPDX-License-Identifier: Apache-2.0
"""`last-malloc` as text."""

from __future__ import annotations

from typing import Iterator, Optional

from gdbext.model import LastReport, Life, TraceInfo
from gdbext.report.words import cost_words, owner_words, place_words, stack_words, trace_words


def last_lines(report: LastReport) -> Iterator[str]:
    """The whole report, line by line."""
    yield f"{report.address:#x}: {place_words(report.block, report.cost)}"
    for number, life in enumerate(report.generations):
        yield from _life_lines(life, number, report.trace)
    if report.older:
        yield f"  ... {report.older:,} more (--all)"
    if not report.generations and not report.cost.interrupted:
        yield "  no event of the trace is about it"
    for skipped in report.skipped:
        yield f"not checked: {skipped.check}: {skipped.why}"
    yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}"


def _life_lines(life: Life, number: int, trace: Optional[TraceInfo]) -> Iterator[str]:
    size = f"{life.size:,} bytes" if life.size is not None else "size not in the trace"
    label = "newest owner" if number == 0 else f"{number} before"
    yield f"  {label}: {life.payload:#x}, {size}"
    yield f"    allocated  {stack_words(life.allocated)}   {owner_words(life.task, life.seq)}".rstrip()
    if life.freed is not None:
        verb = "freeing  " if life.in_flight else "freed    "
        yield f"    {verb}  {stack_words(life.freed)}   {owner_words(life.freed_task, life.freed_seq)}".rstrip()
    elif number == 0:
        yield "    not freed" if trace is None or _tells_frees(trace) else "    no free of it is recorded"


def _tells_frees(trace: TraceInfo) -> bool:
    """Whether a free would be in the trace."""
    return trace.imported is None or (trace.running and trace.imported.frees_told)
