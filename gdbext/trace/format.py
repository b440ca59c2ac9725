# SPDX-License-Identifier: Apache-2.0
"""Parses a memtrace header and its events, version 1: docs/reference/format.md, memtrace_format.h.

Approach: the header describes itself. Every number in it is checked against the others before it is used, because the
ring lies in the same memory whose damage is being looked for.
Rejected: reading the structure through debug information (an image has none, and the two descriptions could differ).
"""

from __future__ import annotations

import struct
from functools import cached_property
from itertools import islice
from typing import Any, Dict, NamedTuple, Optional, Tuple

from gdbext.model.events import ENDED_STACK
from gdbext.model.record import Record, fields_of
from gdbext.model.said import Said, Trouble, said
from gdbext.source.snapshot import ByteOrder

MAGIC = b"\x89MEMTRC\n"
VERSION = 1
FLAG_LOG = 1
FROZEN = 3
ANEW = 4  # in a control event: what came before it is forgotten
CONTROL_BEFORE_SHIFT = 8  # of the state before, in a control event
_RECORDS_AGAIN, _RECORDED_NOTHING = (0, 1), (2, 3)  # states, as below
STATES = {0: "recording", 1: "frees only", 2: "stopped", 3: "frozen"}
REQUESTS = {"start": 0x101, "frees-only": 0x102, "stop": 0x103, "mark": 0x104}
NAME_BYTES = 20
KEY_MEMORY_SHIFT, KEY_CAPABILITIES_SHIFT = 8, 32  # of the key of a heap's name

# The header's fields, in order and without gaps: name and struct code. tests/unit/test_format_constants.py compares
# these and all other constants of this file with the compiler's.
HEADER_FIELDS: Dict[str, str] = dict(
    field.split(":")
    for field in (
        "magic:8s byte_order:B pointer_size:B arch:B abi:B version:H header_size:H event_size:B flags:B"
        " size_bits:B stack_bits:B context_bits:B time_bits:B seq_bits:B core_bits:B self:Q total_size:I tick_hz:I"
        " build_id:20s events:3I stacks:3I stack_index:3I live:3I names:3I"
        " stack_words_used:I head:I laps_high:I state:I request:I request_done:I request_name:20s"
        " lost_busy:I lost_stopped:I filtered:I stacks_full:I names_full:I live_full:I size_capped:I"
        " min_size:I heap_mask:I context_mask:8I time_low:I sync_high:I assert_head:I assert_line:I"
        " assert_text:96s assert_function:32s sync_low:I code_region:I required:I run:I started:Q process:I"
        " entries:I previous:Q"
    ).split()
)
HEADER_OFFSETS: Dict[str, int] = {}
HEADER_BYTES = 0
for _name, _code in HEADER_FIELDS.items():
    HEADER_OFFSETS[_name] = HEADER_BYTES
    HEADER_BYTES += struct.calcsize("<" + _code)
REQUEST_OFFSET = HEADER_OFFSETS["request"]
REQUEST_NAME_OFFSET = HEADER_OFFSETS["request_name"]

KINDS: Dict[int, str] = {
    1: "alloc",
    2: "free",
    3: "realloc-begin",
    4: "realloc-end",
    5: "alloc-failed",
    6: "mark",
    7: "assert",
    8: "sync",
    9: "caller",
    10: "control",
    11: "time",
    12: "map",
    13: "unmap",
    14: "live-block",
    16: "def-stack",
    17: "def-name",
    18: "def-module",
    19: "pack",
    20: "stream",
    21: "counts",
    22: "failure",
    23: "process",
    24: "skip",
    31: "busy",
}

EVENT_KINDS = ["alloc", "free", "realloc-begin", "realloc-end", "alloc-failed", "mark", "assert", "control"]

# Entries of the allocator that the recorder has seen to fire, as bits of the header's word.
ENTRIES = {
    1 << 1: "alloc", 1 << 2: "free", 1 << 3: "realloc", 1 << 16: "calloc", 1 << 17: "aligned", 1 << 18: "new",
    1 << 7: "assert",
}  # fmt: skip
INTERRUPT = "(interrupt)"
FIXED_CONTEXTS = {0: "(start-up)", 1: INTERRUPT, 2: "(unnamed task)"}
MEMORIES = {0: "unknown", 1: "internal", 2: "external", 3: "retained", 4: "host", 5: "mapped", 6: "device"}
REQUIRED_PACKS, REQUIRED_STREAMS, REQUIRED_RANGES, REQUIRED_UNSORTED = 1, 2, 4, 8
REQUIRED_KNOWN = 15
PLAIN, ZSTD = 0, 1  # the compression of a pack's columns

