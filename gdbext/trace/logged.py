# SPDX-License-Identifier: Apache-2.0
"""Writes what an importer tells as a log of ours. Reports need the importers without it."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.said import Said, Text
from gdbext.trace.importers import Call, Item, Level, Marked, Module, Named, Remark, Summed, WrongFree
from gdbext.trace.log_definitions import (
    MOST_FRAMES,
    MOST_HEAPS,
    MOST_MODULES,
    MOST_NAMES,
    MOST_PCS,
    NAME_CONTEXT,
    NAME_MARK,
    Definitions,
)
from gdbext.trace.log_event import ALLOC, FREE, LIVE, MARK, LogEvent
from gdbext.trace.log_writer import LogWriter, wide_header
from gdbext.trace.summed import ToldSums

_PIECE_BYTES = 1 << 18
_HIGHEST = 1 << 64
_FIRST_CONTEXT = 16  # smaller numbers mean something in logs of ours
_LARGEST_BLOCK = (1 << 42) - 1
_MOST_SUMMED = 1 << 16  # blocks that stand for sums


class Beside(NamedTuple):
    """What an importer tells beside the events. It grows while the log is written."""

    losses: List[Text]  # what is missing
    notes: List[Text]  # what else there is to say
    named: Dict[int, Stack]  # what the log itself says of PCs
    by_monitor: Dict[int, Stack]  # what a monitor has added
    wrong_frees: List[WrongFree]  # those that the tool itself has found
    sums: ToldSums  # what it has in place of calls


def logged(items: Iterable[Item], hz: int, modules: Sequence[Module], beside: Beside) -> Iterator[bytes]:
    """Yields the bytes of a log with these items, and these modules. Numbers follow each other.

    Adds to `beside` what such a log has no place for: the frames of PCs before the piece that has them.
    """
    written = _Logged(hz, modules, beside)
    for item in items:
        if isinstance(item, Remark):
            (beside.losses if item.is_loss else beside.notes).append(item.text)
        elif isinstance(item, WrongFree):
            beside.wrong_frees.append(item)
        else:
            if isinstance(item, Said):
                beside.losses.append(item)
            written.take(item)
        if len(written.writer) >= _PIECE_BYTES:
            yield written.writer.taken()
    written.writer.end(written.told)
    yield written.writer.taken()


class _Logged:
    """A log that is being written."""

    def __init__(self, hz: int, modules: Sequence[Module], beside: Beside) -> None:
        self.writer, self.told = LogWriter(), Definitions()
        self._sums, self._summed = beside.sums, 0
        self._stacks, self._beside, self._seq, self._time = _StackNumbers(), beside, 0, 0
        self._names: Dict[Tuple[int, str], int] = {}
        self._heaps: Dict[str, int] = {}
        self._has_clock = hz != 0
        self.writer.begin(wide_header(hz))
        for module in modules:
            self._load(module)

    def take(self, item: Item) -> None:
        """Takes what an importer tells."""
        if isinstance(item, Module):
            self._load(item)
        elif isinstance(item, Named):
            named = self._beside.by_monitor if item.by_monitor else self._beside.named
            if len(named) < MOST_PCS:
                named[item.pc] = tuple(Frame(item.pc, *frame) for frame in item.frames)
        elif isinstance(item, Marked):
            self._event(LogEvent(MARK, self._name(NAME_MARK, item.name), 0, 0, 0, 0, 0, 0, self._seq, self._now(None)))
        elif isinstance(item, Call) and 0 < item.address < _HIGHEST and 0 <= item.size < _HIGHEST:
            self._call(item)
        elif isinstance(item, Summed):
            self._sum(item)
        elif isinstance(item, Level):
            self._sums.level(item)
        else:
            self.writer.nonsense()

    def _sum(self, one: Summed) -> None:
        """Takes sums. Blocks of a mean size stand for what is live of them, a block that is freed for nothing."""
        self._sums.add(self._stacks.number(one.stack, self.told), one)
        blocks, size = one.use.live_blocks or bool(one.use.live_bytes), one.use.live_bytes
        blocks = blocks if self._summed + blocks <= _MOST_SUMMED else 1
        for number in range(blocks or 1):
            self._summed += 1
            part = size // blocks + (number < size % blocks) if blocks else 0
            self._call(Call(self._summed, min(part, _LARGEST_BLOCK), one.stack, listed=blocks > 0))
        if not blocks:
            self._call(Call(self._summed, freed=True))

    def _call(self, call: Call) -> None:
        kind = LIVE if call.listed else FREE if call.freed else ALLOC
        context = 0 if call.task is None else self._name(NAME_CONTEXT, call.task)
        stack, heap = self._stacks.number(call.stack, self.told), self._heap(call.heap)
        size = 0 if call.freed else call.size
        seq, time = (None, None) if call.listed else (self._seq, self._now(call.time))
        self._event(LogEvent(kind, call.address, size, heap, stack, context, 0, 0, seq, time))

    def _event(self, event: LogEvent) -> None:
        self.writer.event(event, self.told)
        self._seq += event.seq is not None

    def _now(self, time: Optional[int]) -> Optional[int]:
        """Returns the time of an event: its own if there is a clock and it does not go back, else the one before."""
        self._time = max(self._time, time or 0)
        return min(self._time, _HIGHEST - 1) if self._has_clock else None

    def _load(self, module: Module) -> None:
        if len(self.told.modules) < MOST_MODULES and 0 <= module.base < _HIGHEST:
            self.told.modules.append((module.base, module.build_id, module.path))

    def _name(self, kind: int, name: str) -> int:
        if len(self._names) >= MOST_NAMES and (kind, name) not in self._names:
            return 0
        number = self._names.setdefault((kind, name), _FIRST_CONTEXT + len(self._names))
        self.told.names[number] = kind, name
        return number

    def _heap(self, name: Optional[str]) -> int:
        if name is None or (len(self._heaps) >= MOST_HEAPS - 1 and name not in self._heaps):
            return 0
        number = self._heaps.setdefault(name, 1 + len(self._heaps))
        self.told.heaps[number] = name, 0, 0
        return number


class _StackNumbers:
    """Gives each stack a number of its own, as long as there is room."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[int, ...], int] = {(): 0}
        self._pcs = 0

    def number(self, stack: Tuple[int, ...], told: Definitions) -> int:
        stack = tuple([pc for pc in stack[:MOST_FRAMES] if 0 < pc < _HIGHEST])
        if stack not in self._known and self._pcs + len(stack) <= MOST_PCS:
            self._pcs += len(stack)
            self._known[stack] = len(self._known)
            told.stacks[self._known[stack]] = stack
        return self._known.get(stack, 0)
