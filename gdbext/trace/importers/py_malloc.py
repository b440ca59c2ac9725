# SPDX-License-Identifier: Apache-2.0
"""Imports the log of py_malloc_trace, which has a line of JSON for each call of the allocator.

Approach: a line has the operation (1: allocated, 2: freed, 3: reallocated), the block, its size and the caller. A
reallocation always becomes a free and an allocation, as in logs that lack the third operation. The number of a line,
from 1 on, is the sequence number of its events.
Limits: one frame for each call, no times, no threads. For calloc the tool logs the size of one element only.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, Iterator, List

from gdbext.model.events import Event, Imported, TraceInfo
from gdbext.model.said import said
from gdbext.trace.importers import Importer
from gdbext.trace.trace import Trace

_SOURCE = "py_malloc_trace"
_FIRST = re.compile(rb'\s*\{\s*"op"\s*:\s*[123]\s*,\s*"p"\s*:')
_LONGEST_LINE = 1 << 16
_MOST_FRAMES = 64
_HIGHEST = 1 << 64
_ALLOCATED, _FREED, _REALLOCATED = 1, 2, 3


def read_log(lines: Iterable[bytes]) -> Trace:
    """Returns the trace of all lines that make sense. The others are counted."""
    events: List[Event] = []
    unread = 0
    for number, line in enumerate(lines, 1):
        try:
            events += _events(number, json.loads(line[:_LONGEST_LINE]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            unread += bool(line.strip())
    imported = Imported(_SOURCE, 0, "all", None, 1, False, True)
    last = events[-1].seq if events else None
    info = TraceInfo(len(events), 0, events[0].seq if events else None, last, True, imported=imported)
    problems = (said("lines-unread", lines=unread),) if unread else ()
    return Trace(info, tuple(events), problems=problems)


def _events(number: int, call: Dict[str, Any]) -> Iterator[Event]:
    """Yields the events of one call. There is none for free(NULL) and for a failed allocation."""
    kind, block = int(call["op"]), _address(call["p"])
    stack = tuple(map(_address, list(call["return_addr"])[:_MOST_FRAMES]))
    if kind not in (_ALLOCATED, _FREED, _REALLOCATED):
        raise ValueError(kind)
    new = block if kind == _ALLOCATED else _address(call["p2"]) if kind == _REALLOCATED else 0
    if block and kind != _ALLOCATED:
        yield Event(number, "free", block, 0, 0, 0, None, 0, 0, None, stack)
    if new:
        yield Event(number, "alloc", new, _size(call["size"]), 0, 0, None, 0, 0, None, stack)


def _address(text: Any) -> int:
    return 0 if text in ("(nil)", None) else _size(int(str(text), 16))


def _size(number: Any) -> int:
    if not 0 <= int(number) < _HIGHEST:
        raise ValueError(number)
    return int(number)


SENTENCES = {"lines-unread": "the log has {lines:line} that memtrace cannot read"}
IMPORTER = Importer(lambda head: _FIRST.match(head) is not None, read_log, SENTENCES)
