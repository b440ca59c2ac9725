# SPDX-License-Identifier: Apache-2.0
"""Reads the ring: turns slots into events in order, and counts what was lost.

Approach: the head tells which sequence number each slot must hold. A slot with another one (of another lap, being
written, empty) is counted as lost, never guessed. Sequence numbers order the events of all cores. The sync record
before an event tells its time; before the first one that is left, what that one says of the one before it does, and
without any the header. Events before the last reset still tell the times of those behind it, and are not listed. A
record that belongs to an earlier event (a reallocation's end, a caller, a time) names its slot, or several slots
where the ring has more than the field can name. It is the newest earlier event in one of them that can be meant.
Rejected: trusting the order of slots (two cores and interrupts finish out of order); times by the distance between
neighbours (one lost event, or an interrupt at the wrong place, made all others wrong).
Cost: one bulk read of the ring, and about 3 microseconds for each event.
Assumptions: the header was verified; everything behind it is hostile.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import Dict, Iterator, List, Optional, Tuple

from gdbext.model.events import Assertion, Event, Generation, HeapName, TraceInfo
from gdbext.model.record import replace
from gdbext.model.said import Trouble, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot
from gdbext.trace.format import (
    FIXED_CONTEXTS,
    FROZEN,
    HEADER_BYTES,
    KEY_CAPABILITIES_SHIFT,
    KEY_MEMORY_SHIFT,
    KINDS,
    MAGIC,
    MEMORIES,
    STATES,
    Header,
    RawEvent,
    begins_anew,
    parse_header,
)
from gdbext.trace.trace import Trace

_BUSY = 31
_CALLER = 9
_CONTROL = 10
_SYNC = 8
_TIME = 11
_RECORDS = (_SYNC, _CALLER, _TIME)  # of other events, and none themselves
_REALLOC_BEGIN = 3
_REALLOC_END = 4
_TAG_NAME, _HEAP_NAME = 3, 4
_MOST_FRAMES = 64
_MOST_RINGS = 64
_PIECE_BYTES = 1 << 20


def read_ring(memory: Memory, address: int) -> Trace:
    """Returns the trace of the ring whose header is at `address`, or raises Trouble."""
    header = _read_header(memory, address)
    if not memory.link.is_slow(header.total_size):
        memory.fetch(header.address, header.total_size)
    else:  # only the entries that have been written
        written = {"stacks": header.stack_words_used, "events": header.issued}
        for name in ("names", "stacks", "live", "events"):
            table = header.tables[name]
            entries = min(table.entries, written.get(name, table.entries))
            memory.fetch(header.address + table.offset, entries * table.entry_size)
    return _Ring(memory, header).trace()


def read_before(memory: Memory, address: int) -> Trace:
    """Returns the trace of the run before that of the ring at `address`, or raises Trouble."""
    trace = read_ring(memory, header_before(memory, _read_header(memory, address)).address)
    return trace if trace.info is None else replace(trace, info=replace(trace.info, running=False, past=True))


def header_before(memory: Memory, header: Header) -> Header:
    """Returns the header of the run before, or raises Trouble. It must lie right beside this ring: runs take turns in
    two halves of one memory, and nothing else is read because a header says so.
    """
    if not header.previous:
        raise Trouble(said("none-kept-before", place=header.address))
    unused = abs(header.previous - header.address) - header.total_size
    if not 0 <= unused < 2 * header.event_size:
        raise Trouble(said("run-before-elsewhere", place=header.previous))
    memory.allow_named(header.previous, header.previous + HEADER_BYTES)
    return _read_header(memory, header.previous)


def read_newest(memory: Memory, address: int, count: int) -> Tuple[Event, ...]:
    """Returns the newest `count` events and reads little else of the ring. Raises Trouble if there is no ring."""
    header = _read_header(memory, address)
    for name, entries in (("names", header.tables["names"].entries), ("stacks", header.stack_words_used)):
        table = header.tables[name]
        memory.fetch(header.address + table.offset, min(entries, table.entries) * table.entry_size)
    issued, capacity, table = header.issued, header.capacity, header.tables["events"]
    first = max(0, issued - min(count, capacity))
    turn = min(issued, (first // capacity + 1) * capacity)
    for start, end in ((first, turn), (turn, issued)):  # the newest slots may lie at both ends of the table
        place = header.address + table.offset + start % capacity * table.entry_size
        memory.fetch(place, (end - start) * table.entry_size)
    return _Ring(memory, header, first).events()


def _read_header(memory: Memory, address: int) -> Header:
    data = memory.get(address, HEADER_BYTES)
    if data is None:
        raise Trouble(said("header-unreadable"))
    header = parse_header(data)
    if header.address != address:
        raise Trouble(said("ring-copy", home=header.address))
    memory.allow_named(header.address, header.address + header.total_size)
    return header


def _headers_in(data: bytes, base: int, start: int, end: int) -> Iterator[Tuple[int, Header]]:
    """Yields the headers that begin at start..end in `data`, with their addresses. `base` is the address of `data`."""
    place = data.find(MAGIC, start)
    while 0 <= place < end:
        try:
            yield base + place, parse_header(data[place : place + HEADER_BYTES])
        except Trouble:
            pass  # this magic is a program's constant, or its ring was overwritten
        place = data.find(MAGIC, place + 1)


def find_rings(snapshot: Snapshot, start: int, end: int) -> List[int]:
    """Returns the addresses in start..end, as far as read, of valid headers that give this address as their own."""
    found = []
    for low, high in snapshot.extents():
        headers = _headers_in(snapshot.get(low, high - low) or b"", low, max(0, start - low), end - low)
        found += [address for address, header in headers if header.address == address]
    return found


def search_rings(memory: Memory) -> Tuple[List[Header], List[Tuple[int, int]]]:
    """Finds the rings in the files of a memory, by their magic and a valid header.

    Returns the rings that lie at their own address, newest first; then the copies, each with the address where it lies
    and the address that its header gives.
    """
    headers: Dict[int, Header] = {}
    for low, data in memory.pieces(_PIECE_BYTES, HEADER_BYTES):
        headers.update(islice(_headers_in(data, low, 0, len(data)), _MOST_RINGS - len(headers)))
    home = [header for address, header in headers.items() if header.address == address and not header.is_log]
    copies = [(address, header.address) for address, header in headers.items() if header.address != address]
    return sorted(home, key=lambda header: (header.run, header.time or 0, header.issued), reverse=True), copies


class _Ring:
    """The slots of a ring from sequence number `first` on, and its tables, as far as they were read."""

    def __init__(self, memory: Memory, header: Header, first: Optional[int] = None) -> None:
        self.memory = memory
        self.header = header
        order, width = "<" if header.byte_order == "little" else ">", header.pointer_size
        names, stacks = self._table("names"), self._table("stacks")
        rows = list(struct.iter_unpack(f"{order}QI20s", names[: len(names) // 32 * 32]))
        self.names = [text.split(b"\0")[0].decode("utf-8", "replace") for _, _, text in rows]
        told = [(key, kind, name) for (key, kind, _), name in zip(rows, self.names)]
        self.modules = {key & 0xFF: name for key, kind, name in told if kind == _TAG_NAME and name}
        self.heaps = {key & 0xFF: _heap_name(key, name) for key, kind, name in told if kind == _HEAP_NAME}
        count = min(len(stacks) // width, header.stack_words_used)
        self.arena: Tuple[int, ...] = struct.unpack_from(f"{order}{count}{'I' if width == 4 else 'Q'}", stacks)
        self.half_written: List[int] = []
        self.raw = self._slots(max(0, header.issued - header.capacity) if first is None else first)
        resets = (seq for seq, raw in self.raw if raw.kind == _CONTROL and begins_anew(raw.address))
        self.begun = max(resets, default=0)  # the first number that counts; those before it still tell times
        self.by_seq: Dict[int, RawEvent] = dict(self.raw)

    def trace(self) -> Trace:
        header, events = self.header, self.events()
        names = dict(enumerate(self.names))
        marks = tuple((event.seq, names.get(event.address, "")) for event in events if event.kind == "mark")
        own = ((header.address, header.address + header.total_size),)
        assertion = None
        if header.state == FROZEN and (header.assert_line or header.assert_function):
            seq = header.seq_of(header.assert_head)
            assertion = Assertion(message_of(header.assert_text), header.assert_function, seq)
        return Trace(
            self._info(), events, self._live(), marks, assertion, own=own, header=header, heap_names=self.heaps
        )

    def _table(self, name: str) -> bytes:
        """Returns the bytes of a table from its start up to the first hole."""
        table = self.header.tables[name]
        return self.memory.snapshot.prefix(self.header.address + table.offset, table.entry_size * table.entries)

    def _slots(self, first: int) -> List[Tuple[int, RawEvent]]:
        """Returns, in order, the sequence number and fields of each slot from `first` on that holds its event."""
        header, data, size = self.header, self._table("events"), self.header.event_size
        start = header.address + header.tables["events"].offset
        lap_mask = (1 << min(header.widths.seq, 12)) - 1
        found = []
        for seq in range(first, header.issued):
            offset = seq % header.capacity * size
            entry: Optional[bytes] = data
            if offset + size > len(data):  # behind a hole, or only the end of the table was read
                entry, offset = self.memory.snapshot.get(start + offset, size), 0
            if entry is None:
                continue
            raw = header.event(header.words(entry, offset))
            if raw.kind == _BUSY:
                self.half_written.append(seq)
            elif raw.kind in KINDS and raw.seq & lap_mask == seq // header.capacity & lap_mask:
                found.append((seq, raw))
        return found

    def events(self) -> Tuple[Event, ...]:
        """Returns the events of the slots, with what the records that belong to them add."""
        code, records = self.header.code_address, [(seq, raw) for seq, raw in self.raw if raw.kind == _CALLER]
        callers = {self._linked(seq, raw): code(raw.address) for seq, raw in records}
        events = []
        for (seq, raw), moment in zip(self.raw, self._times()):
            if raw.kind in _RECORDS or seq < self.begun:
                continue
            link, stack = None, self._stack(raw.stack)
            if raw.kind == _REALLOC_END:
                link, stack = self._linked(seq, raw), ()
            if not stack and seq in callers:
                stack = (callers[seq],)
            task, kind = self._task(raw.context), KINDS[raw.kind]
            events.append(
                Event(
                    seq,
                    kind,
                    raw.address,
                    raw.size,
                    raw.heap,
                    raw.context,
                    task,
                    raw.tag,
                    raw.core,
                    moment,
                    stack,
                    link,
                    self._module(raw.tag),
                )
            )
        return tuple(events)

    def _linked(self, seq: int, raw: RawEvent) -> Optional[int]:
        """Returns the earlier event in the slot that this event's stack field names. None if it is no longer there."""
        capacity = self.header.capacity
        slots = range(raw.stack, capacity, 1 << self.header.widths.stack)
        befores = (seq - 1 - (seq - 1 - slot) % capacity for slot in slots)
        meant = (before for before in befores if before in self.by_seq and _belong(self.by_seq[before], raw))
        return max(meant, default=None)

    def _times(self) -> List[Optional[int]]:
        """Returns the whole time of each slot's event. None where nothing tells it."""
        if not self.header.tick_hz:
            return [None] * len(self.raw)
        span, told, moment = 1 << self.header.widths.time, {}, self.header.time
        for seq, raw in reversed(self.raw):
            if raw.kind == _TIME:
                told[self._linked(seq, raw)] = self._moment(raw)
            elif raw.kind == _SYNC:  # the oldest of them remains: `moment` is the time of the sync before it
                moment = self._before_sync(raw)
        times: List[Optional[int]] = []
        for seq, raw in self.raw:
            if raw.kind == _SYNC:
                moment = self._moment(raw)
            time = None
            if moment is not None:
                least = moment - span // 4  # the clocks of two cores may differ a little
                time = least + (raw.time - least) % span
            time = told.get(seq, time)
            times.append(time if time is None or time >= 0 else None)
        return times

    def _moment(self, raw: RawEvent) -> int:
        """Returns the whole time that a sync or time record has."""
        return raw.address | (raw.size | raw.heap << self.header.widths.size) << 32

    def _before_sync(self, raw: RawEvent) -> Optional[int]:
        """Returns the time of the sync record before this one, or the beginning. None if it does not tell."""
        widths, bits = self.header.widths, 8 * self.header.pointer_size
        gap = raw.context | raw.tag << widths.context | raw.stack << (bits - widths.stack)
        return self._moment(raw) - gap if gap != (1 << bits) - 1 else None

    def _task(self, context: int) -> Optional[str]:
        if context in FIXED_CONTEXTS:
            return FIXED_CONTEXTS[context]
        return self.names[context] or None if context < len(self.names) else None

    def _module(self, tag: int) -> Optional[str]:
        return self.modules.get(tag, f"tag {tag}") if tag else None

    def _stack(self, number: int) -> Tuple[int, ...]:
        if not 0 < number < len(self.arena):
            return ()
        depth = min(self.arena[number] & 0xFF, _MOST_FRAMES)
        return tuple(map(self.header.code_address, self.arena[number + 1 : number + 1 + depth]))

    def _live(self) -> Tuple[Generation, ...]:
        """Returns the blocks of the live table, oldest first."""
        header, data = self.header, self._table("live")
        found = []
        for offset in range(0, len(data) // header.event_size * header.event_size, header.event_size):
            words = header.words(data, offset)
            if words[0] > 1:
                raw = header.event((words[0] & ~1, words[1], words[2], 0))
                # A 32-bit table has the low 32 bits: takes the largest sequence number with them that has been issued.
                span = 1 << 8 * header.pointer_size
                seq = max(0, header.issued - (header.issued - words[3]) % span)
                task, stack = self._task(raw.context), self._stack(raw.stack)
                module = self._module(raw.tag)
                found.append(Generation(raw.address, raw.size, task, seq, stack, heap=raw.heap, module=module))
        return tuple(sorted(found, key=lambda life: life.seq or 0))

    def _info(self) -> TraceInfo:
        header, kept = self.header, [seq for seq, _ in self.raw if seq >= self.begun]
        half_written = sum(seq >= self.begun for seq in self.half_written)
        overwritten = 0 if self.begun else max(0, header.issued - header.capacity)
        lost = header.issued - self.begun - len(kept)
        return TraceInfo(
            kept=len(kept),
            lost=lost,
            first=kept[0] if kept else None,
            last=kept[-1] if kept else None,
            running=header.state < 2,
            address=header.address,
            state=STATES.get(header.state, f"state {header.state}"),
            overwritten=overwritten,
            dropped=lost - overwritten - half_written,
            half_written=half_written,
            stopped=header.lost_stopped,
            filtered=header.filtered,
            stacks_full=header.stacks_full,
            names_full=header.names_full,
            live_full=header.live_full,
            run=header.run,
        )


def message_of(text: str) -> str:
    """Returns the message of an assertion: from `condition && "message"`, else the condition itself."""
    parts = text.split('"')
    return parts[-2] if len(parts) > 2 and parts[-2] else text


def _heap_name(key: int, name: str) -> HeapName:
    memory = MEMORIES.get(key >> KEY_MEMORY_SHIFT & 0xFF, MEMORIES[0])
    return HeapName(name, memory, key >> KEY_CAPABILITIES_SHIFT)


def _belong(event: RawEvent, later: RawEvent) -> bool:
    """Tells whether a later record can be about this event."""
    if event.kind in _RECORDS:
        return False
    if later.kind == _TIME:
        return event.time == later.time
    return event.context == later.context and (later.kind != _REALLOC_END or event.kind == _REALLOC_BEGIN)
