# SPDX-License-Identifier: Apache-2.0
"""malloc-log: Show the last events of the trace."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Optional, Tuple

from gdbext.collect.collect import collect_trace
from gdbext.collect.collected import Collected
from gdbext.commands.arguments import ALL, CALLER, LIMIT, PREVIOUS, RSP, SIZE, TASK, TRACE, WHERE
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import (
    Bounds,
    called_by,
    decimal,
    is_named,
    limit_of,
    parse_range,
    where_asked,
    why_empty,
    within,
)
from gdbext.model.events import Event
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.log import LogEntry, LogReport
from gdbext.model.said import said
from gdbext.report.text.log import log_lines
from gdbext.target.target import Target
from gdbext.trace.format import EVENT_KINDS

_SEQ = Argument(
    "--seq",
    "sequence numbers: FIRST:LAST, FIRST:, :LAST",
    {"metavar": "RANGE", "type": partial(parse_range, "--seq", number=decimal)},
)
_OF_HEAPS = ("alloc", "free", "realloc-begin", "realloc-end", "alloc-failed")
Wanted = Tuple[Collected, Optional[Bounds]]  # the trace, and the addresses that were asked for
_KIND = Argument("--kind", "events of this kind only", {"metavar": "KIND", "choices": EVENT_KINDS})


def collect_events(target: Target, options: Namespace) -> Wanted:
    """Reads the trace."""
    where = where_asked(target, options)
    found = collect_trace(target, options)
    if not found.trace.lists_frees:
        found.skipped.append(Skipped("events", said("frees-not-listed")))
    return found, where


def analyse(wanted: Wanted, options: Namespace) -> LogReport:
    """Makes the report: the last events that pass the filters."""
    found, where = wanted
    kept = [event for event in found.trace.events if _matches(found.target, options, where, event)]
    limit = limit_of(options, found.target.settings.limit)
    shown = kept if limit is None else kept[-limit:]
    entries = tuple(_entry(found, event) for event in shown)
    tasks = [event.task for event in found.trace.events]
    empty = why_empty(options, said("events-in-trace", events=len(tasks)), tasks) if tasks else (said("no-events"),)
    return LogReport(*found.closing(), entries, len(kept), () if kept else empty)


def _entry(found: Collected, event: Event) -> LogEntry:
    heap = found.trace.heap_names.get(event.heap) if event.kind in _OF_HEAPS else None
    return LogEntry(
        event.seq, event.kind, event.address, event.size, event.task, event.core, event.time,
        found.target.frames(event.stack), event.module, None if heap is None else heap.name,
    )  # fmt: skip


def _matches(target: Target, options: Namespace, where: Optional[Bounds], event: Event) -> bool:
    return (
        options.kind in (None, event.kind)
        and within(event.size, options.size)
        and within(event.seq, options.seq)
        and within(event.address, where)
        and is_named(event.task, options.task)
        and (options.caller is None or called_by(target.frames(event.stack), options.caller))
    )


def lacking(report: LogReport) -> str:
    """Returns what could not be read at all."""
    return "" if report.trace is not None else "trace"


COMMAND = Command(
    __name__, __doc__, (*TRACE, PREVIOUS, RSP, _KIND, SIZE, TASK, WHERE, CALLER, _SEQ, LIMIT, ALL), collect_events,
    analyse, log_lines, LogReport, lacking=lacking,
)  # fmt: skip
