# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF's own heap tracing as a trace: the records of its standalone mode.

Approach: the variables of the source that starts the tracing, and the members of a record, are asked of the program's
debug information; no version is. Records come in the order of their list, or of the array where there is no list, and
their numbers here are their places in it: what they hold of time is a cycle counter for each core, which wraps. When a
block was freed they do not say, so that frees are no events; a record before another one of the same address is over.
Rejected: record layouts by version (depth, list, flag and hash table are options, and releases moved them).
Cost: the whole buffer in one read.
Assumptions: all of it is hostile. Numbers are checked against each other, the list is followed inside of the buffer
and never twice through a record; a record that cannot be is left out and counted.
Limits: a free overwrites what an earlier free of the same record left: of a double free the second one is known.
"""

from __future__ import annotations

from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from gdbext.model import Event, Generation, Imported, TraceInfo
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Shape, Types
from gdbext.trace.trace import Trace

HEAP_TRACING = "heap_trace_start"  # what is linked where the tracing is started
STATICS = ("records", "buffer")  # what the tracing's books are called; without debug information no more is known
SOURCE = "ESP-IDF's heap_trace"
_SEPARATE = ("buffer", "total_records", "count", "has_overflowed")  # before they became one structure
_OTHERS = ("tracing", "mode", "total_allocations")
_NEAR = 512
_MOST_RECORDS = 1 << 18
_LARGEST_BUFFER = 16 << 20
_LARGEST_RECORD = 1024
_LARGEST_BLOCK = 1 << 28
_STATES = {"TRACING_STARTED": "recording", "TRACING_ALLOC_PAUSED": "frees only"}
_MODES = {"HEAP_TRACE_ALL": "all", "HEAP_TRACE_LEAKS": "leaks"}


class RecordsError(ValueError):
    """The records cannot be read; the text says why."""


class Books(NamedTuple):
    """Where the tracing's numbers stand, by address and size, and what a record is made of."""

    numbers: Dict[str, Member]
    values: Dict[str, Dict[int, str]]  # names of the values of those that have names
    record: Shape


class _Record(NamedTuple):
    address: int
    size: int
    core: int
    allocated: Tuple[int, ...]
    freed: Optional[Tuple[int, ...]]  # None: no free is noted


def books_of(types: Types) -> Optional[Books]:
    """What debug information tells of the tracing; None: nothing that could be used."""
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
    there = {name: one for name, one in others.items() if one is not None}
    numbers.update({name: Member(one.address, one.shapes[0].size) for name, one in there.items()})
    if "total_records" in numbers:
        numbers["capacity"] = numbers["total_records"]
    if len(shapes) != 2 or not {"buffer", "capacity", "count", "mode", "tracing"} <= set(numbers):
        return None
    return Books(numbers, {name: one.shapes[0].values for name, one in there.items()}, shapes[1])


def read_records(memory: Memory, books: Books) -> Trace:
    """The records, or RecordsError."""
    return _Reader(memory, books).read()


