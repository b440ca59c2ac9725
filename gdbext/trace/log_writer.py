# SPDX-License-Identifier: Apache-2.0
"""Writes events as a log, in rows or in packs: docs/reference/format.md, section 9.

Approach: a definition is written when an event first needs it, from the tables of whoever gives the events: a reader of
a log, or an importer. The writer remembers what it has written, and what a reader of it knows: the number that is due,
and the times that a row can have; a SYNC tells what cannot be told otherwise.
Rejected: writing all definitions at the start (an importer does not know them yet; a reader's may be replaced later).
Cost: 3 microseconds for each event, 0.4 for each of many calls; the tables that were written, the events of one pack.
Limits: a pack ends where a number is missing, where the time goes back, and before a definition that replaces one.
"""

from __future__ import annotations

import struct
import sys
from array import array
from operator import add
from typing import Dict, List, Optional, Sequence, Tuple

from gdbext.model.profile import Process
from gdbext.model.record import replace
from gdbext.trace.format import (
    FLAG_LOG,
    HEADER_BYTES,
    HEADER_FIELDS,
    HEADER_OFFSETS,
    MAGIC,
    REQUIRED_PACKS,
    REQUIRED_RANGES,
    VERSION,
    Header,
    Widths,
    parse_header,
)
from gdbext.trace.log_definitions import (
    COUNTERS,
    COUNTS,
    DEF_MODULE,
    DEF_NAME,
    DEF_STACK,
    FAILURE,
    LONGEST_TEXT,
    NAME_CONTEXT,
    NAME_HEAP,
    NAME_TAG,
    PACK,
    PROCESS,
    STACK_ENDS,
    Definitions,
)
from gdbext.trace.log_event import ALLOC, MARK, REALLOC_END, SYNC, Layout, LogEvent, Words
from gdbext.trace.log_pack import MOST_EVENTS, Pack, packed

_BYTE_ORDERS = {"little": 1, "big": 2}
_WIDE = Widths(size=59, stack=32, context=24, time=28, seq=28, core=3)
_COPIED = ("pointer_size", "arch", "abi", "event_size", "tick_hz", "code_region", "run", "started", "process")
_STACK_ENDS = {pc: end for end, pc in STACK_ENDS.items()}
_LONGEST_DELTA = 0xFFFFFFFF
_PACKED_KIND_BITS = 8  # of kind and core, in a pack
Columns = Tuple[Sequence[int], ...]


def wide_header(tick_hz: int = 0, required: int = 0) -> Header:
    """Returns the header of a log with events of 32 bytes, for whoever has no header of a program."""
    shape = {"byte_order": 1, "pointer_size": 8, "event_size": 32}
    return parse_header(_header_bytes("<", _WIDE, {**shape, "tick_hz": tick_hz, "required": required}))


