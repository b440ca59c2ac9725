# SPDX-License-Identifier: Apache-2.0
"""Reads the ring: slots to events in order, with what was lost.

Approach: the head says which sequence number each slot must hold; a slot that does not (another lap, being written,
empty) is counted as lost, never guessed. Sequence numbers order the cores; times are unwrapped from the newest event
backwards, by the nearest distance; a sync record says its whole time and how long before it the event before it was.
A record that belongs to an earlier one (a reallocation's end, a caller) names that one's slot: the newest event before
it in that slot, if it is still there and of the same context.
Rejected: trusting the order of slots (two cores and interrupts finish out of order).
Cost: one bulk read of the ring; about 3 microseconds an event.
Assumptions: the header was verified; everything behind it is hostile.
"""

from __future__ import annotations

import struct
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.model import Assertion, Event, Generation, TraceInfo
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot
from gdbext.trace.format import (
    FROZEN,
    HEADER_BYTES,
    KINDS,
    MAGIC,
    STATES,
    EventCodec,
    FormatError,
    Header,
    RawEvent,
    parse_header,
)
from gdbext.trace.trace import Trace

_BUSY = 31
_CALLER = 9
_SYNC = 8
_REALLOC_BEGIN = 3
_REALLOC_END = 4
_MOST_FRAMES = 64
_MOST_RINGS = 64
_PIECE = 1 << 20


class RingTrace(Trace):
    """What the ring of our recorder says."""

    header: Header


def read_ring(memory: Memory, address: int) -> RingTrace:
    """The ring whose header is at `address`, or FormatError."""
    header = _read_header(memory, address)
    _fetch_tables(memory, header)
    return _Ring(memory, header).trace()


def read_newest(memory: Memory, address: int, count: int) -> Tuple[Event, ...]:
    """The newest events alone, with little of the ring read; or FormatError."""
    header = _read_header(memory, address)
    for name, entries in (("names", header.tables["names"].entries), ("stacks", header.control.stack_words_used)):
        table = header.tables[name]
        memory.fetch(header.address + table.offset, min(entries, table.entries) * table.entry_size)
    return _Ring(memory, header).newest(count)


def _read_header(memory: Memory, address: int) -> Header:
    data = memory.get(address, HEADER_BYTES)
    if data is None:
        raise FormatError("its header cannot be read")
    header = parse_header(data)
    if header.address != address:
        raise FormatError(f"its header says that it lies at {header.address:#x}: a copy")
    memory.allow_named(header.address, header.address + header.total_size)
    return header


def find_rings(held: Snapshot, start: int, end: int) -> List[int]:
    """Where rings begin in known memory: magic and a header that says that it lies there."""
    found = []
    for low, high in held.extents():
        data = held.get(low, high - low) or b""
        place = data.find(MAGIC, max(0, start - low))
        while 0 <= place < end - low:
            if _is_ring(data[place : place + HEADER_BYTES], low + place):
                found.append(low + place)
            place = data.find(MAGIC, place + 1)
    return found


class Rings(NamedTuple):
    """Rings that a file holds: those at home, newest first, and copies: where they lie, and where they say they do."""

    found: List[Header]
    copies: List[Tuple[int, int]]


def search_rings(memory: Memory) -> Rings:
    """Every ring in the files that a memory is made of, by magic; each header is verified in full."""
    headers: Dict[int, Header] = {}
    for low, data in memory.pieces(_PIECE, HEADER_BYTES):
        place = data.find(MAGIC)
        while place >= 0 and len(headers) < _MOST_RINGS:
            try:
                headers[low + place] = parse_header(data[place : place + HEADER_BYTES])
            except FormatError:
                pass  # a magic in a program's constants, or a ring that was overwritten
            place = data.find(MAGIC, place + 1)
    home = [header for address, header in headers.items() if header.address == address and not header.is_log]
    copies = [(address, header.address) for address, header in headers.items() if header.address != address]
    return Rings(sorted(home, key=lambda header: (header.time, header.issued), reverse=True), copies)


def _is_ring(data: bytes, address: int) -> bool:
    try:
        return parse_header(data).address == address
    except FormatError:
        return False


def _fetch_tables(memory: Memory, header: Header) -> None:
    """The whole ring in one read; over a slow link only what has been written of it."""
    if not memory.link.is_slow(header.total_size):
        memory.fetch(header.address, header.total_size)
        return
    written = {"stacks": header.control.stack_words_used, "events": header.issued}
    for name in ("names", "stacks", "live", "events"):
        table = header.tables[name]
        entries = min(table.entries, written.get(name, table.entries))
        memory.fetch(header.address + table.offset, entries * table.entry_size)