_TABLES = ("events", "stacks", "stack_index", "live", "names")
_XTENSA_WINDOWED = 2
_ESP_CODE = 0x40000000  # the region of code on every known chip
_INDEX_BITS = 20
_LAP_BITS = 12
_INDEX_MASK = (1 << _INDEX_BITS) - 1
_LAP_MASK = (1 << _LAP_BITS) - 1
_LARGEST_RING_BYTES = 256 << 20
_LARGEST_SLACK_BYTES = 4096  # bytes between the tables, for the recorder's own data and for alignment
_BYTE_ORDERS: Dict[int, ByteOrder] = {1: "little", 2: "big"}


class Table(NamedTuple):
    """A table inside the ring's memory: offset from the header, bytes of an entry, number of entries."""

    offset: int
    entry_size: int
    entries: int


class Widths(NamedTuple):
    """Bits of an event's fields. Heap and kind take the rest of their words."""

    size: int
    stack: int
    context: int
    time: int
    seq: int
    core: int


class RawEvent(NamedTuple):
    """An event as stored: its sequence number and time are cut to a few bits, and its stack is a number."""

    kind: int
    address: int
    size: int
    heap: int
    stack: int
    context: int
    tag: int
    time: int
    seq: int
    core: int


class Header(Record):
    """A verified header. Counters and other words that change have the values of the moment of reading."""

    byte_order: ByteOrder
    pointer_size: int
    arch: int
    abi: int
    header_size: int
    event_size: int
    is_log: bool
    widths: Widths
    address: int
    total_size: int
    tick_hz: int
    build_id: str
    tables: Dict[str, Table]
    time: Optional[int]  # of the last SYNC, 0 if there was none; None: one was being entered
    stack_words_used: int
    head: int
    laps_high: int
    state: int
    request: int
    request_done: int
    lost_busy: int  # from here on: counts of what was lost, kept out, or kept without a part
    lost_stopped: int
    filtered: int
    stacks_full: int
    names_full: int
    live_full: int
    size_capped: int
    assert_head: int  # the reservation word of the assertion that froze the ring
    assert_line: int  # 0, and an empty function, if there was no assertion
    assert_text: str
    assert_function: str
    code_region: int  # the top two bits of code addresses where recorded PCs hold other bits; else 0
    required: int  # bits of what a reader must know
    run: int  # number of this start of the program; 0 if nobody counts them
    started: int  # seconds since 1970; 0: unknown
    process: int  # its number in an operating system; 0: there is none
    entries: int  # bits of the allocator's entries that have been seen to fire
    previous: int  # address of the header of the run before, where that outlived a reset; else 0

    def code_address(self, pc: int) -> int:
        """Returns the code address that a recorded PC stands for."""
        if self.abi != _XTENSA_WINDOWED or not pc or pc >= ENDED_STACK:
            return pc
        return pc & 0x3FFFFFFF | (self.code_region or _ESP_CODE)

    @property
    def capacity(self) -> int:
        """The number of events that the ring has room for."""
        return self.tables["events"].entries

    def seq_of(self, reservation: int) -> int:
        """Returns the whole sequence number of a reservation word, which must not be newer than this header's head."""
        laps_ago = (self.head >> _INDEX_BITS) - (reservation >> _INDEX_BITS) & _LAP_MASK
        return (self._lap - laps_ago) * self.capacity + (reservation & _INDEX_MASK)

    @property
    def issued(self) -> int:
        """The sequence number that the next event will get, which is the number of events ever reserved."""
        return self._lap * self.capacity + (self.head & _INDEX_MASK)

    @property
    def _lap(self) -> int:
        """The number of whole laps. Bit 0 of laps_high shows whether the writer has already carried into it."""
        lap = self.head >> _INDEX_BITS
        high = self.laps_high + ((self.laps_high ^ lap >> 11) & 1)
        return high << 11 | lap & 0x7FF

    @cached_property
    def _four_words(self) -> struct.Struct:
        return struct.Struct(("<" if self.byte_order == "little" else ">") + ("4I" if self.pointer_size == 4 else "4Q"))

    def words(self, data: bytes, offset: int) -> Tuple[int, ...]:
        """Returns the four words of the event at `offset`."""
        return self._four_words.unpack_from(data, offset)

    def event(self, words: Tuple[int, ...]) -> RawEvent:
        """Returns the fields of an event's four words."""
        widths, bits = self.widths, 8 * self.pointer_size
        size, heap = _split(words[1], widths.size)
        context, rest = _split(words[2], widths.context)
        tag, stack = _split(rest, bits - widths.context - widths.stack)
        kind, rest = _split(words[3], bits - widths.core - widths.seq - widths.time)
        core, rest = _split(rest, widths.core)
        seq, time = _split(rest, widths.seq)
        return RawEvent(kind, words[0], size, heap, stack, context, tag, time, seq, core)