class LogWriter:
    """Takes runs of events and makes the bytes of a log of them, which the caller fetches with taken()."""

    def __init__(self, packs: bool = False, level: Optional[int] = None) -> None:
        """`level` is zstd's for the packs. None: they are not compressed."""
        self._in_packs, self._level = packs, level
        self._out = bytearray()
        self._before = 0  # bytes that were taken
        self._layout: Layout
        self._told: Dict[Tuple[int, int], object] = {}  # what was defined, by kind and number
        self._modules = 0
        self._counts: Tuple[int, ...] = ()
        self._failure: Optional[Tuple[str, str]] = None
        self._process: Optional[Process] = None
        self._due = 0
        self._least = 0  # the earliest time that a row can have
        self._missing = 0  # numbers without an event
        self._words: List[Words] = []  # of the pack that is being filled, and its deltas and last time
        self._deltas: List[int] = []
        self._start, self._last = 0, 0

    def taken(self) -> bytes:
        """Returns what has been written since the last call."""
        data = bytes(self._out)
        self._before += len(data)
        self._out.clear()
        return data

    def restart(self) -> None:
        """Forgets all that has been written: a log begins anew."""
        self._out.clear()
        self._before = 0

    def __len__(self) -> int:
        """The bytes that taken() would return."""
        return len(self._out)

    def begin(self, header: Header) -> None:
        """Begins a run. Its streams, if there were any, have been merged."""
        required = header.required & REQUIRED_RANGES | (REQUIRED_PACKS if self._in_packs else 0)
        self._layout = Layout(replace(header, required=required))
        fields: Dict[str, object] = {name: getattr(header, name) for name in _COPIED}
        fields.update(required=required, build_id=bytes.fromhex(header.build_id))
        fields.update(byte_order=_BYTE_ORDERS[header.byte_order])
        self._out += bytes(-(self._before + len(self._out)) % header.event_size)
        self._out += _header_bytes(self._layout.mark, header.widths, fields)
        self._told, self._modules, self._counts, self._failure, self._process = {}, 0, (), None, None
        self._due = self._least = self._missing = 0

    def event(self, event: LogEvent, told: Definitions) -> None:
        """Writes an event, and first what it needs of the definitions."""
        self._define(event, told)
        if event.seq is None:
            self._flush()
            self._out += self._layout.words.pack(*self._layout.words_of(event))
            return
        self._missing += event.seq - self._due
        if self._in_packs and self._layout.seq_at <= _PACKED_KIND_BITS:
            self._pack(event, event.seq)
        else:
            self._row(event, event.seq)
        self._due = event.seq + 1

    def calls(self, columns: Columns, seq: int, time: int) -> None:
        """Writes many calls at one time, with the numbers from `seq` on, in a log of 64-bit words: their addresses,
        sizes, stacks, which were written before, and whether they are frees. OverflowError, and none is written, if one
        has no room.
        """
        layout, count = self._layout, len(columns[0])
        left = layout.seq_mask - (seq & layout.seq_mask)  # numbers until their field begins anew
        if count > left + 1:
            self.calls(tuple([column[: left + 1] for column in columns]), seq, time)
            self.calls(tuple([column[left + 1 :] for column in columns]), seq + left + 1, time)
            return
        addresses, sizes, stacks, frees = columns
        first = ALLOC | (time & layout.time_mask) << layout.time_at | (seq & layout.seq_mask) << layout.seq_at
        step = 1 << layout.seq_at
        words = array("Q", bytes(32 * count))
        words[0::4], words[1::4] = array("Q", addresses), array("Q", sizes)
        words[2::4] = array("Q", [stack << layout.stack_at for stack in stacks])
        words[3::4] = array("Q", map(add, range(first, first + count * step, step), frees))
        if sys.byteorder != layout.byte_order:
            words.byteswap()
        self._flush()
        self._sync(time, seq)
        self._out += words.tobytes()
        self._due = seq + count

    def stack(self, number: int, told: Definitions) -> None:
        """Writes a stack, if it was not written before."""
        stack = told.stacks.get(number)
        if stack is not None and self._is_new(DEF_STACK, number, stack):
            word, end = "I" if self._layout.width == 4 else "Q", _STACK_ENDS.get(stack[-1], 0)
            pcs = stack[:-1] if end else stack
            self._record(DEF_STACK, number, struct.pack(f"{self._layout.mark}{len(pcs)}{word}", *pcs), heap=end)

    def nonsense(self) -> None:
        """Writes a row that makes no sense, for what made none in another log: readers count it, too."""
        self._flush()
        self._out += self._layout.words.pack(1, 0, 0, 0)

    def end(self, told: Definitions, missing: int = 0) -> None:
        """Ends a run, of which `missing` numbers have no event."""
        self._flush()
        self._define_rest(told)
        if missing > self._missing:
            self._sync(self._least, self._due + missing - self._missing)

    def _row(self, event: LogEvent, seq: int) -> None:
        layout = self._layout
        time = 0 if event.time is None else event.time
        far = layout.has_clock and not self._least <= time <= self._least + layout.time_mask
        if far or seq - self._due > layout.seq_mask:
            self._sync(time, seq)
        words = layout.words_of(event)
        last = words[3] | (seq & layout.seq_mask) << layout.seq_at | (time & layout.time_mask) << layout.time_at
        self._out += layout.words.pack(*words[:3], last)

    def _sync(self, time: int, seq: int) -> None:
        layout = self._layout
        while seq - self._due > layout.word_mask:
            self._due += layout.word_mask
            self._sync(time, self._due)
        number = (seq & layout.seq_mask) << layout.seq_at
        self._out += layout.words.pack(time & 0xFFFFFFFF, time >> 32, seq & layout.word_mask, SYNC | number)
        self._least = max(0, time - (layout.time_mask + 1) // 4)

    def _pack(self, event: LogEvent, seq: int) -> None:
        time = 0 if event.time is None else event.time
        full = len(self._words) == MOST_EVENTS or not 0 <= time - self._last <= _LONGEST_DELTA
        if self._words and (full or seq != self._due):
            self._flush()
        if not self._words:
            self._start, self._last = time, time
        self._words.append(self._layout.words_of(event))
        self._deltas.append(time - self._last)
        self._last = time

    def _flush(self) -> None:
        """Writes the pack that was being filled."""
        if self._words:
            layout, count = self._layout, len(self._words)
            pack = Pack(self._due - count, self._start, self._words, self._deltas)
            self._record(PACK, count, packed(pack, layout.width, layout.byte_order, self._level))
            self._words, self._deltas = [], []

    def _define(self, event: LogEvent, told: Definitions) -> None:
        if event.kind != REALLOC_END:
            self.stack(event.stack, told)
        names = [(told.names, NAME_CONTEXT, event.context), (told.tags, NAME_TAG, event.tag)]
        if event.kind == MARK:
            names.append((told.names, NAME_CONTEXT, event.address))
        for table, space, number in names:
            name = table.get(number)
            if name is not None and self._is_new(space, number, name):
                self._record(DEF_NAME, number, _bytes_of(name[1]), heap=name[0])
        heap = told.heaps.get(event.heap)
        if heap is not None and self._is_new(NAME_HEAP, event.heap, heap):
            facts = struct.pack(self._layout.mark + "2I", *heap[1:])
            self._record(DEF_NAME, event.heap, facts + _bytes_of(heap[0]), heap=NAME_HEAP)
        self._define_rest(told)

    def _is_new(self, kind: int, number: int, meaning: object) -> bool:
        """Tells whether a definition must be written, and ends the pack whose events it is not for."""
        known = self._told.get((kind, number))
        if known == meaning:
            return False
        if known is not None:
            self._flush()
        self._told[kind, number] = meaning
        return True

    def _define_rest(self, told: Definitions) -> None:
        """Writes what no event names: the text of the assertion before, modules, counts."""
        if told.failure is not None and told.failure != self._failure:
            self._flush()
            self._failure = told.failure
            function, text = map(_bytes_of, told.failure)
            self._record(FAILURE, 0, function + b"\0" + text)
        for base, build_id, path in told.modules[self._modules :]:
            self._flush()
            name = bytes.fromhex(build_id)
            self._record(DEF_MODULE, base, bytes([len(name)]) + name + _bytes_of(path))
        self._modules = len(told.modules)
        if told.process is not None and told.process != self._process:
            self._flush()
            self._process = told.process
            process = told.process
            facts = struct.pack(self._layout.mark + "2IQ", process.parent, process.how, process.own_bytes)
            self._record(PROCESS, 0, facts + _bytes_of(process.command))
        if told.counts != self._counts:
            self._counts = told.counts
            self._record(COUNTS, 0, struct.pack(f"{self._layout.mark}{COUNTERS}I", *told.counts))

    def _record(self, kind: int, number: int, payload: bytes, heap: int = 0) -> None:
        layout = self._layout
        self._out += layout.words.pack(number, layout.word_of(len(payload), heap), 0, kind)
        self._out += payload + bytes(-len(payload) % layout.size)


def _bytes_of(text: str) -> bytes:
    """Returns a name or path as it is written. What is no text, such as a lone surrogate, becomes a question mark."""
    return text.encode("utf-8", "replace")[:LONGEST_TEXT]


def _header_bytes(mark: str, widths: Widths, more: Dict[str, object]) -> bytes:
    """Returns a log's header. Fields that are not given are 0."""
    given = {"magic": MAGIC, "version": VERSION, "header_size": HEADER_BYTES, "flags": FLAG_LOG, **more}
    given.update((f"{name}_bits", width) for name, width in widths._asdict().items())
    data = bytearray(HEADER_BYTES)
    for name, value in given.items():
        struct.pack_into(mark + HEADER_FIELDS[name], data, HEADER_OFFSETS[name], value)
    return bytes(data)
