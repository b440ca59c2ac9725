# SPDX-License-Identifier: Apache-2.0
"""Reads ESP-IDF's own heap tracing as a trace: the records of its standalone mode.

Approach: the program's debug information gives the tracing's variables and the members of a record; no version number
is used. Records come in the order of their list, or of the array if there is no list, and their positions are the
sequence numbers: their only time is a cycle counter for each core, which wraps. Records do not tell when a block was
freed, so frees are no events. A block is over if a later record has the same address.
Rejected: record layouts by version (depth, list, flag and hash table are options, and releases moved them).
Cost: the whole buffer in one read.
Assumptions: all of it is hostile. Numbers are checked against each other. The list is followed only inside the buffer
and never twice through a record. An impossible record is left out and counted.
Limits: a free overwrites the stack of an earlier free in the same record, so only the second of a double free is known.
"""

from __future__ import annotations

from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from gdbext.model.events import Event, Generation, Imported, TraceInfo
from gdbext.model.said import Said, Trouble, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Shape, Types
from gdbext.trace.trace import Trace

HEAP_TRACING = "heap_trace_start"  # a function that is linked if the program starts the tracing
# Names of the tracing's variables: the only sign of it without debug information.
STATICS = ("records", "buffer")
SOURCE = "ESP-IDF's heap_trace"
# Variables of older releases, which later became the members of one structure.
_SEPARATE = ("buffer", "total_records", "count", "has_overflowed")
_OTHERS = ("tracing", "mode", "total_allocations")
_MOST_BYTES_AT_ONCE = 512  # variables that lie within so few bytes are read at once
_MOST_RECORDS = 1 << 18
_LARGEST_BUFFER_BYTES = 16 << 20
_LARGEST_RECORD_BYTES = 1024
_LARGEST_BLOCK_BYTES = 1 << 28
_STATES = {"TRACING_STARTED": "recording", "TRACING_ALLOC_PAUSED": "frees only"}
_MODES = {"HEAP_TRACE_ALL": "all", "HEAP_TRACE_LEAKS": "leaks"}


class Books(NamedTuple):
    """The address and size of each of the tracing's variables, by name, and the shape of a record."""

    numbers: Dict[str, Member]
    values: Dict[str, Dict[int, str]]  # names of the values of variables that are enumerations
    record: Shape


class _Record(NamedTuple):
    address: int
    size: int
    core: int
    allocated: Tuple[int, ...]
    freed: Optional[Tuple[int, ...]]  # None if no free is noted


def books_of(types: Types) -> Optional[Books]:
    """Returns the tracing's variables by debug information. None if one that is needed is missing."""
    found = types.variable_of(HEAP_TRACING, "records", ("buffer",))
    numbers: Dict[str, Member] = {}
    if found is not None:
        shapes = found.shapes
        for name, member in shapes[0].members.items():
            numbers[name] = Member(found.address + member.offset, member.size)
    else:
        pointer = types.variable_of(HEAP_TRACING, "buffer", ("",))
        shapes = () if pointer is None else pointer.shapes
    separate = () if found is not None else _SEPARATE
    others = {name: types.variable_of(HEAP_TRACING, name) for name in (*separate, *_OTHERS)}
    known = {name: variable for name, variable in others.items() if variable is not None}
    numbers.update({name: Member(variable.address, variable.shapes[0].size) for name, variable in known.items()})
    if "total_records" in numbers:
        numbers["capacity"] = numbers["total_records"]
    if len(shapes) != 2 or not {"buffer", "capacity", "count", "mode", "tracing"} <= set(numbers):
        return None
    return Books(numbers, {name: variable.shapes[0].values for name, variable in known.items()}, shapes[1])


def read_records(memory: Memory, books: Books) -> Trace:
    """Returns the records as a trace, or raises Trouble."""
    return _Reader(memory, books).read()


