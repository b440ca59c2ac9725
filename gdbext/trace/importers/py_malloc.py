# SPDX-License-Identifier: Apache-2.0
"""Imports the log of py_malloc_trace, which has a line of JSON for each call of the allocator.

Approach: a line has the operation (1: allocated, 2: freed, 3: reallocated), the block, its size and the caller. A
reallocation always becomes a free and an allocation, as in logs that lack the third operation.
Where the program had loaded its files is not in it: --maps says that.
Limits: one frame for each call, no times, no threads. For calloc the tool logs the size of one element only.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, Iterator, Set, Tuple

from gdbext.model.said import said
from gdbext.trace.importers import MAPS, TASKS, TIMES, Call, Importer, Item, Remark, Unread, lines_of

_FIRST = re.compile(rb'\s*\{\s*"op"\s*:\s*[123]\s*,\s*"p"\s*:')
_MOST_FRAMES = 64
_HIGHEST = 1 << 64
_OWN_PLACES, _MANY_CALLS = 7, 256  # functions that the tool replaces; calls that come from more places than these
_ALLOCATED, _FREED, _REALLOCATED = 1, 2, 3


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the calls of all lines."""
    callers: Set[Tuple[int, ...]] = set()
    count = 0
    for number, line in enumerate(lines_of(chunks), 1):
        try:
            calls = tuple(_calls(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            if line.strip():
                yield Unread(number)
            continue
        count += len(calls)
        if len(callers) <= _OWN_PLACES:
            callers.update(call.stack for call in calls)
        yield from calls
    if count >= _MANY_CALLS and len(callers) <= _OWN_PLACES:
        yield Remark(said("py-malloc-callers", calls=count, places=len(callers)))


def _calls(call: Dict[str, Any]) -> Iterator[Call]:
    """Yields the free and the allocation of one call. There is none for free(NULL) and for a failed allocation."""
    kind, block = int(call["op"]), _address(call["p"])
    stack = tuple(map(_address, list(call["return_addr"])[:_MOST_FRAMES]))
    if kind not in (_ALLOCATED, _FREED, _REALLOCATED):
        raise ValueError(kind)
    new = block if kind == _ALLOCATED else _address(call["p2"]) if kind == _REALLOCATED else 0
    if block and kind != _ALLOCATED:
        yield Call(block, 0, stack, freed=True)
    if new:
        yield Call(new, _size(call["size"]), stack)


def _address(text: Any) -> int:
    return 0 if text in ("(nil)", None) else _size(int(str(text), 16))


def _size(number: Any) -> int:
    if not 0 <= int(number) < _HIGHEST:
        raise ValueError(number)
    return int(number)


SENTENCES = {
    "py-malloc-sign": "lines of JSON that begin with op and p",
    "py-malloc-callers": (
        "all {calls:call} come from {places:place}: if the compiler did not inline the tool's own helper, the tool is "
        "its own caller, and the log does not tell who allocated"
    ),
}
IMPORTER = Importer(
    "py_malloc_trace",
    lambda head: _FIRST.match(head) is not None,
    calls_of,
    SENTENCES,
    sign=said("py-malloc-sign"),
    lacks=(MAPS, TASKS, TIMES),
)
