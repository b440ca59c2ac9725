# SPDX-License-Identifier: Apache-2.0
"""Reads a log: docs/reference/format.md, section 9. Bytes go in as they come, events come out in order.

Approach: a push parser. Pieces may be cut anywhere; what is not whole waits for the next one. Rows up to the next
record with a payload are taken apart in one loop. Events of a log with streams wait in a heap until a STREAM record
says that nothing older comes. What makes no sense is counted in `unread` and passed over:

- a row of a kind below 16 that is not known, or 31, or 0 with other bits;
- a LIVE or a record with a payload whose last word has more than its kind;
- a record whose payload is longer than its kind's may be, or than what is left of its region: the row alone;
- a SYNC or a PACK whose numbers pass 2^62, or a PACK that begins before the number that is due;
- a definition that makes no sense, or for which there is no room, with its payload; a STREAM that no header announced.

No time lies before 0: rows behind a SYNC begin a quarter of the times' span before it, or at 0. An event of a kind that
packs do not have is counted, too, but has its number. The begin of a realloc-end is the newest of its stream whose
number has the low bits that it tells, among the newest 4,096 of all streams that wait for their end.
Rejected: a class for each kind of record (five of seven differ in one line).
Cost: 2 microseconds for each event, 5 with streams. Memory: the definitions, one payload, and the events that wait, at
most four million: if there are more, the earliest comes out too soon.
Assumptions: everything is hostile. The least times of STREAM records do not fall (source/log_file.py sorts regions).
"""

from __future__ import annotations

import struct
from heapq import heappop, heappush
from typing import Generator, Iterable, Iterator, List, Optional, OrderedDict, Tuple, Union

from gdbext.model.said import Trouble, said
from gdbext.trace.format import HEADER_BYTES, MAGIC, Header, parse_header
from gdbext.trace.log_definitions import DEF_STACK, MOST_FRAMES, PACK, PROCESS, STREAM, Definitions
from gdbext.trace.log_event import (
    ALLOC,
    ALLOC_FAILED,
    ASSERT,
    CALLER,
    CONTROL,
    FREE,
    LIVE,
    MAP,
    MARK,
    REALLOC_BEGIN,
    REALLOC_END,
    SYNC,
    TIME,
    UNMAP,
    Layout,
    LogEvent,
)
from gdbext.trace.log_pack import unpacked

__all__ = [
    "ALLOC", "ALLOC_FAILED", "ASSERT", "CONTROL", "FREE", "LIVE", "MAP", "MARK", "MOST_STREAMS", "REALLOC_BEGIN",
    "REALLOC_END", "UNMAP", "LogEvent", "LogReader", "items_of",
]  # fmt: skip

_FIRST_PAYLOAD, _BUSY = 16, 31
_EVENTS = frozenset((ALLOC, FREE, REALLOC_BEGIN, REALLOC_END, ALLOC_FAILED, MARK, ASSERT, CONTROL, MAP, UNMAP))
_NUMBERED = _EVENTS | {CALLER, TIME}
_LONGEST_DEFINITION = 1 << 16
_LONGEST_PAYLOAD = 1 << 21  # of a pack, and of records that are not known
_MOST_ROWS = 8192  # taken apart before their events are given out
MOST_STREAMS = 1 << 16
_MOST_WAITING = 1 << 22  # events
_MOST_BEGUN = 4096  # reallocations
_HIGHEST = 1 << 62  # number
_ALL_ONES = (1 << 64) - 1
_REGION_BYTES = 16
_REALLOCATION = (REALLOC_BEGIN, REALLOC_END)
_REFUSALS = ("features-unknown", "format-version")  # a header that says so ends the reading, wherever it stands
Item = Union[LogEvent, Header]


class _Stream:
    """What must be known of one stream to tell its numbers and times."""

    __slots__ = ("due", "least", "name", "top")

    def __init__(self, name: int) -> None:
        self.name = name
        self.due = 0  # the number that comes next
        self.least = 0  # the earliest time that a row can have
        self.top = 0  # the latest time so far, by which its events wait


def items_of(reader: LogReader, chunks: Iterable[bytes]) -> Iterator[Item]:
    """Yields all that a reader makes of a log."""
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.finish()