class _Reader:
    def __init__(self, memory: Memory, books: Books) -> None:
        self.memory = memory
        self.books = books
        self.record = books.record
        self.word = memory.source.pointer_size
        self.problems: List[Said] = []
        low = min(place.offset for place in books.numbers.values())
        high = max(place.offset + place.size for place in books.numbers.values())
        if high - low <= _MOST_BYTES_AT_ONCE:
            memory.fetch_known(low, high)
        self.capacity, self.count = self._number("capacity"), self._number("count")
        self.buffer = self._number("buffer")
        self.end = self.buffer + self.capacity * self.record.size
        self._check()
        tracing, mode = self._number("tracing"), self._number("mode")
        states = books.values.get("tracing", {})
        self.state = _STATES.get(states.get(tracing, ""), "stopped")
        if not states:
            self.state = "recording" if tracing else "stopped"
        self.mode = _MODES.get(books.values.get("mode", {}).get(mode, ""), "")
        if not self.mode:
            raise Trouble(said("record-mode", mode=mode))
        self.overflowed = "has_overflowed" in books.numbers and bool(self._number("has_overflowed"))
        self.depth = self.record.members["alloced_by"].size // self.word
        self.frees_told = self.mode == "leaks" or "freed" in self.record.members or self.depth > 0

    def read(self) -> Trace:
        self.memory.fetch(self.buffer, self.end - self.buffer)
        places = self._order()
        records = [self._record(place) for place in places]
        ordered = [record for record in records if record is not None]
        if len(ordered) < len(places):
            self.problems.append(said("records-lost", lost=len(places) - len(ordered), records=len(places)))
        lives = tuple(self._lives(ordered))
        events = tuple(
            Event(number, "alloc", record.address, record.size, 0, 0, None, 0, record.core, None, record.allocated)
            for number, record in enumerate(ordered, 1)
        )
        proves = self.frees_told and self.state != "stopped" and not self.problems
        if self.overflowed:
            self.problems.append(said("records-overflowed"))
        if self.state == "stopped":
            self.problems.append(said("tracing-off"))
        if self.state == "frees only":
            self.problems.append(said("tracing-paused"))
        if not self.depth:
            self.problems.append(said("records-without-stacks"))
        if not self.frees_told and not self.depth:
            self.problems.append(said("records-without-frees"))
        return Trace(
            self._info(len(lives), len(events)), events, lives, lists_frees=False, proves_live=proves,
            problems=tuple(self.problems), own=((self.buffer, self.end),),
        )  # fmt: skip

    def _number(self, name: str) -> int:
        place = self.books.numbers[name]
        data = self.memory.get(place.offset, place.size)
        if data is None:
            raise Trouble(said("variable-unread", place=place.offset))
        return int.from_bytes(data, self.memory.source.byte_order)

    def _check(self) -> None:
        """Raises Trouble if a number is impossible or a record lacks a member that is needed."""
        members = self.record.members
        inside = all(member.offset + member.size <= self.record.size for member in members.values())
        if not {"address", "size", "alloced_by", "freed_by"} <= set(members) or not inside:
            raise Trouble(said("record-unknown"))
        if not self.buffer or not self.capacity:
            raise Trouble(said("no-buffer"))
        if not 0 < self.record.size <= _LARGEST_RECORD_BYTES or self.buffer % self.word or self.count > self.capacity:
            raise Trouble(said("record-numbers", count=self.count, capacity=self.capacity, buffer=self.buffer))
        if self.capacity > _MOST_RECORDS or self.end - self.buffer > _LARGEST_BUFFER_BYTES or self.end >> 8 * self.word:
            raise Trouble(said("record-buffer", capacity=self.capacity, buffer=self.buffer))
        in_file = bool(self.memory.ranges())  # a file may lack a part of the buffer
        if not self.memory.may_read(self.buffer, self.buffer + self.record.size if in_file else self.end):
            raise Trouble(said("buffer-outside", start=self.buffer, end=self.end))

    def _order(self) -> List[int]:
        """Returns the addresses of the records, oldest first."""
        link = next((name for name in self.record.members if name.startswith("tailq") and "hash" not in name), None)
        if "list" not in self.books.numbers or link is None:
            return [self.buffer + number * self.record.size for number in range(self.count)]
        order: List[int] = []
        seen: Set[int] = set()
        place = self.memory.word(self.books.numbers["list"].offset)
        while len(order) < self.count:
            if place is None:
                self.problems.append(said("records-unread", known=len(order)))
                break
            is_record = self.buffer <= place < self.end and (place - self.buffer) % self.record.size == 0
            if place in seen or not is_record:
                self.problems.append(said("records-broken", place=place, known=len(order)))
                break
            seen.add(place)
            order.append(place)
            place = self.memory.word(place + self.record.members[link].offset)
        return order

    def _record(self, place: int) -> Optional[_Record]:
        """Returns the record at a place. None if it cannot be read or is impossible."""
        data = self.memory.snapshot.get(place, self.record.size)
        if data is None:
            return None
        address, size = self._field(data, "address"), self._field(data, "size")
        if not address or size > _LARGEST_BLOCK_BYTES or (address + size) >> 8 * self.word:
            return None
        core, freed = self._field(data, "ccount") & 1, self._stack(data, "freed_by")
        over = freed if freed or self._field(data, "freed") else None
        return _Record(address, size, core, self._stack(data, "alloced_by"), over)

    def _field(self, data: bytes, name: str) -> int:
        place = self.record.members.get(name, Member(0, 0))
        return int.from_bytes(data[place.offset : place.offset + place.size], self.memory.source.byte_order)

    def _stack(self, data: bytes, name: str) -> Tuple[int, ...]:
        """Returns a record's return addresses, innermost first, up to the first 0."""
        place, order = self.record.members[name], self.memory.source.byte_order
        starts = range(place.offset, place.offset + place.size - self.word + 1, self.word)
        stack = [int.from_bytes(data[start : start + self.word], order) for start in starts]
        return tuple(stack[: stack.index(0)] if 0 in stack else stack)

    def _lives(self, ordered: Sequence[_Record]) -> Iterator[Generation]:
        """Yields the blocks of records that a broken list does not reach, in unknown order, then those in order."""
        known = {record.address for record in ordered}
        places = range(self.buffer, self.end, self.record.size) if self.problems else ()
        for record in filter(None, map(self._record, places)):  # an unused record has no address
            if record.address not in known:
                known.add(record.address)
                yield Generation(record.address, record.size, None, None, record.allocated, freed=record.freed)
        newest = {record.address: number for number, record in enumerate(ordered, 1)}
        mixed = set()  # addresses with several records: a free may be noted in the wrong one
        hashed = "tailq_hashmap" in self.record.members and "freed" not in self.record.members
        if self.mode == "all" and hashed:
            records = Counter(record.address for record in ordered)
            mixed = {address for address, number in records.items() if number > 1}
        if mixed:
            self.problems.append(said("records-mixed", addresses=len(mixed)))
            self.frees_told = False
        for number, record in enumerate(ordered, 1):
            over = () if newest[record.address] != number else None
            freed = over if record.freed is None or record.address in mixed else record.freed
            yield Generation(record.address, record.size, None, number, record.allocated, freed=freed)

    def _info(self, kept: int, ordered: int) -> TraceInfo:
        total = self._number("total_allocations") if "total_allocations" in self.books.numbers else 0
        gone = max(0, total - self.count) if self.mode == "all" and self.overflowed else 0
        place = self.books.numbers["buffer"].offset
        imported = Imported(SOURCE, place, self.mode, self.capacity, self.depth, self.overflowed, self.frees_told)
        return TraceInfo(
            kept=kept, lost=gone, first=1 if ordered else None, last=ordered or None, running=self.state != "stopped",
            address=self.buffer, state=self.state, overwritten=gone, imported=imported,
        )  # fmt: skip