def _split(word: int, bits: int) -> Tuple[int, int]:
    return word & ((1 << bits) - 1), word >> bits


def begins_anew(change: int) -> bool:
    """Tells whether nobody knows what lives of what came before this change of the recorder's state."""
    before, state = change >> CONTROL_BEFORE_SHIFT & 0xFF, change & 0xFF
    return change == ANEW or (state in _RECORDS_AGAIN and before in _RECORDED_NOTHING)


def parse_header(data: bytes) -> Header:
    """Returns the header at the start of `data`, or raises Trouble."""
    if len(data) < HEADER_BYTES:
        raise Trouble(said("header-short"))
    if data[:8] != MAGIC:
        raise Trouble(said("no-magic"))
    order = _BYTE_ORDERS.get(data[8])
    if order is None:
        raise Trouble(said("byte-order", stored=data[8]))
    header = _unpack(data, order)
    problem = _problem(header)
    if problem is not None:
        raise Trouble(problem)
    return header


def _unpack(data: bytes, order: ByteOrder) -> Header:
    mark = "<" if order == "little" else ">"
    values = iter(struct.unpack_from(mark + "".join(HEADER_FIELDS.values()), data))
    counts = {name: 1 if code.endswith("s") else int(code[:-1] or 1) for name, code in HEADER_FIELDS.items()}
    found = {name: tuple(islice(values, count)) for name, count in counts.items()}
    field: Dict[str, Any] = {name: stored[0] for name, stored in found.items()}
    if field["version"] != VERSION:
        raise Trouble(said("format-version", stored=field["version"], known=VERSION))
    for name in ("assert_text", "assert_function"):
        field[name] = field[name].split(b"\0")[0].decode("utf-8", "replace")
    field["build_id"] = field["build_id"].hex()
    field["byte_order"], field["is_log"], field["address"] = order, bool(field["flags"] & FLAG_LOG), field["self"]
    is_entered = field["time_low"] == field["sync_low"]
    field["time"] = field["sync_high"] << 32 | field["sync_low"] if is_entered else None
    field["widths"] = Widths(*(field[f"{name}_bits"] for name in Widths._fields))
    field["tables"] = {name: Table(*found[name]) for name in _TABLES}
    return Header(**{name: field[name] for name in fields_of(Header)})


def _problem(header: Header) -> Optional[Said]:
    """Returns why these numbers are impossible. None if they fit together."""
    if header.pointer_size not in (4, 8) or header.event_size != 4 * header.pointer_size:
        return said("event-size", pointer=header.pointer_size, event=header.event_size)
    if header.header_size < HEADER_BYTES:
        return said("header-size", stored=header.header_size, least=HEADER_BYTES)
    if header.required & ~REQUIRED_KNOWN:
        return said("features-unknown", bits=header.required & ~REQUIRED_KNOWN)
    bits, widths = 8 * header.pointer_size, header.widths
    kind = bits - widths.time - widths.seq - widths.core
    if min(widths) <= 0 or widths.size >= bits or widths.stack + widths.context >= bits or kind < 5:
        return said("field-widths")
    if header.is_log:
        return None
    sizes = {"events": header.event_size, "stacks": header.pointer_size, "stack_index": 4, "names": 32}
    sizes["live"] = header.event_size
    for name, table in header.tables.items():
        if table.entries and table.entry_size != sizes[name]:
            return said("table-entries", table=name, entry=table.entry_size)
        end = table.offset + table.entry_size * table.entries
        if table.entries and (table.offset < header.header_size or end > header.total_size):
            return said("table-outside", table=name)
    least = header.header_size + sum(table.entry_size * table.entries for table in header.tables.values())
    if not least <= header.total_size <= min(least + _LARGEST_SLACK_BYTES, _LARGEST_RING_BYTES):
        return said("total-size", total=header.total_size, tables=least)
    if not 0 < header.capacity <= 1 << _INDEX_BITS:
        return said("ring-capacity", events=header.capacity)
    return None
