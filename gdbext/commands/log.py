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
from gdbext.model.events import Event, buffer_number
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.log import LogEntry, LogReport
from gdbext.model.said import said
from gdbext.report.text.log import log_lines
from gdbext.target.target import Target
from gdbext.trace.format import EVENT_KINDS, KINDS
from gdbext.trace.wish import TailFilter, Wish

_SEQ = Argument(
    "--seq",
    "sequence numbers: FIRST:LAST, FIRST:, :LAST",
    {"metavar": "RANGE", "type": partial(parse_range, "--seq", number=decimal)},
)
_OF_HEAPS = ("alloc", "free", "realloc-begin", "realloc-end", "alloc-failed")
MOST_OF_LOG = 1 << 20  # events that are kept of a log
Wanted = Tuple[Collected, Optional[Bounds]]  # the trace, and the addresses that were asked for
_KIND = Argument("--kind", "events of this kind only", {"metavar": "KIND", "choices": EVENT_KINDS})


def collect_events(target: Target, options: Namespace) -> Wanted:
    """Reads the trace."""
    where = where_asked(target, options)
    found = collect_trace(target, options, _wish(options, where, target.settings.limit))
    if target.log is not None and len(found.trace.events) == MOST_OF_LOG:
        found.skipped.append(Skipped("events", said("last-events-alone", events=MOST_OF_LOG)))
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
    events, tasks = _count(found), [event.task for event in found.trace.events]
    empty = why_empty(options, said("events-in-trace", events=events), tasks) if events else (said("no-events"),)
    if _is_listing(found):
        empty = (said("listing-has-no-events", blocks=events),)
    return LogReport(*found.closing(), entries, _matching(found, options, len(kept)), () if kept else empty)


def _count(found: Collected) -> int:
    """Returns the events in the trace. Of a log only the last ones are at hand."""
    info = found.trace.info
    return info.kept if info is not None and info.log is not None else len(found.trace.events)


def _is_listing(found: Collected) -> bool:
    """Tells whether it is a log of another tool that has nothing but blocks that were live."""
    info = found.trace.info
    return info is not None and info.log is not None and info.imported is not None and info.imported.mode == "leaks"


def _matching(found: Collected, options: Namespace, kept: int) -> Optional[int]:
    """Returns how many events pass the filters. None: more than are at hand of a log."""
    if found.target.log is None:
        return kept
    tail, filters = _wish(options, None, found.target.settings.limit).tail, (options.kind, options.size, options.seq)
    if len(found.trace.events) < tail:
        return kept
    is_filtered = any(one is not None for one in (*filters, options.address, options.task, options.caller))
    return None if is_filtered else _count(found)


def _entry(found: Collected, event: Event) -> LogEntry:
    heap = found.trace.heap_names.get(event.heap) if event.kind in _OF_HEAPS else None
    is_told = event.kind not in _OF_HEAPS or found.trace.info is None or found.trace.info.addressed
    return LogEntry(
        event.seq, event.kind, event.address if is_told else None, event.size, event.task, event.core, event.time,
        found.target.frames(event.stack), event.module, None if heap is None else heap.name,
        None if heap is None else buffer_number(event.address, heap.memory),
    )  # fmt: skip


def _wish(options: Namespace, where: Optional[Bounds], default: int) -> Wish:
    """Returns what is needed of a log: the last events, and one more, which shows that they are not all.

    Tasks and callers have names only when the log has been read: for these filters, a million events are kept.
    """
    limit = limit_of(options, default)
    least, most = options.size or (0, None)
    low, high = where or (0, None)
    first, last = options.seq or (0, None)
    kinds = None if options.kind is None else frozenset(n for n, kind in KINDS.items() if kind == options.kind)
    is_late = options.task is not None or options.caller is not None
    tail = MOST_OF_LOG if limit is None or is_late else min(limit + 1, MOST_OF_LOG)
    return Wish(tail=tail, tail_filter=TailFilter(kinds, least, most, low, high, first, last))


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
