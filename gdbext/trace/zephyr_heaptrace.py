# SPDX-License-Identifier: Apache-2.0
"""Reads Zephyr's heaptrace (CONFIG_HEAPTRACE) as a trace: a record of each block that lives.

Approach: the program's debug information gives the table and the members of a record; no version is used. A record has
its thread's name, a time in milliseconds, and a stack if the program was built so. Records come in the order of their
times, and their positions are the sequence numbers. A free clears its record, so the table has live blocks alone.
k_malloc's caller has the pointer behind the one that is recorded, which leads to the heap: so it is told apart.
Rejected: concluding anything from a block without a record (the table may have been full, or a filter on).
Cost: the table in one read, and the blocks' first words, which the heap's walk needs too.
Assumptions: all of it is hostile. An impossible record is left out and counted; a depth is cut to the record's room.
Zephyr: lib/heap/heaptrace.c, 8e097cb8 (2026).
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from gdbext.model.events import Event, Generation, Imported, TraceInfo
from gdbext.model.said import Said, Trouble, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Shape, Types, Variable
from gdbext.trace.trace import Trace

HEAPTRACE = "heaptrace_alloc"  # a function that is linked if the program has it
RECORDS = "heaptrace_records"
SOURCE = "Zephyr's heaptrace"
_FILTER = "heaptrace_filter"
_NEEDED = {"ptr", "size", "used"}
_MOST_RECORDS = 1 << 16
_LARGEST_TABLE_BYTES = 4 << 20
_LARGEST_BLOCK_BYTES = 1 << 28
_LONGEST_NAME_BYTES = 64
_MOST_BYTES_AT_ONCE = 256 << 10  # blocks that lie within so few bytes are read at once
_NO_MEMBER = Member(0, 0)


class Table(NamedTuple):
    """Where the table is, and where the kind of its filter is if it has one."""

    records: Variable
    filter: Optional[Member]

    @property
    def shape(self) -> Shape:
        """Returns the shape of a record."""
        return self.records.shapes[0]

    @property
    def end(self) -> int:
        """Returns the address behind the last record."""
        return self.records.address + self.shape.size * self.shape.elements


class _Record(NamedTuple):
    time: int
    user: int
    size: int
    task: Optional[str]
    core: int
    stack: Tuple[int, ...]


def table_of(types: Types) -> Optional[Table]:
    """Returns the table by debug information. None if a member that is needed is missing."""
    found, asked = types.variable_of(HEAPTRACE, RECORDS), types.variable_of(HEAPTRACE, _FILTER)
    if found is None or not set(found.shapes[0].members) >= _NEEDED:
        return None
    kind = None if asked is None else asked.shapes[0].members.get("type")
    at = None if asked is None or kind is None else Member(asked.address + kind.offset, kind.size)
    return Table(found, at)


def read_table(memory: Memory, table: Table) -> Trace:
    """Returns the records as a trace, or raises Trouble."""
    _check(memory, table)
    start, size = table.records.address, table.shape.size
    memory.allow(start, table.end)
    memory.fetch(start, table.end - start)
    taken = [record for place in range(start, table.end, size) for record in [memory.snapshot.get(place, size)]]
    used = [data for data in taken if data is None or _field(memory, table, data, "used")]
    _fetch_blocks(memory, [_field(memory, table, data, "ptr") for data in used if data is not None])
    read = [_record(memory, table, data) for data in used if data is not None]
    ordered = sorted((record for record in read if record is not None), key=lambda record: (record.time, record.user))
    known = {record.user: record for record in ordered}
    problems = list(_problems(memory, table, len(used), len(known)))
    return _trace(table, list(known.values()), problems)


def _check(memory: Memory, table: Table) -> None:
    """Raises Trouble if the debug information describes no table of records."""
    shape, members = table.shape, table.shape.members.values()
    inside = all(member.offset + member.size <= shape.size for member in members)
    possible = 0 < shape.elements <= _MOST_RECORDS and 0 < shape.size * shape.elements <= _LARGEST_TABLE_BYTES
    if not inside or not possible or table.end >> 8 * memory.source.pointer_size:
        raise Trouble(said("record-unknown"))


def _field(memory: Memory, table: Table, data: bytes, name: str) -> int:
    place = table.shape.members.get(name, _NO_MEMBER)
    return int.from_bytes(data[place.offset : place.offset + place.size], memory.source.byte_order)


def _fetch_blocks(memory: Memory, pointers: List[int]) -> None:
    """Reads the blocks' first words at once if they lie close together."""
    word = memory.source.pointer_size
    low, high = min(pointers, default=0), max(pointers, default=0) + word
    if pointers and high - low <= _MOST_BYTES_AT_ONCE and memory.may_read(low, high):
        memory.fetch(low, high - low)


