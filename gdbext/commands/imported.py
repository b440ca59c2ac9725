# SPDX-License-Identifier: Apache-2.0
"""Takes what others than our recorder have kept of a program's heaps: ESP-IDF's heap tracing and its task tracking.

Loaded only for programs that have one of them linked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator

from gdbext.commands.collect import Collected
from gdbext.commands.host import Host
from gdbext.model import Generation, Skipped
from gdbext.symbols.shapes import Program
from gdbext.trace.history import History
from gdbext.trace.idf_heap_trace import SOURCE, STATICS, RecordsError, books_of, read_records
from gdbext.trace.idf_task_stats import lists_of, read_owners


def import_records(host: Host, program: Program, found: Collected) -> None:
    """The records of ESP-IDF's heap tracing as the trace, or why they cannot be read."""
    if program.address_of("memtrace_ring") is None:
        found.skipped.clear()  # another recorder is linked than ours: nothing is missing
    books = books_of(program)
    if books is None:
        why = "its records are here, but only debug information tells how: load an ELF that was built with -g"
        if all(program.address_of(name) is None for name in STATICS):
            why = "it is linked, but no records are: it is off, or sends to a host"
        found.skipped.append(Skipped("trace", f"{SOURCE}: {why}"))
        return
    host.find_heaps()  # the buffer may lie in one: their memory is known from here on
    try:
        found.trace = trace = read_records(host.memory(), books)
    except RecordsError as problem:
        found.skipped.append(Skipped("trace", f"{SOURCE}: {problem}"))
        return
    found.history = trace.history
    found.skipped += [Skipped("trace", f"{SOURCE}: {problem}") for problem in trace.problems]


def import_tasks(host: Host, program: Program, found: Collected) -> None:
    """The owners that ESP-IDF's task tracking knows; it lists blocks that are in use, and no stacks."""
    lists = None if host.memory().fragile else lists_of(program)
    if lists is None:
        return
    found.tasks = owners = read_owners(host.memory(), lists)
    if owners.problem is not None:
        found.skipped.append(Skipped("tasks", f"ESP-IDF's task_stats: {owners.problem}"))
    found.history = History(lives=_with_tasks(found.history, owners.tasks))


def _with_tasks(history: History, tasks: Dict[int, str]) -> Iterator[Generation]:
    """What is known already, with the tasks; then what only they tell."""
    for life in history.lives():
        newest = not life.is_freed and life == history.newest(life.payload)
        yield replace(life, task=tasks.get(life.payload)) if newest else life
    for payload, task in tasks.items():
        known = history.newest(payload)
        if known is None or known.is_freed:
            yield Generation(payload, None, task, None, ())