class _Reader:
    def __init__(self, memory: Memory, books: Books) -> None:
        self.memory = memory
        self.books = books
        self.record = books.record
        self.word = memory.source.pointer_size
        self.problems: List[str] = []
        self._fetch_numbers()
        self.capacity, self.count = self._number("capacity"), self._number("count")
        self.buffer = self._number("buffer")
        self._check()
        self.state = self._state()
        self.mode = self._mode()
        self.overflowed = "has_overflowed" in books.numbers and bool(self._number("has_overflowed"))
        self.depth = self._member("alloced_by").size // self.word
        self.frees_told = self.mode == "leaks" or "freed" in self.record.members or self.depth > 0

    def read(self) -> Trace:
        self.memory.fetch(self.buffer, self._end - self.buffer)
        ordered = self._records(self._order())
        lives = [*self._unordered(ordered), *self._lives(ordered)]
        events = tuple(
            Event(number, "alloc", one.address, one.size, 0, 0, None, 0, one.core, None, one.allocated)
            for number, one in enumerate(ordered, 1)
        )
        proves = self.frees_told and self.state != "stopped" and not self.problems
        info = self._info(len(lives), len(events))
        self._tell_limits()
        return Trace(
            info, events, tuple(lives), lists_frees=False, proves_live=proves, problems=tuple(self.problems),
            own=((self.buffer, self._end),),
        )  # fmt: skip

    @property
    def _end(self) -> int:
        return self.buffer + self.capacity * self.record.size

    def _fetch_numbers(self) -> None:
        """All of them in one read, where they lie together."""
        low = min(place.offset for place in self.books.numbers.values())
        high = max(place.offset + place.size for place in self.books.numbers.values())
        if high - low <= _NEAR:
            self.memory.fetch_known(low, high)

    def _number(self, name: str) -> int:
        place = self.books.numbers[name]
        data = self.memory.get(place.offset, place.size)
        if data is None:
            raise RecordsError(f"its variable at {place.offset:#x} cannot be read")
        return int.from_bytes(data, self.memory.source.byte_order)

    def _member(self, name: str) -> Member:
        return self.record.members.get(name, Member(0, 0))

    def _check(self) -> None:
        """Numbers that cannot be; a record that lacks what makes it one."""
        members = self.record.members
        inside = all(one.offset + one.size <= self.record.size for one in members.values())
        if not {"address", "size", "alloced_by", "freed_by"} <= set(members) or not inside:
            raise RecordsError("its records are of a kind that is not known")
        if not self.buffer or not self.capacity:
            raise RecordsError("it has no buffer: heap_trace_init_standalone has not run")
        if not 0 < self.record.size <= _LARGEST_RECORD or self.buffer % self.word or self.count > self.capacity:
            raise RecordsError(
                f"its numbers cannot be: {self.count:,} of {self.capacity:,} records at {self.buffer:#x}"
            )
        if self.capacity > _MOST_RECORDS or self._end - self.buffer > _LARGEST_BUFFER or self._end >> 8 * self.word:
            raise RecordsError(f"its numbers cannot be: a buffer of {self.capacity:,} records at {self.buffer:#x}")
        in_file = bool(self.memory.ranges())  # which may lack a part of it
        if not self.memory.may_read(self.buffer, self.buffer + self.record.size if in_file else self._end):
            raise RecordsError(
                f"its buffer at {self.buffer:#x} lies outside of the memory that is known here; "
                f"if it is there: set memtrace memory {self.buffer:#x},{self._end:#x}"
            )

    def _state(self) -> str:
        names, value = self.books.values.get("tracing", {}), self._number("tracing")
        if not names:
            return "recording" if value else "stopped"
        return _STATES.get(names.get(value, ""), "stopped")

    def _mode(self) -> str:
        names, value = self.books.values.get("mode", {}), self._number("mode")
        mode = _MODES.get(names.get(value, ""))
        if mode is None:
            raise RecordsError(f"its mode is {value}, which is none that is known")
        return mode

    def _order(self) -> List[int]:
        """Where the records lie, oldest first."""
        link = next((name for name in self.record.members if name.startswith("tailq") and "hash" not in name), None)
        if "list" not in self.books.numbers or link is None:
            return [self.buffer + number * self.record.size for number in range(self.count)]
        order: List[int] = []
        seen: Set[int] = set()
        place = self._pointer(self.books.numbers["list"].offset)
        while len(order) < self.count:
            if place is None or place in seen or not self._is_record(place):
                at = "a place that cannot be read" if place is None else f"{place:#x}"
                self.problems.append(f"the list of records breaks off at {at}: their order is known of {len(order):,}")
                break
            seen.add(place)
            order.append(place)
            place = self._pointer(place + self.record.members[link].offset)
        return order

    def _pointer(self, address: int) -> Optional[int]:
        return self.memory.word(address)

    def _is_record(self, place: int) -> bool:
        return self.buffer <= place < self._end and (place - self.buffer) % self.record.size == 0

    def _records(self, places: Sequence[int]) -> List[_Record]:
        """The records at these places that can be."""
        found = [self._record(place) for place in places]
        lost = sum(one is None for one in found)
        if lost:
            self.problems.append(f"{lost:,} of {len(places):,} records cannot be read, or make no sense")
        return [one for one in found if one is not None]

    def _record(self, place: int) -> Optional[_Record]:
        data = self.memory.snapshot.get(place, self.record.size)
        if data is None:
            return None
        address, size = self._field(data, "address"), self._field(data, "size")
        if not address or size > _LARGEST_BLOCK or (address + size) >> 8 * self.word:
            return None
        core = self._field(data, "ccount") & 1
        return _Record(address, size, core, self._stack(data, "alloced_by"), self._freed(data))

    def _field(self, data: bytes, name: str) -> int:
        place = self._member(name)
        return int.from_bytes(data[place.offset : place.offset + place.size], self.memory.source.byte_order)

    def _stack(self, data: bytes, name: str) -> Tuple[int, ...]:
        """Return addresses, innermost first, up to the first that is none."""
        place, order = self._member(name), self.memory.source.byte_order
        starts = range(place.offset, place.offset + place.size - self.word + 1, self.word)
        stack = [int.from_bytes(data[start : start + self.word], order) for start in starts]
        return tuple(stack[: stack.index(0)] if 0 in stack else stack)

    def _freed(self, data: bytes) -> Optional[Tuple[int, ...]]:
        stack = self._stack(data, "freed_by")
        return stack if stack or self._field(data, "freed") else None

    def _unordered(self, ordered: Sequence[_Record]) -> Iterator[Generation]:
        """Blocks of the records that a broken list does not lead to: a record that is not used has no address."""
        if not self.problems:
            return
        known = {one.address for one in ordered}
        places = range(self.buffer, self._end, self.record.size)
        for one in filter(None, map(self._record, places)):
            if one.address not in known:
                known.add(one.address)
                yield Generation(one.address, one.size, None, None, one.allocated, freed=one.freed)

    def _lives(self, ordered: Sequence[_Record]) -> Iterator[Generation]:
        newest = {one.address: number for number, one in enumerate(ordered, 1)}
        mixed = self._mixed(ordered)
        for number, one in enumerate(ordered, 1):
            over = () if newest[one.address] != number else None
            freed = over if one.freed is None or one.address in mixed else one.freed
            yield Generation(one.address, one.size, None, number, one.allocated, freed=freed)

    def _mixed(self, ordered: Sequence[_Record]) -> Set[int]:
        """Addresses with several records whose frees may stand in the wrong one: in the first that is met."""
        if self.mode != "all" or "tailq_hashmap" not in self.record.members or "freed" in self.record.members:
            return set()
        mixed = {address for address, number in Counter(one.address for one in ordered).items() if number > 1}
        if mixed:
            why = "this hash table notes a free in the oldest of them, so that who freed them is left out"
            self.problems.append(
                f"several records each of {len(mixed):,} address{'' if len(mixed) == 1 else 'es'}: {why}"
            )
            self.frees_told = False
        return mixed

    def _info(self, kept: int, ordered: int) -> TraceInfo:
        total = self._number("total_allocations") if "total_allocations" in self.books.numbers else 0
        gone = max(0, total - self.count) if self.mode == "all" and self.overflowed else 0
        place = self.books.numbers["buffer"].offset
        imported = Imported(SOURCE, place, self.mode, self.capacity, self.depth, self.overflowed, self.frees_told)
        return TraceInfo(
            kept=kept, lost=gone, first=1 if ordered else None, last=ordered or None, running=self.state != "stopped",
            address=self.buffer, state=self.state, overwritten=gone, imported=imported,
        )  # fmt: skip

    def _tell_limits(self) -> None:
        if self.overflowed:
            self.problems.append("its buffer was full and older records are gone: no record of a block proves nothing")
        if self.state == "stopped":
            self.problems.append("its tracing is off: what was allocated or freed since then is not in the records")
        if self.state == "frees only":
            self.problems.append("allocations are paused: what was allocated since then is not in the records")
        if not self.depth:
            why = "CONFIG_HEAP_TRACING_STACK_DEPTH is 0, as it is on RISC-V without frame pointers"
            self.problems.append(f"its records have no stacks: {why}")
        if not self.frees_told and not self.depth:
            self.problems.append("its records do not tell which blocks were freed: in this mode only stacks would")
