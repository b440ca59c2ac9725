# SPDX-License-Identifier: Apache-2.0
"""Builds logs as the recorder of Linux processes writes them: a stream a thread, packs, rows, SKIP, unsorted regions.

Approach: docs/reference/format.md alone, and Log for the records. Each thread fills its regions; where a region has no
room for the next pack, the thread takes another one at the end of the file. So regions stand in the order in which
threads took them, and their least times rise and fall.
Nothing here is shared with the reader.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tests.support.log import Log

REQUIRED = 15
PACK_EVENTS = 1024
_ABI, _BUILD_ID, _STARTED = 11, 40, 392  # in the header
HOST, MAPPED, DEVICE = 0, 1, 2
DEVICE_ADDRESS = 0xD1 << 56


@dataclass
class Thread:
    """One stream. `rows` wait for their pack."""

    number: int
    seq: int = 0
    time: int = 0  # of its last event
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    region: bytearray = field(default_factory=bytearray)  # the records of the one that is open
    region_bytes: int = 0
    least: int = 0


class ProcessLog:
    """A process with threads. The caller gives the time of each event."""

    def __init__(
        self,
        process: int = 100,
        parent: int = 1,
        command: bytes = b"./app\0--fast",
        how: int = 0,
        own_bytes: int = 400_000,
        region_bytes: int = 1 << 16,
        pointer_size: int = 8,
        tick_hz: int = 1_000_000,
        build_id: str = "",
    ) -> None:
        self.log = Log(pointer_size, required=REQUIRED, tick_hz=tick_hz)
        self.log.data[_ABI] = 1  # return addresses
        self.log.data[_BUILD_ID : _BUILD_ID + len(build_id) // 2] = bytes.fromhex(build_id)
        struct.pack_into(self.log.mark + "QI", self.log.data, _STARTED, 1_700_000_000, process)
        self.region_bytes = region_bytes
        self._regions: list[tuple[Thread, bytearray, int]] = []
        self.threads: dict[int, Thread] = {0: Thread(0)}
        self._definitions = self.threads[0]
        self.define("process", parent, command, how, own_bytes)
        self.define("counts", *[0] * 8)
        for number, (name, memory) in enumerate((("host", 4), ("mmap", 5), ("dma", 6))):
            self.define("heap_name", number, name, memory)

    @property
    def unit(self) -> int:
        """The bytes of an event."""
        return 4 * self.log.pointer_size

    @property
    def _span(self) -> int:
        """The times that rows behind a SYNC can tell, or less."""
        return 1 << (27 if self.log.pointer_size == 8 else 11)

    def define(self, what: str, *values: object, **named: object) -> None:
        """Adds a definition: a method of Log, and what it takes."""
        inside = self.log.inside()
        getattr(inside, what)(*values, **named)
        self._put(self._definitions, 0, bytes(inside.data))

    def thread(self, number: int, name: str = "") -> Thread:
        """A thread, whose name is told."""
        self.threads[number] = Thread(number)
        if name:
            self.define("name", number, name, 1)
        return self.threads[number]

    def event(
        self, number: int, time: int, kind: str, address: int = 0, size: int = 0, *, stack: int = 0, heap: int = 0
    ) -> int:
        """Adds an event of a thread; its number in the thread."""
        thread = self.threads[number]
        inside = self.log.inside()
        inside.seq, inside.time = thread.seq, time
        thread.rows.append(inside.words(kind, address, size, stack, number, heap, 0))
        thread.times.append(time)
        thread.seq, thread.time = thread.seq + 1, time
        if len(thread.rows) == PACK_EVENTS:
            self.pack(number)
        return thread.seq - 1

    def pack(self, number: int) -> None:
        """Ends the window of a thread: its rows become a pack, and what they leave a SKIP of old bytes."""
        thread = self.threads[number]
        if not thread.rows:
            return
        inside, first, start = self.log.inside(), thread.seq - len(thread.rows), thread.times[0]
        deltas = [after - before for before, after in zip([start, *thread.times], thread.times, strict=False)]
        inside.pack(first, start, thread.rows, deltas)
        inside.skip(160)
        inside.data[-160:] = b"\xaa" * 160
        self._put(thread, start, bytes(inside.data))
        thread.rows, thread.times = [], []

    def _put(self, thread: Thread, time: int, records: bytes) -> None:
        """Adds records to the region of a thread, or to a new one if it has no room."""
        if not thread.region_bytes or len(thread.region) + len(records) > thread.region_bytes:
            thread.region, thread.least = bytearray(), time
            thread.region_bytes = max(self.region_bytes, len(records)) + 2 * self.unit
            self._regions.append((thread, thread.region, time))
        thread.region += records

    def finish(self, torn: bool = False) -> bytes:
        """The whole log. What no pack has stands in rows behind a SKIP, a torn row of each thread behind them."""
        for thread in list(self.threads.values()):
            if thread.rows or (torn and thread.number):
                self._leave_rows(thread, torn)
        data = bytearray(self.log.data)
        for thread, region, least in self._regions:
            inside = self.log.inside()
            size = max(thread.region_bytes, len(region))
            size = -(-size // self.unit) * self.unit
            inside.stream(thread.number, size, least)
            data += inside.data + region + bytes(size - len(region))
        return bytes(data)

    def _leave_rows(self, thread: Thread, torn: bool) -> None:
        inside, time = self.log.inside(), thread.times[0] if thread.times else thread.time
        inside.skip(200)
        inside.data[-200:] = b"\x55" * 200
        inside.data += bytes(-len(inside.data) % self.unit)
        inside.seq = thread.seq - len(thread.rows)
        told = time
        inside.sync(told)
        for row, now in zip(thread.rows, thread.times, strict=True):
            if now - told > self._span:
                told = now
                inside.sync(told)
            inside.row(*row)
            inside.seq += 1
        if torn:
            inside.row(0x7000, 32, 3, 0)
        self._put(thread, time, bytes(inside.data))