def _record(memory: Memory, table: Table, data: bytes) -> Optional[_Record]:
    """Returns a record; None if it is impossible."""
    word = memory.source.pointer_size
    used, pointer, size, heap = (_field(memory, table, data, name) for name in ("used", "ptr", "size", "heap_id"))
    if used != 1 or not pointer or not 0 < size <= _LARGEST_BLOCK_BYTES or (pointer + size) >> 8 * word:
        return None
    lead = word if size > word and heap and pointer % word == 0 and memory.word(pointer) == heap else 0
    place = table.shape.members.get("alloc_thread_name", _NO_MEMBER)
    text = data[place.offset : place.offset + min(place.size, _LONGEST_NAME_BYTES)].split(b"\0")[0]
    time, core = _field(memory, table, data, "alloc_time_ms"), _field(memory, table, data, "alloc_cpu") & 0xFF
    name = text.decode("utf-8", "replace") or None
    return _Record(time, pointer + lead, size - lead, name, core, _stack(memory, table, data))


def _stack(memory: Memory, table: Table, data: bytes) -> Tuple[int, ...]:
    """Returns a record's return addresses, innermost first, as many as it says and has room for, up to the first 0."""
    word, place = memory.source.pointer_size, table.shape.members.get("bt_buf", _NO_MEMBER)
    depth = min(_field(memory, table, data, "bt_depth"), place.size // word)
    starts = range(place.offset, place.offset + depth * word, word)
    stack = [int.from_bytes(data[start : start + word], memory.source.byte_order) for start in starts]
    return tuple(stack[: stack.index(0)] if 0 in stack else stack)


def _problems(memory: Memory, table: Table, used: int, known: int) -> List[Said]:
    problems = []
    if known < used:
        problems.append(said("records-lost", lost=used - known, records=used))
    if used == table.shape.elements:
        problems.append(said("heaptrace-full", records=used))
    kind = None if table.filter is None else memory.get(table.filter.offset, table.filter.size)
    if kind is not None and any(kind):
        problems.append(said("heaptrace-filtered"))
    return problems


def _trace(table: Table, records: List[_Record], problems: List[Said]) -> Trace:
    numbered: Dict[int, _Record] = dict(enumerate(records, 1))
    lives = (
        Generation(one.user, one.size, one.task, number, one.stack) for number, one in numbered.items()
    )  # fmt: skip
    events = (
        Event(number, "alloc", one.user, one.size, 0, 0, one.task, 0, one.core, one.time, one.stack)
        for number, one in numbered.items()
    )
    depth, start = max((len(one.stack) for one in records), default=0), table.records.address
    imported = Imported(SOURCE, start, "leaks", table.shape.elements, depth, False, False)
    first, last = (1, len(records)) if records else (None, None)
    info = TraceInfo(len(records), 0, first, last, True, address=start, imported=imported)
    proves = not any(problem.key == "records-lost" for problem in problems)
    return Trace(
        info, tuple(events), tuple(lives), lists_frees=False, proves_live=proves, problems=tuple(problems),
        own=((start, table.end),),
    )  # fmt: skip
