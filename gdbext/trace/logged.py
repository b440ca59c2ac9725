# SPDX-License-Identifier: Apache-2.0
"""Writes what an importer tells as a log of ours. Reports need the importers without it.

Cost: some 5 microseconds for each Call, 0.6 for each row of Calls.
"""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.said import Said, Text, said
from gdbext.trace.importers import (
    FREED,
    Call,
    Calls,
    Item,
    Level,
    Marked,
    Module,
    Named,
    Remark,
    Summed,
    Unread,
    Way,
    WrongFree,
)
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
_MOST_WRONG_FREES = 4096  # of those that a tool has found
_LARGEST = (1 << 59) - 1  # block for whose size a row has room
_FIRST_CONTEXT = 16  # smaller numbers mean something in logs of ours
_LARGEST_BLOCK = (1 << 42) - 1
_MOST_SUMMED = 1 << 16  # blocks that stand for sums
_MOST_LINES = 8  # that are named of those that make no sense


class Beside(NamedTuple):
    """What an importer tells beside the events. It grows while the log is written."""

    losses: List[Text]  # what is missing
    notes: List[Text]  # what else there is to say
    named: Dict[int, Stack]  # what the log itself says of PCs
    by_monitor: Dict[int, Stack]  # what a monitor has added
    wrong_frees: List[WrongFree]  # those that the tool itself has found
    sums: ToldSums  # what it has in place of calls
    libraries: Dict[int, str]  # the loaded files that PCs are in, where no module tells
    segments: Dict[Tuple[int, str], Tuple[Tuple[int, int], ...]]  # of modules, by base and path


def logged(items: Iterable[Item], hz: int, modules: Sequence[Module], beside: Beside) -> Iterator[bytes]:
    """Yields the bytes of a log with these items, and these modules. Numbers follow each other.

    Adds to `beside` what such a log has no place for: the frames of PCs before the piece that has them.
    """
    written = _Logged(hz, modules, beside)
    for item in items:
        if isinstance(item, Remark):
            (beside.losses if item.is_loss else beside.notes).append(item.text)
        elif isinstance(item, WrongFree):
            if len(beside.wrong_frees) < _MOST_WRONG_FREES:
                beside.wrong_frees.append(item)
        else:
            if isinstance(item, Said):
                beside.losses.append(item)
            written.take(item)
        if len(written.writer) >= _PIECE_BYTES:
            yield written.writer.taken()
    written.end()
    yield written.writer.taken()


class _Logged:
    """A log that is being written."""

    def __init__(self, hz: int, modules: Sequence[Module], beside: Beside) -> None:
        self.writer, self.told, self._beside = LogWriter(), Definitions(), beside
        self._summed = 0
        self._stacks, self._seq, self._time = _StackNumbers(), 0, 0
        self._ways: Dict[int, int] = {0: 0, FREED: 0}  # our numbers of the importer's stacks
        self._names: Dict[Tuple[int, str], int] = {}
        self._heaps: Dict[str, int] = {}
        self._lines: List[int] = []  # the first ones that make no sense
        self._lines_left = 0
        self._has_clock = hz != 0
        self.writer.begin(wide_header(hz))
        for module in modules:
            self._load(module)

    def take(self, item: Item) -> None:
        """Takes what an importer tells."""
        if isinstance(item, Calls):
            self._calls(item)
        elif isinstance(item, Call) and 0 < item.address < _HIGHEST and 0 <= item.size < _HIGHEST:
            self._call(item)
        elif isinstance(item, Way):
            self._ways[item.number] = self._stacks.number(item.pcs, self.told)
            self.writer.stack(self._ways[item.number], self.told)
        elif isinstance(item, Module):
            self._load(item)
        elif isinstance(item, Named):
            self._name_place(item)
        elif isinstance(item, Marked):
            self._event(LogEvent(MARK, self._name(NAME_MARK, item.name), 0, 0, 0, 0, 0, 0, self._seq, self._now(None)))
        elif isinstance(item, Summed):
            self._sum(item)
        elif isinstance(item, Level):
            self._beside.sums.level(item)
        else:
            self._pass_over(item)

    def end(self) -> None:
        """Ends the log."""
        self.writer.end(self.told)
        if self._lines:
            more = f", and {self._lines_left:,} more" if self._lines_left else ""
            self._beside.losses.append(said("log-unread-lines", lines=tuple(self._lines), more=more))

    def _pass_over(self, item: Item) -> None:
        """Counts what makes no sense."""
        self.writer.nonsense()
        if isinstance(item, Unread) and len(self._lines) < _MOST_LINES:
            self._lines.append(item.line)
        elif isinstance(item, Unread):
            self._lines_left += 1

    def _calls(self, calls: Calls) -> None:
        """Takes many calls, one by one if one of them makes no sense."""
        addresses, sizes, numbers, time = calls
        ways, now = self._ways, self._now(time) or 0
        try:
            if not addresses or min(addresses) <= 0 or max(sizes) > _LARGEST:
                raise ValueError
            stacks, frees = [ways[number] for number in numbers], list(map(FREED.__eq__, numbers))
            self.writer.calls((addresses, sizes, stacks, frees), self._seq, now)
            self._seq += len(addresses)
        except (KeyError, ValueError, OverflowError):
            for address, size, number in zip(addresses, sizes, numbers):
                if 0 < address < _HIGHEST and 0 <= size < _HIGHEST:
                    kind, stack = FREE if number == FREED else ALLOC, ways.get(number, 0)
                    self._event(LogEvent(kind, address, size, 0, stack, 0, 0, 0, self._seq, self._now(None)))
                else:
                    self._pass_over(None)

    def _name_place(self, named: Named) -> None:
        """Takes what the log says of a PC."""
        known = self._beside.by_monitor if named.by_monitor else self._beside.named
        if len(known) < MOST_PCS:
            last = len(named.frames) - 1
            frames = (Frame(named.pc, *frame, number < last) for number, frame in enumerate(named.frames))
            known[named.pc] = tuple(frames) or (Frame(named.pc),)
            if named.library is not None:
                self._beside.libraries[named.pc] = named.library

    def _sum(self, one: Summed) -> None:
        """Takes sums. Blocks of a mean size stand for what is live of them, a block that is freed for nothing."""
        self._beside.sums.add(self._stacks.number(one.stack, self.told), one)
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
            self._beside.segments[module.base, module.path] = module.segments

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
