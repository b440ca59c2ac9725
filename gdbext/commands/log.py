# SPDX-License-Identifier: Apache-2.0
"""`memtrace log`: the last events of the ring."""

from __future__ import annotations

from argparse import Namespace

from gdbext.commands.collect import collect_trace
from gdbext.commands.filters import called_by, decimal, is_named, limit_of, parse_range, within
from gdbext.commands.host import Host
from gdbext.model import Event, LogEntry, LogReport, Skipped

_NO_FREES = (
    "the records do not say when a block was freed, so that frees are not listed; last-malloc ADDRESS shows them"
)


def run_log(host: Host, options: Namespace) -> LogReport:
    """Collects, filters; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    found = collect_trace(host, options.ring)
    if found.trace is not None and not found.trace.lists_frees:
        found.skipped.append(Skipped("events", _NO_FREES))
    kept = [event for event in found.events if _matches(host, options, event)]
    limit = limit_of(options, host.settings.limit)
    shown = kept if limit is None else kept[-limit:]
    entries = tuple(_entry(host, event) for event in shown)
    return LogReport(entries, len(kept), *found.closing(memory, mark))


def _entry(host: Host, event: Event) -> LogEntry:
    stack = host.frames(event.stack)
    return LogEntry(event.seq, event.kind, event.address, event.size, event.task, event.core, event.time, stack)


def _matches(host: Host, options: Namespace, event: Event) -> bool:
    return (
        options.kind in (None, event.kind)
        and within(event.size, parse_range("--size", options.size, decimal))
        and within(event.seq, parse_range("--seq", options.seq, decimal))
        and within(event.address, parse_range("--address", options.address, host.address))
        and is_named(event.task, options.task)
        and (options.caller is None or called_by(host.frames(event.stack), options.caller))
    )
