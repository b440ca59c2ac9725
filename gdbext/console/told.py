# SPDX-License-Identifier: Apache-2.0
"""Says in words what a record of memtrace's console tells in numbers: heaps, tasks, modules, entries, leaks.

Approach: each kind of record has a function that takes its fields; a record with fewer or other fields than the grammar
has (docs/reference/console.md) says nothing. What numbers stand for is what the records before it have named.
Cost: some microseconds a record.
"""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Optional

from gdbext.model.said import Said, said
from gdbext.trace.console_records import (
    BEGIN,
    CAPABILITY,
    COUNTS,
    ENTRIES,
    HEAP,
    KIND,
    LEAK,
    LEAKED,
    MISSING,
    MODULE,
    TASK,
    ConsoleRecord,
)

_STATES = {"X": "running", "R": "ready", "B": "blocked", "S": "suspended", "D": "deleted"}
_ALL_ONES = 0xFFFFFFFF


class Names:
    """What the numbers in one text stand for."""

    def __init__(self) -> None:
        self.hz = 0

    def take(self, record: ConsoleRecord, names: Mapping[int, str]) -> Optional[Said]:
        """Takes a record; returns what it tells. `names` are those that the records before it have told."""
        if record.kind == BEGIN:
            self.hz = record.number(3) or 0
        tell = _TELLING.get(record.kind)
        return None if tell is None else tell(record, names, self.hz)


_Tell = Callable[[ConsoleRecord, Mapping[int, str], int], Optional[Said]]


def _sizes(record: ConsoleRecord, place: int) -> Optional[Said]:
    """Returns the numbers of a heap, or of several."""
    total, free, minimum, largest = (record.number(at) for at in range(place, place + 4))
    if total is None or free is None or minimum is None or largest is None:
        return None
    return said("console-sizes", total=total, free=free, minimum=minimum, largest=largest)


def _heap(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    sizes = _sizes(record, 3)
    return None if sizes is None else said("console-heap", name=record.word(0), memory=record.word(1), sizes=sizes)


def _kind(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    sizes, before = _sizes(record, 1), record.number(5)
    if sizes is None:
        return None
    if before is None:
        return said("console-kind", memory=record.word(0), sizes=sizes)
    change = (record.number(2) or 0) - before
    return said("console-kind-since", memory=record.word(0), sizes=sizes, change=change)


def _capability(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    bits, sizes = record.number(0), _sizes(record, 1)
    return None if bits is None or sizes is None else said("console-capability", bits=bits, sizes=sizes)


def _task(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    priority, base, unused, number, now, low, high = (record.number(at) for at in range(2, 9))
    if high is None:
        return None
    state = _STATES.get(record.word(1), record.word(1))
    task = said("console-task", name=record.word(0) or None, number=number, state=state, priority=priority, base=base)
    if not low:
        return task
    return said("console-stack", task=task, now=now, low=low, high=high, unused=unused)


def _module(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    used, peak, blocks = (record.number(at) for at in (2, 4, 3))
    if used is None or blocks is None or peak is None:
        return None
    number = record.number(0)
    if number is None:
        return said("console-modules", used=used, blocks=blocks, peak=peak)
    return said("console-module", name=record.word(1) or str(number), used=used, blocks=blocks, peak=peak)


def _entries(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    seen = tuple(one[:-2] for one in record.fields if one.endswith("=1"))
    never = tuple(one[:-2] for one in record.fields if one.endswith("=0"))
    return said("console-entries", seen=seen or "none", never=never or "none")


def _counts(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    events, lost, blocks, size = (record.number(at) for at in range(4))
    state, ago = record.word(6), _age(record.number(5), hz)
    if events is None or lost is None or blocks is None or size is None or not state:
        return None
    return said("console-counts", events=events, lost=lost, blocks=blocks, size=size, ago=ago, state=state)


def _leak(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    address, size = record.number(0), record.number(1)
    if address is None or size is None:
        return None
    task, heap, module = (names.get(record.number(at) or 0) for at in (3, 4, 6))
    age = _age(record.number(5), hz)
    return said("console-leak", address=address, size=size, task=task, heap=heap, module=module, age=age)


def _leaked(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    blocks, size = record.number(1), record.number(2)
    return None if size is None else said("console-leaked", memory=record.word(0), blocks=blocks, size=size)


def _missing(record: ConsoleRecord, names: Mapping[int, str], hz: int) -> Optional[Said]:
    blocks, stacks, full = (record.number(at) for at in (1, 3, 5))
    if blocks is None or stacks is None or full is None or not blocks + stacks:
        return None
    if blocks == _ALL_ONES:
        return said("console-no-table")
    return said("console-missing", blocks=blocks, stacks=stacks, full=full)


def _age(ticks: Optional[int], hz: int) -> Optional[str]:
    """Returns a time in seconds; None if it is not known."""
    return None if ticks is None or not hz else f"{ticks / hz:.3f} s"


_TELLING: Dict[str, _Tell] = {
    HEAP: _heap,
    KIND: _kind,
    CAPABILITY: _capability,
    TASK: _task,
    MODULE: _module,
    ENTRIES: _entries,
    COUNTS: _counts,
    LEAK: _leak,
    LEAKED: _leaked,
    MISSING: _missing,
}
