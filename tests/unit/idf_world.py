# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF's records and task lists as bytes, with the types that a program's debug information has of them."""

from __future__ import annotations

from collections.abc import Sequence

from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.trace.idf_heap_trace import Books, read_records
from gdbext.trace.trace import Trace

STATICS, BUFFER, CODE = 0x3FC8_0000, 0x3FC9_0000, 0x4200_0000
NUMBERS = ("buffer", "list", "capacity", "count", "has_overflowed", "tracing", "mode", "total_allocations")
RECORD = ("ccount", "address", "size", "freed", "alloced_by", "freed_by", "tailq_list")
DEPTH = 3
MODES, STATES = {0: "HEAP_TRACE_ALL", 1: "HEAP_TRACE_LEAKS"}, {0: "TRACING_STARTED", 1: "TRACING_STOPPED"}


class Image:
    """A program's statics and a buffer of eight records, each field a word."""

    def __init__(self, width: int = 4, order: ByteOrder = "little") -> None:
        self.width, self.order = width, order
        self.words = dict.fromkeys(NUMBERS, 0) | {"buffer": BUFFER, "capacity": 8}
        self.records = [[0] * self.record.size for _ in range(8)]
        self.used: list[int] = []

    @property
    def record(self) -> Shape:
        """Its size here in words."""
        sizes = [DEPTH if name.endswith("_by") else 1 for name in RECORD]
        places = [sum(sizes[:at]) for at in range(len(sizes))]
        return Shape(sum(sizes), {name: Member(*pair) for name, *pair in zip(RECORD, places, sizes, strict=True)}, {})

    def place(self, slot: int) -> int:
        return BUFFER + slot * self.record.size * self.width

    def add(self, slot: int, address: int, size: int, freed: Sequence[int] = (), flag: int = 0) -> None:
        """The next record, in any slot."""
        stack = [CODE + 16 * slot, CODE + 4]
        by = [*freed, *[0] * (DEPTH - len(freed))]
        self.records[slot] = [slot & 1, address, size, flag, *stack, 0, *by, 0]
        if self.used:
            self.records[self.used[-1]][-1] = self.place(slot)
        else:
            self.words["list"] = self.place(slot)
        self.used.append(slot)
        self.words["count"] = len(self.used)

    def books(self) -> Books:
        wide = {name: Member(m.offset * self.width, m.size * self.width) for name, m in self.record.members.items()}
        numbers = {name: Member(STATICS + at * self.width, self.width) for at, name in enumerate(NUMBERS)}
        shape = Shape(self.record.size * self.width, wide, {})
        return Books(numbers, {"mode": MODES, "tracing": STATES}, shape)

    def bytes_of(self, words: Sequence[int]) -> bytes:
        return b"".join(word.to_bytes(self.width, self.order) for word in words)

    @property
    def statics(self) -> bytes:
        return self.bytes_of([self.words[name] for name in NUMBERS])

    @property
    def buffer(self) -> bytes:
        return b"".join(map(self.bytes_of, self.records))

    def read(self, statics: bytes | None = None, buffer: bytes | None = None) -> Trace:
        ranges = [(STATICS, self.statics if statics is None else statics), (BUFFER, buffer or self.buffer)]
        return read_records(Memory(snapshot_of(ranges, self.width, self.order)), self.books())


def filled() -> Image:
    image = Image()
    for slot, address in ((2, 0x1000), (0, 0x2000), (5, 0x3000)):
        image.add(slot, address, 24)
    return image


LISTS = 0x3FC8_0000
TASK = Shape(24, {"name": Member(0, 8), "heaps_stats": Member(8, 8), "next_task_info": Member(16, 4)}, {})
HEAP = Shape(16, {"allocs_stats": Member(0, 8), "next_heap_stat": Member(8, 4)}, {})
BLOCK = Shape(16, {"address": Member(4, 4), "next_alloc_stat": Member(12, 4)}, {})
VARIABLE = Variable(LISTS, (Shape(4, {}, {}), TASK, HEAP, BLOCK))


def task_lists() -> bytearray:
    """Two tasks, a heap each, with two blocks and one."""
    data = bytearray(256)

    def put(place: int, *words: int) -> None:
        data[place : place + 4 * len(words)] = b"".join(word.to_bytes(4, "little") for word in words)

    put(0, LISTS + 16)
    for node, name, heap, following in ((16, b"main", 64, LISTS + 40), (40, b"network", 80, 0)):
        data[node : node + len(name)] = name
        put(node + 8, LISTS + heap, 0, following)
    put(64, LISTS + 96)
    put(80, LISTS + 128)
    for node, address, following in ((96, 0x1000, LISTS + 112), (112, 0x2000, 0), (128, 0x3000, 0)):
        put(node, 0, address, 0, following)
    return data