class LogReader(Definitions):
    """Takes the bytes of a log and gives its events; its definitions are those of the run that is being read.

    Use all that feed() yields before the next call: definitions are up to date for the event that was yielded last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.header: Optional[Header] = None  # of the run that is being read
        self.lost = 0  # numbers without an event, of all runs
        self.unread = 0  # records that make no sense, of all runs
        self.ended = Definitions()  # of the run before
        self._parts: List[bytes] = []
        self._have, self._need = 0, HEADER_BYTES  # bytes that wait, and how many there must be to read on
        self._magic_at = -1  # where the next header begins, in the bytes that are being read
        self._layout: Layout
        self._start()

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yields the header of each run that begins in `data`, and the events that are known to be next.

        Raises Trouble if it is no log, or needs what this reader does not know.
        """
        self._parts.append(bytes(data))
        self._have += len(data)
        if self._have >= self._need:
            yield from self._read()

    def finish(self) -> Iterator[Item]:
        """Yields what waited for the end of the log."""
        yield from self._read()
        if self.header is None:
            raise Trouble(said("header-short"))
        yield from self._earlier(None)

    def _start(self) -> None:
        """Begins a run."""
        self.ended = self.copy()
        self.forget()
        self._streams = {0: _Stream(0)}
        self._stream = self._streams[0]
        self._left: Optional[int] = None  # bytes of the region; None: it has no end of its own
        self._place = 0  # of the next event in the order of all streams
        self._waiting: List[Tuple[int, int, int, LogEvent]] = []  # a heap
        self._begun: OrderedDict[Tuple[int, int], int] = OrderedDict()  # places of reallocations that have not ended

    def _read(self) -> Iterator[Item]:
        """Reads what is whole of the bytes that wait."""
        data, at = b"".join(self._parts), 0
        self._need, self._magic_at = 0, -1
        while not self._need:
            if self.header is None or self._next_magic(data, at) == at:
                at = yield from self._run(data, at)
            else:
                at = yield from self._records(data, at)
        self._parts, self._have = [data[at:]], len(data) - at

    def _next_magic(self, data: bytes, at: int) -> int:
        """Returns where the next header begins: `at`, or whole events behind it."""
        if self._magic_at < at:
            place = data.find(MAGIC, at)
            while place >= 0 and (place - at) % self._layout.size:
                place = data.find(MAGIC, place + 1)
            self._magic_at = place if place >= 0 else len(data) + _LONGEST_PAYLOAD * 2
        return self._magic_at

    def _run(self, data: bytes, at: int) -> Generator[Item, None, int]:
        """Begins a run with the header that is here. Returns the place behind it."""
        if len(data) - at < HEADER_BYTES:
            self._need = HEADER_BYTES
            return at
        try:
            header = parse_header(data[at : at + HEADER_BYTES])
            if not header.is_log:
                raise Trouble(said("no-log"))
        except Trouble as problem:
            if self.header is None or problem.why.key in _REFUSALS:
                raise
            self.unread += 1
            return self._passed(at, self._layout.size)
        size = _padded(header.header_size, header.event_size)
        if len(data) - at < size:
            self._need = size
            return at
        yield from self._earlier(None)
        self.header, self._layout, self._magic_at = header, Layout(header), -1
        self._start()
        yield header
        return at + size

    def _records(self, data: bytes, at: int) -> Generator[Item, None, int]:
        """Reads rows, and the record with a payload behind them. Returns the place behind what was read."""
        size = self._layout.size
        rows = min(self._magic_at - at, len(data) - at, _MOST_ROWS * size)
        end = at + min(rows, rows if self._left is None else self._left) // size * size
        if at == end:
            self._need = size
            return at
        events, after = self._rows(data, at, end)
        yield from events
        while len(self._waiting) > _MOST_WAITING:
            yield self._next()
        at = self._passed(at, after - at)
        if after < end:
            at = yield from self._record(data, at)
        return at

    def _passed(self, at: int, count: int) -> int:
        """Returns the place behind the next `count` bytes. If the region ends there, the stream is number 0 again."""
        if self._left is not None:
            self._left -= count
            if self._left <= 0:
                self._stream, self._left = self._streams[0], None
        return at + count

    def _rows(self, data: bytes, at: int, end: int) -> Tuple[List[LogEvent], int]:
        """Returns the events of rows up to the next record with a payload, and the place of that record, or the end."""
        layout, stream = self._layout, self._stream
        events: List[LogEvent] = []
        seq_at, seq_mask, time_at = layout.seq_at, layout.seq_mask, layout.time_at
        for words in layout.words.iter_unpack(memoryview(data)[at:end]):
            last = words[3]
            kind = last & layout.kind_mask
            if kind in _NUMBERED:
                seq = stream.due + ((last >> seq_at) - stream.due & seq_mask)
                self.lost += seq - stream.due
                stream.due = seq + 1
                if kind in _EVENTS:
                    time = stream.least + ((last >> time_at) - stream.least & layout.time_mask)
                    self._take(events, stream, layout.event(kind, words, seq, time), seq)
            elif kind == SYNC:
                self._sync(stream, words)
            elif last == LIVE:
                events.append(layout.event(LIVE, words, None, None))
            elif last == kind and _FIRST_PAYLOAD <= kind < _BUSY:
                return events, at
            else:
                self.unread += any(words)
            at += layout.size
        return events, at

    def _take(self, events: List[LogEvent], stream: _Stream, event: LogEvent, seq: int) -> None:
        """Adds an event to those that can be given out. In a log with streams it waits for its place among others."""
        if self._layout.has_streams:
            stream.top = max(stream.top, event.time or 0)
            heappush(self._waiting, (stream.top, seq, stream.name, event))
        else:
            events.append(self._placed(stream.name, event, seq) if event.kind in _REALLOCATION else event)

    def _placed(self, stream: int, event: LogEvent, place: int) -> LogEvent:
        """Returns an event with its place for its number, and its begin's for its link."""
        number, link = event.seq or 0, None
        if event.kind == REALLOC_BEGIN:
            key = (stream, number & self._layout.stack_mask)
            self._begun.pop(key, None)
            self._begun[key] = place
            if len(self._begun) > _MOST_BEGUN:
                self._begun.popitem(last=False)
        elif event.link:
            link = self._begun.pop((stream, number - event.link & self._layout.stack_mask), None)
        return event._replace(seq=place, link=link)

    def _sync(self, stream: _Stream, words: Tuple[int, ...]) -> None:
        layout = self._layout
        behind = stream.due + (words[2] - stream.due & layout.word_mask)
        if behind >= _HIGHEST:
            self.unread += 1
            return
        numbered = (words[3] >> layout.seq_at) & layout.seq_mask != words[2] & layout.seq_mask
        self.lost += max(0, behind - stream.due - numbered)
        stream.due = behind
        moment = words[0] & 0xFFFFFFFF | (words[1] & 0xFFFFFFFF) << 32
        stream.least = max(0, moment - (layout.time_mask + 1) // 4)

    def _record(self, data: bytes, at: int) -> Generator[Item, None, int]:
        """Reads a record with a payload. Returns the place behind it, or where a header cuts it."""
        size = self._layout.size
        number, sizes, _, kind = self._layout.words.unpack_from(data, at)
        length, heap = self._layout.size_heap(sizes)
        total = size + _padded(length, size)
        if length > _longest(kind, size) or (self._left is not None and total > self._left):
            self.unread += 1
            return self._passed(at, size)
        if self._magic_at < at + total:
            return self._magic_at
        if len(data) - at < total:
            self._need = total
            return at
        payload, stream = data[at + size : at + size + length], self._stream
        at = self._passed(at, total)
        if kind == PACK:
            yield from self._pack(stream, number, payload)
        elif kind == STREAM:
            yield from self._region(number, payload)
        elif self.header is not None:
            self.unread += not self.define(self.header, kind, number, heap, payload)
        return at

    def _pack(self, stream: _Stream, count: int, payload: bytes) -> Iterator[LogEvent]:
        """Yields the events of a pack that can be given out."""
        layout = self._layout
        pack = unpacked(payload, count, layout.width, layout.byte_order)
        if pack is None or not stream.due <= pack.first < _HIGHEST - count:
            self.unread += 1
            return
        self.lost += pack.first - stream.due
        stream.due = pack.first + count
        events: List[LogEvent] = []
        time = pack.time
        for seq, (words, delta) in enumerate(zip(pack.words, pack.deltas), pack.first):
            time = time + delta & _ALL_ONES
            kind = words[3] & layout.kind_mask
            if kind in _EVENTS:
                self._take(events, stream, layout.event(kind, words, seq, time), seq)
            else:
                self.unread += 1
        yield from events

    def _region(self, number: int, payload: bytes) -> Iterator[LogEvent]:
        """Begins a region of a stream. Yields the events that are older than all that can come now."""
        layout = self._layout
        count, least = struct.unpack_from(layout.mark + "2Q", payload) if len(payload) >= _REGION_BYTES else (1, 0)
        if count % layout.size or not layout.has_streams:
            self.unread += 1
            return
        if number not in self._streams and len(self._streams) >= MOST_STREAMS:
            raise Trouble(said("streams-many", most=MOST_STREAMS))
        self._stream = self._streams.setdefault(number, _Stream(number))
        self._left = count or None
        yield from self._earlier(least)

    def _earlier(self, limit: Optional[int]) -> Iterator[LogEvent]:
        """Yields the waiting events of times before `limit`, in order. None: all."""
        while self._waiting and (limit is None or self._waiting[0][0] < limit):
            yield self._next()

    def _next(self) -> LogEvent:
        _, _, stream, event = heappop(self._waiting)
        self._place += 1
        return self._placed(stream, event, self._place - 1)


def _padded(length: int, size: int) -> int:
    return -(-length // size) * size


def _longest(kind: int, size: int) -> int:
    """Returns the most bytes of a payload of this kind. Events have `size` bytes."""
    if kind == DEF_STACK:
        return MOST_FRAMES * size // 4
    return _LONGEST_DEFINITION if STREAM <= kind <= PROCESS or kind < PACK else _LONGEST_PAYLOAD