class _Ring:
    def __init__(self, memory: Memory, header: Header) -> None:
        self.memory = memory
        self.header = header
        self.codec = EventCodec(header)
        self.names = self._names()
        self.arena = self._arena()
        self.half_written = 0
        self.by_seq: Dict[int, RawEvent] = {}

    def newest(self, count: int) -> Tuple[Event, ...]:
        """The events of the newest slots, which may lie on both ends of the table."""
        issued, capacity, table = self.header.issued, self.header.capacity, self.header.tables["events"]
        first = max(0, issued - min(count, capacity))
        turn = min(issued, (first // capacity + 1) * capacity)
        for start, end in ((first, turn), (turn, issued)):
            place = self.header.address + table.offset + start % capacity * table.entry_size
            self.memory.fetch(place, (end - start) * table.entry_size)
        raw = self._slots(first)
        self.by_seq = dict(raw)
        return self._events(raw)

    def trace(self) -> RingTrace:
        raw = self._slots(max(0, self.header.issued - self.header.capacity))
        self.by_seq = dict(raw)
        events = self._events(raw)
        kept, issued = len(raw), self.header.issued
        marks = tuple((event.seq, self._name(event.address)) for event in events if event.kind == "mark")
        header = self.header
        own = ((header.address, header.address + header.total_size),)
        info, live = self._info(kept, issued, raw), self._live()
        return RingTrace(info, events, live, marks, self._assertion(), own=own, header=header)

    def _name(self, number: int) -> str:
        return self.names[number][1] if number < len(self.names) else ""

    def _table(self, name: str) -> bytes:
        """What can be read of a table, whole entries from its start."""
        table = self.header.tables[name]
        return self.memory.snapshot.prefix(self.header.address + table.offset, table.entry_size * table.entries)

    def _names(self) -> List[Tuple[int, str]]:
        data = self._table("names")
        mark = "<QI20s" if self.header.byte_order == "little" else ">QI20s"
        return [
            (kind, text.split(b"\0")[0].decode("utf-8", "replace"))
            for _, kind, text in struct.iter_unpack(mark, data[: len(data) // 32 * 32])
        ]

    def _arena(self) -> Tuple[int, ...]:
        data, width = self._table("stacks"), self.header.pointer_size
        count = min(len(data) // width, self.header.control.stack_words_used)
        order = "<" if self.header.byte_order == "little" else ">"
        return struct.unpack_from(f"{order}{count}{'I' if width == 4 else 'Q'}", data)

    def _slots(self, first: int) -> List[Tuple[int, RawEvent]]:
        """Sequence number and fields of every slot from `first` on that holds what the head demands, in order."""
        header = self.header
        lap_mask = (1 << min(header.widths.seq, 12)) - 1
        found = []
        for seq, words in self._words_from(first):
            raw = self.codec.decode(words)
            if raw.kind == _BUSY:
                self.half_written += 1
            elif raw.kind in KINDS and raw.seq & lap_mask == seq // header.capacity & lap_mask:
                found.append((seq, raw))
        return found

    def _words_from(self, first: int) -> Iterator[Tuple[int, Tuple[int, ...]]]:
        """The words of every slot from `first` on, as far as they have been read."""
        header, data, size = self.header, self._table("events"), self.header.event_size
        start = header.address + header.tables["events"].offset
        for seq in range(first, header.issued):
            offset = seq % header.capacity * size
            if offset + size <= len(data):
                yield seq, self.codec.words(data, offset)
                continue
            held = self.memory.snapshot.get(start + offset, size)
            if held is not None:
                yield seq, self.codec.words(held, 0)

    def _events(self, raw: List[Tuple[int, RawEvent]]) -> Tuple[Event, ...]:
        times = _unwrap(self.header, raw)
        callers = {
            self._linked(seq, fields): self.header.code_address(fields.address)
            for seq, fields in raw
            if fields.kind == _CALLER
        }
        return tuple(
            self._event(seq, fields, moment, callers.get(seq))
            for (seq, fields), moment in zip(raw, times)
            if fields.kind not in (_SYNC, _CALLER)
        )

    def _linked(self, seq: int, raw: RawEvent) -> Optional[int]:
        """The event that this one belongs to, whose slot its stack field names; None: it is no longer there."""
        capacity = self.header.capacity
        for slot in range(raw.stack, capacity, 1 << self.header.widths.stack):
            before = seq - 1 - (seq - 1 - slot) % capacity
            found = self.by_seq.get(before)
            begins = raw.kind != _REALLOC_END or (found is not None and found.kind == _REALLOC_BEGIN)
            if found is not None and found.context == raw.context and begins:
                return before
        return None

    def _event(self, seq: int, raw: RawEvent, moment: Optional[int], caller: Optional[int]) -> Event:
        link, stack = None, self._stack(raw.stack)
        if raw.kind == _REALLOC_END:
            link, stack = self._linked(seq, raw), ()
        if caller is not None and not stack:
            stack = (caller,)
        task = self._task(raw.context)
        kind = KINDS[raw.kind]
        return Event(
            seq, kind, raw.address, raw.size, raw.heap, raw.context, task, raw.tag, raw.core, moment, stack, link
        )

    def _task(self, context: int) -> Optional[str]:
        fixed = {0: "(start-up)", 1: "(interrupt)", 2: "(unnamed task)"}
        if context in fixed:
            return fixed[context]
        return self.names[context][1] or None if context < len(self.names) else None

    def _stack(self, number: int) -> Tuple[int, ...]:
        if not 0 < number < len(self.arena):
            return ()
        depth = min(self.arena[number] & 0xFF, _MOST_FRAMES)
        return tuple(map(self.header.code_address, self.arena[number + 1 : number + 1 + depth]))

    def _live(self) -> Tuple[Generation, ...]:
        """The blocks of the live table, oldest first."""
        data, size = self._table("live"), self.header.event_size
        found = []
        for offset in range(0, len(data) // size * size, size):
            words = self.codec.words(data, offset)
            if words[0] > 1:
                raw = self.codec.decode((words[0] & ~1, words[1], words[2], 0))
                seq = _nearest_below(words[3], self.header.issued)
                task, stack = self._task(raw.context), self._stack(raw.stack)
                found.append(Generation(raw.address, raw.size, task, seq, stack, heap=raw.heap))
        return tuple(sorted(found, key=lambda life: life.seq or 0))

    def _info(self, kept: int, issued: int, raw: List[Tuple[int, RawEvent]]) -> TraceInfo:
        header = self.header
        overwritten = max(0, issued - header.capacity)
        return TraceInfo(
            kept=kept,
            lost=issued - kept,
            first=raw[0][0] if raw else None,
            last=raw[-1][0] if raw else None,
            running=header.control.state < 2,
            address=header.address,
            state=STATES.get(header.control.state, f"state {header.control.state}"),
            overwritten=overwritten,
            dropped=issued - overwritten - kept - self.half_written,
            half_written=self.half_written,
            stopped=header.counters.lost_stopped,
            filtered=header.counters.filtered,
            stacks_full=header.counters.stacks_full,
            names_full=header.counters.names_full,
            live_full=header.counters.live_full,
        )

    def _assertion(self) -> Optional[Assertion]:
        header, failure = self.header, self.header.failure
        if header.control.state != FROZEN or not (failure.line or failure.function):
            return None
        return Assertion(message_of(failure.text), failure.function, header.seq_of(failure.reservation))


def message_of(text: str) -> str:
    """What an assertion says: the message in `condition && "message"`, else the condition."""
    parts = text.split('"')
    return parts[-2] if len(parts) > 2 and parts[-2] else text


def _nearest_below(low: int, limit: int) -> int:
    """The largest number not above `limit` whose low 32 bits are `low`."""
    whole = limit & ~0xFFFFFFFF | low & 0xFFFFFFFF
    return whole if whole <= limit else max(0, whole - (1 << 32))


def _unwrap(header: Header, raw: List[Tuple[int, RawEvent]]) -> List[Optional[int]]:
    """Whole times, newest first from the header's time; None before a sync record that does not know its gap."""
    if not header.tick_hz:
        return [None] * len(raw)
    span = 1 << header.widths.time
    moment: Optional[int] = header.time
    times: List[Optional[int]] = []
    for _, fields in reversed(raw):
        if fields.kind == _SYNC:
            now, gap = _sync(header, fields)
            times.append(now)
            moment = now - gap if gap is not None else None
            continue
        if moment is not None:
            moment += (fields.time - moment + span // 2) % span - span // 2
        times.append(moment)
    return times[::-1]


def _sync(header: Header, raw: RawEvent) -> Tuple[int, Optional[int]]:
    """The time that a sync record says, and how long before it the event before it was; None: unknown."""
    widths, bits = header.widths, 8 * header.pointer_size
    high = raw.size | raw.heap << widths.size
    gap = raw.context | raw.tag << widths.context | raw.stack << (bits - widths.stack)
    return raw.address | high << 32, gap if gap != (1 << bits) - 1 else None
