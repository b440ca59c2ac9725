# SPDX-License-Identifier: Apache-2.0
"""Builds rings byte by byte, from docs/reference/format.md alone: what the reader of rings is tested with.

Nothing here is shared with the reader or the recorder, so that a misreading shows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAGIC = b"\x89MEMTRC\n"
HEADER = 416
KINDS = {"alloc": 1, "free": 2, "realloc-begin": 3, "realloc-end": 4, "alloc-failed": 5, "mark": 6, "assert": 7}
KINDS |= {"sync": 8, "caller": 9, "control": 10, "time": 11}


@dataclass
class Ring:
    """A ring to be written: fields have the names of the header's."""

    address: int = 0x80010000
    pointer_size: int = 4
    byte_order: str = "little"
    capacity: int = 16
    names: list[tuple[int, str]] = field(default_factory=lambda: [(1, ""), (1, ""), (1, "")])
    live_slots: int = 0
    state: int = 0
    tick_hz: int = 1000
    time: int = 0
    assertion: tuple[int, str, str] | None = None
    lost_stopped: int = 0
    issued: int = 0
    arch: int = 1
    abi: int = 1
    code_region: int = 0
    required: int = 0
    run: int = 0
    previous: int = 0

    def __post_init__(self) -> None:
        self.moment = self.time  # of the last sync record
        self.slots: dict[int, tuple[int, ...]] = {}
        self.arena: list[int] = [0]
        self.live: list[tuple[int, ...]] = []

    @property
    def wide(self) -> bool:
        """Whether its words are 64 bits wide."""
        return self.pointer_size == 8

    def stack(self, *pcs: int) -> int:
        """Adds a stack; its number."""
        number = len(self.arena)
        self.arena += [len(pcs) | 0xABC << 8, *pcs, 0]
        return number

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
        """Adds an event; its sequence number."""
        seq = self.issued
        lap, index = divmod(seq, self.capacity)
        self.slots[index] = self._words(KINDS[kind], address, size, stack, context, heap, core, lap)
        self.issued += 1
        return seq

    def _words(
        self, kind: int, address: int, size: int, stack: int, context: int, heap: int, core: int, lap: int
    ) -> tuple[int, ...]:
        bits = 64 if self.wide else 32
        stack_bits, time_bits = (32, 28) if self.wide else (16, 12)
        time = self.time & ((1 << time_bits) - 1)
        last = kind | core << 5 | (lap & 0xFFF) << 8 | time << (bits - time_bits)
        return address, size | heap << (bits - 5), context | stack << (bits - stack_bits), last

    def skip(self) -> int:
        """Reserves a sequence number and writes nothing: an event that was dropped."""
        self.issued += 1
        return self.issued - 1

    def busy(self) -> int:
        """Reserves a sequence number whose writer has not finished."""
        seq = self.issued
        self.slots[seq % self.capacity] = ((1 << 8 * self.pointer_size) - 1,) * 4
        self.issued += 1
        return seq

    def sync(self, time: int, gap: int | None) -> None:
        """Adds a sync record and moves the time; `gap` is the time since the one before it, None: unknown."""
        self.time = self.moment = time
        unknown = (1 << 8 * self.pointer_size) - 1
        self._whole_time("sync", time, unknown if gap is None else gap)

    def whole_time(self, time: int, seq: int) -> None:
        """Adds a record of the time of the event `seq`."""
        stack_bits = 32 if self.wide else 16
        slot = seq % self.capacity & (1 << stack_bits) - 1
        self._whole_time("time", time, slot << (8 * self.pointer_size - stack_bits))

    def _whole_time(self, kind: str, time: int, about: int) -> None:
        now, self.time = self.time, time
        seq = self.event(kind)
        self.time = now
        last = self.slots[seq % self.capacity][3]
        self.slots[seq % self.capacity] = (time & 0xFFFFFFFF, time >> 32, about, last)

    def data(self) -> bytes:
        """The ring's bytes."""
        mark = "<" if self.byte_order == "little" else ">"
        word = "Q" if self.wide else "I"
        event_size = 4 * self.pointer_size
        names = b"".join(struct.pack(mark + "QI20s", 0, kind, text.encode()) for kind, text in self.names)
        arena = struct.pack(f"{mark}{len(self.arena)}{word}", *self.arena)
        arena += bytes(-len(arena) % 8)
        live = b"".join(struct.pack(mark + "4" + word, *entry) for entry in self.live)
        live += bytes(event_size * (self.live_slots - len(self.live)))
        empty = (0, 0, 0, 0)
        slots = [self.slots.get(index, empty) for index in range(self.capacity)]
        events = b"".join(struct.pack(mark + "4" + word, *slot) for slot in slots)
        tables, parts, offset = {}, [], HEADER
        for name, blob, size in (("stacks", arena, self.pointer_size), ("names", names, 32), ("live", live, event_size),
                                 ("events", events, event_size)):  # fmt: skip
            tables[name] = (offset if blob else 0, size, len(blob) // size)
            parts.append(blob)
            offset += len(blob)
        return self._header(mark, tables, offset) + b"".join(parts)

    def _header(self, mark: str, tables: dict[str, tuple[int, int, int]], total: int) -> bytes:
        lap, index = divmod(self.issued, self.capacity)
        line, text, function = self.assertion or (0, "", "")
        widths = (59, 32, 24, 28, 28, 3) if self.wide else (27, 16, 8, 12, 12, 3)
        order = 1 if self.byte_order == "little" else 2
        parts = [MAGIC, struct.pack("4B", order, self.pointer_size, self.arch, self.abi)]
        parts.append(struct.pack(mark + "HH8B", 1, HEADER, 4 * self.pointer_size, 0, *widths))
        parts.append(struct.pack(mark + "QII20s", self.address, total, self.tick_hz, b"\1" * 20))
        for name in ("events", "stacks", "stack_index", "live", "names"):
            parts.append(struct.pack(mark + "3I", *tables.get(name, (0, 4, 0))))
        head = index | (lap & 0xFFF) << 20
        parts.append(struct.pack(mark + "6I20s", len(self.arena), head, lap >> 11, self.state, 0, 0, b""))
        parts.append(struct.pack(mark + "7I", 0, self.lost_stopped, 0, 0, 0, 0, 0))
        parts.append(struct.pack(mark + "II8I", 0, 0xFFFFFFFF, *[0xFFFFFFFF] * 8))
        reservation = (self.issued - 1) % self.capacity | ((self.issued - 1) // self.capacity & 0xFFF) << 20
        parts.append(struct.pack(mark + "4I", self.moment & 0xFFFFFFFF, self.moment >> 32, max(0, reservation), line))
        parts.append(struct.pack("96s32s", text.encode(), function.encode()))
        parts.append(struct.pack(mark + "II", self.moment & 0xFFFFFFFF, self.code_region))
        parts.append(struct.pack(mark + "2IQ2IQ", self.required, self.run, 0, 0, 0, self.previous))
        return b"".join(parts)
