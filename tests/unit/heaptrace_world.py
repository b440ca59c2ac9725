# SPDX-License-Identifier: Apache-2.0
"""Zephyr's table of records as bytes, with the types that a program's debug information has of it."""

from __future__ import annotations

from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.trace.trace import Trace
from gdbext.trace.zephyr_heaptrace import Table, read_table

TABLE, FILTER, HEAP, CODE = 0x2000_0000, 0x2000_2000, 0x2000_4000, 0x0800_0000
OWNER = 0x2000_3000  # the heap that k_malloc keeps in front of its callers' bytes
STACK = (CODE + 4, CODE + 8)
DEPTH, SLOTS = 3, 4
_NAME_BYTES = 8


class Records:
    """A table of four records; `first_words` are the blocks' first words."""

    def __init__(self, width: int = 4, order: ByteOrder = "little") -> None:
        self.width, self.order = width, order
        sizes = {
            "ptr": width, "size": width, "heap_id": width, "alloc_tid": width, "alloc_thread_name": _NAME_BYTES,
            "alloc_time_ms": 4, "alloc_cpu": 4, "bt_depth": 4, "pad": 4, "bt_buf": DEPTH * width, "used": 1,
            "resize_pending": 1, "end": 6,
        }  # fmt: skip
        places = [sum(list(sizes.values())[:at]) for at in range(len(sizes))]
        members = {name: Member(place, size) for (name, size), place in zip(sizes.items(), places, strict=True)}
        self.shape = Shape(sum(sizes.values()), members, {}, SLOTS)
        self.data = bytearray(self.shape.size * SLOTS)
        self.filter = bytes(4)
        self.heap = bytearray(512)

    def put(self, slot: int, **fields: int | bytes) -> None:
        """Some fields of a record."""
        for name, value in fields.items():
            member = self.shape.members[name]
            data = value if isinstance(value, bytes) else value.to_bytes(member.size, self.order)
            at = slot * self.shape.size + member.offset
            self.data[at : at + len(data)] = data

    def add(
        self, slot: int, offset: int, name: bytes, time: int, stack: tuple[int, ...] = (CODE + 4, CODE + 8)
    ) -> None:
        """A record of a block of 40 bytes."""
        words = b"".join(pc.to_bytes(self.width, self.order) for pc in stack)
        self.put(
            slot, ptr=HEAP + offset, size=40, heap_id=OWNER, alloc_thread_name=name, alloc_time_ms=time,
            bt_depth=len(STACK), bt_buf=words, used=1,
        )  # fmt: skip

    def give_to_k_malloc(self, offset: int) -> None:
        """k_malloc's pointer at the begin of a block."""
        self.heap[offset : offset + self.width] = OWNER.to_bytes(self.width, self.order)

    @property
    def images(self) -> list[tuple[int, bytes]]:
        """All memory."""
        return [(TABLE, bytes(self.data)), (FILTER, self.filter), (HEAP, bytes(self.heap))]

    def table(self) -> Table:
        """What debug information says."""
        return Table(Variable(TABLE, (self.shape,)), Member(FILTER, 4))

    def read(self) -> Trace:
        """The trace."""
        return read_table(Memory(snapshot_of(self.images, self.width, self.order)), self.table())


def filled() -> Records:
    """Two blocks, the later one in an earlier slot."""
    records = Records()
    records.add(3, 0x20, b"shell", 120)
    records.add(1, 0x60, b"net_rx", 250)
    return records
