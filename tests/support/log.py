# SPDX-License-Identifier: Apache-2.0
"""Builds logs byte by byte, from docs/reference/format.md alone: what the reader of logs is tested with.

Nothing here is shared with the reader or the encoders, so that a misreading shows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAGIC = b"\x89MEMTRC\n"
HEADER = 416
KINDS = {"alloc": 1, "free": 2, "realloc-begin": 3, "realloc-end": 4, "alloc-failed": 5, "mark": 6, "assert": 7}
KINDS |= {"sync": 8, "caller": 9, "control": 10, "time": 11, "map": 12, "unmap": 13, "live": 14}
STACK, NAME, MODULE, PACK, STREAM, COUNTS, FAILURE, PROCESS, SKIP = range(16, 25)


@dataclass
class Log:
    """A log to be written: its header is there at once, `data` grows with each record."""

    pointer_size: int = 4
    byte_order: str = "little"
    required: int = 0
    tick_hz: int = 1000
    run: int = 0
    header_size: int = HEADER
    flags: int = 1
    seq: int = 0  # of the next row
    time: int = 0  # of the next row
    data: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.header()

    @property
    def mark(self) -> str:
        """The byte order, as struct has it."""
        return "<" if self.byte_order == "little" else ">"

    @property
    def bits(self) -> int:
        """The width of a word."""
        return 8 * self.pointer_size

    def header(self) -> None:
        """Adds a header: a run begins."""
        widths = (59, 32, 24, 28, 28, 3) if self.pointer_size == 8 else (27, 16, 8, 12, 12, 3)
        data = bytearray(self.header_size)
        data[:12] = MAGIC + bytes([1 if self.byte_order == "little" else 2, self.pointer_size, 1, 1])
        struct.pack_into(self.mark + "HH8B", data, 12, 1, self.header_size, 4 * self.pointer_size, self.flags, *widths)
        struct.pack_into(self.mark + "I", data, 36, self.tick_hz)
        struct.pack_into(self.mark + "II", data, 384, self.required, self.run)
        self.data += data

    def row(self, *words: int) -> None:
        """Adds four words as they are."""
        self.data += struct.pack(self.mark + ("4Q" if self.pointer_size == 8 else "4I"), *words)

    def event(
        self,
        kind: str,
        address: int = 0,
        size: int = 0,
        *,
        stack: int = 0,
        context: int = 3,
        heap: int = 0,
        core: int = 0,
    ) -> int:
        """Adds an event with the next number; its number."""
        self.row(*self.words(kind, address, size, stack, context, heap, core))
        self.seq += 1
        return self.seq - 1

    def words(
        self, kind: str, address: int, size: int, stack: int, context: int, heap: int, core: int
    ) -> tuple[int, int, int, int]:
        """The words of an event with the next number."""
        wide = self.pointer_size == 8
        stack_bits, part = (32, 28) if wide else (16, 12)
        last = KINDS[kind] | core << 5 | self.seq % (1 << part) << 8 | self.time % (1 << part) << (self.bits - part)
        place = stack % (1 << stack_bits) << (self.bits - stack_bits)
        return address, size | heap << (self.bits - 5), context | place, last

    def sync(self, time: int, seq: int | None = None, own: int | None = None) -> None:
        """Adds a SYNC: the time, the number of the event behind it, and its own number if it has one."""
        self.seq = self.seq if seq is None else seq
        self.time = time
        part = 28 if self.pointer_size == 8 else 12
        number = (self.seq if own is None else own) % (1 << part)
        self.row(time & 0xFFFFFFFF, time >> 32, self.seq % (1 << self.bits), 8 | number << 8)

    def live(self, address: int, size: int, *, stack: int = 0, context: int = 3, heap: int = 0) -> None:
        """Adds a block that is live before the first event."""
        self.row(*self.words("live", address, size, stack, context, heap, 0)[:3], 14)

    def record(self, kind: int, number: int, payload: bytes, heap: int = 0) -> None:
        """Adds a record with a payload."""
        self.row(number, len(payload) | heap << (self.bits - 5), 0, kind)
        self.data += payload + bytes(-len(payload) % (4 * self.pointer_size))

    def stack(self, number: int, *pcs: int, end: int = 0) -> int:
        """Defines a stack; its number. `end`: 1 cut, 2 ended early."""
        word = "Q" if self.pointer_size == 8 else "I"
        self.record(STACK, number, struct.pack(f"{self.mark}{len(pcs)}{word}", *pcs), heap=end)
        return number

    def name(self, number: int, text: str, kind: int = 1) -> None:
        """Defines the name of a context (1), a mark (2) or a tag (3)."""
        self.record(NAME, number, text.encode(), heap=kind)

    def heap_name(self, number: int, text: str, memory: int = 0, capabilities: int = 0) -> None:
        """Defines a heap."""
        self.record(NAME, number, struct.pack(self.mark + "2I", memory, capabilities) + text.encode(), heap=4)

    def module(self, base: int, build_id: str, path: str) -> None:
        """Defines a module."""
        self.record(MODULE, base, bytes([len(build_id) // 2]) + bytes.fromhex(build_id) + path.encode())

    def counts(self, *counts: int) -> None:
        """Adds a COUNTS record of eight numbers."""
        self.record(COUNTS, 0, struct.pack(self.mark + "8I", *counts))

    def failure(self, function: str, text: str) -> None:
        """Adds the text of an assertion."""
        self.record(FAILURE, 0, f"{function}\0{text}".encode())

    def process(self, parent: int, command: bytes, how: int = 0, own_bytes: int = 0) -> None:
        """Tells of the process."""
        self.record(PROCESS, 0, struct.pack(self.mark + "2IQ", parent, how, own_bytes) + command)

    def skip(self, size: int) -> None:
        """Adds bytes that say nothing: a size that is no multiple of an event's goes on to one."""
        self.record(SKIP, 0, bytes(size))

    def stream(self, number: int, size: int, least: int) -> None:
        """Begins a region of `size` bytes."""
        self.record(STREAM, number, struct.pack(self.mark + "2Q", size, least))

    def region(self, number: int, least: int, records: bytes) -> None:
        """Adds a region with these records."""
        self.stream(number, len(records), least)
        self.data += records

    def inside(self) -> Log:
        """A log like this one without a header, for the records of a region."""
        other = Log(self.pointer_size, self.byte_order, self.required, self.tick_hz)
        other.data.clear()
        return other

    def pack(
        self,
        first: int,
        time: int,
        rows: list[tuple[int, int, int, int]],
        deltas: list[int],
        compression: int = 0,
        squeeze: object = None,
    ) -> None:
        """Adds a pack: of each row three words and the lowest byte of the last one."""
        width, planes = self.pointer_size, []
        for word in range(3):
            planes += [[row[word] >> 8 * byte & 255 for row in rows] for byte in range(width)]
        planes.append([row[3] & 255 for row in rows])
        planes += [[delta >> 8 * byte & 255 for delta in deltas] for byte in range(4)]
        present, columns = 0, bytearray()
        for number, plane in enumerate(planes):
            if len(set(plane)) > 1:
                present |= 1 << number
                columns += bytes(plane)
            else:
                columns.append(plane[0])
        head = struct.pack(self.mark + "3Q2I", first, time, present, compression, len(columns))
        packed = squeeze(bytes(columns)) if callable(squeeze) else bytes(columns)
        self.record(PACK, len(rows), head + packed)
        self.seq = first + len(rows)
