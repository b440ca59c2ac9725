# SPDX-License-Identifier: Apache-2.0
"""ThreadX's byte pools, by a model of tx_byte_pool_create, _allocate and _release (eclipse-threadx 7ad78c4).

The model keeps its blocks in a list of its own and writes them out; tests compare it with images of the real kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Literal

from tests.support.made import Made, MadeBlock

ID = 0x42595445
CONTROL, NAMES = 0x2000_0000, 0x2000_0800
_SPLIT_LEAVES = 20  # bytes


@dataclass
class Port:
    """What a port decides: the widths of a pointer and of ULONG, the mark of free blocks, members at the end."""

    word: int = 4
    ulong: int = 4
    free: int = 0xFFFF_EEEE
    order: Literal["little", "big"] = "little"
    extra: int = 0  # bytes of performance counters and of the port's own members


PORTS = (
    Port(), Port(extra=28), Port(order="big"), Port(word=8, ulong=8), Port(word=8, ulong=8, free=0xFFFF_EEEE_FFFF_EEEE),
    Port(word=8, ulong=4, free=0xFFFF_EEEE_FFFF_EEEE, extra=40),
)  # fmt: skip


@dataclass
class Block:
    """A block, from its header on."""

    start: int
    used: bool


@dataclass
class BytePool:
    """A pool: its control block at `address`, its memory at `start`."""

    port: Port
    address: int
    start: int
    size: int
    name: int = 0
    ring: tuple[int, int] = (0, 0)  # the next pool and the previous one
    blocks: list[Block] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.size -= self.size % self.port.word
        self.data = bytearray(self.size)
        self.end = self.start + self.size - self.header
        self.blocks = [Block(self.start, used=False)]
        self.search = self.start
        self.available = self.size - self.header

    @property
    def header(self) -> int:
        """Bytes of a block's header."""
        return 2 * self.port.word

    @property
    def fragments(self) -> int:
        """Blocks, with the one at the end."""
        return len(self.blocks) + 1

    def behind(self, index: int) -> int:
        """Where the block behind one begins."""
        return self.blocks[index + 1].start if index + 1 < len(self.blocks) else self.end

    def _position(self, start: int) -> int:
        return next(n for n, block in enumerate(self.blocks) if block.start == start)

    def allocate(self, wanted: int) -> int | None:
        """_tx_byte_allocate without a wait: the user's pointer."""
        wanted += -wanted % self.port.word
        self._write()
        place, left, first_free = self.search, self.fragments + 1, False
        while left > 0:
            left -= 1
            if place == self.end:
                place = self.start
                continue
            index = self._position(place)
            block = self.blocks[index]
            if block.used:
                place = self.behind(index)
                continue
            if not first_free:
                self.search, first_free = place, True
            room = self.behind(index) - block.start - self.header
            if room >= wanted:
                return self._take(index, room, wanted)
            if index + 1 < len(self.blocks) and not self.blocks[index + 1].used:
                if self.search == self.blocks[index + 1].start:
                    self.search = block.start
                del self.blocks[index + 1]  # its header stays in memory
            else:
                behind = self.behind(index)
                place = self.start if behind == self.end else self.behind(index + 1)
                left -= 1
        return None

    def _take(self, index: int, room: int, wanted: int) -> int:
        block = self.blocks[index]
        if room - wanted >= _SPLIT_LEAVES:
            self.blocks.insert(index + 1, Block(block.start + self.header + wanted, used=False))
            room = wanted
        block.used = True
        self.available -= room + self.header
        if self.search == block.start:
            self.search = self.behind(index)
        return block.start + self.header

    def release(self, pointer: int) -> None:
        """_tx_byte_release."""
        index = self._position(pointer - self.header)
        block = self.blocks[index]
        self._write()
        block.used = False
        self.available += self.behind(index) - block.start
        self.search = min(self.search, block.start)

    def put(self, pointer: int, data: bytes) -> None:
        """A user's bytes."""
        self.data[pointer - self.start : pointer - self.start + len(data)] = data

    def _write(self) -> None:
        """Writes every header: those of blocks that were joined later stay."""
        port = self.port
        for index, block in enumerate(self.blocks):
            owner = self.address if block.used else port.free
            self._pair(block.start, self.behind(index), owner)
        self._pair(self.end, self.start, self.address)

    def _pair(self, place: int, following: int, owner: int) -> None:
        port = self.port
        data = following.to_bytes(port.word, port.order) + owner.to_bytes(port.word, port.order)
        self.put(place, data)

    def control(self) -> bytes:
        """The TX_BYTE_POOL."""
        word, ulong = self.port.word, self.port.ulong
        following, previous = self.ring
        members = (
            (ulong, ID), (word, self.name), (ulong, self.available), (4, self.fragments), (word, self.start),
            (word, self.search), (word, self.start), (ulong, self.size), (word, 0), (word, 0), (4, 0),
            (word, following or self.address), (word, previous or self.address),
        )  # fmt: skip
        data = bytearray()
        for width, value in members:
            data += bytes(-len(data) % width) + value.to_bytes(width, self.port.order)
        return bytes(data) + bytes(-len(data) % word) + bytes(self.port.extra)

    def places(self) -> Iterator[tuple[str, int, int]]:
        """Name, address and width of the members of which no change is legal.

        Not search, which may be any block; not the ring, which may lead to memory that no image has; not the name.
        """
        word, ulong = self.port.word, self.port.ulong
        names = ("id", "name", "available", "fragments", "list", "search", "start", "size")
        at = 0
        for name, width in zip(names, (ulong, word, ulong, 4, word, word, word, ulong), strict=True):
            at += -at % width
            if name not in ("name", "search"):
                yield name, self.address + at, width
            at += width

    def image(self) -> bytes:
        """The pool's memory."""
        self._write()
        return bytes(self.data)

    def made(self) -> list[MadeBlock]:
        """Its blocks without the one at the end."""
        spans = [*(block.start for block in self.blocks), self.end]
        return [
            MadeBlock(low + self.header, low + self.header, high - low - self.header, block.used)
            for block, (low, high) in zip(self.blocks, pairwise(spans), strict=True)
        ]


def load(pool: BytePool, rng: Random, calls: int) -> None:
    """Allocates and releases as a program does, and fills what it was given."""
    live: list[int] = []
    for _ in range(calls):
        if live and rng.random() < 0.42:
            pool.release(live.pop(rng.randrange(len(live))))
            continue
        wanted = rng.choice((8, 16, 24, 40, 64, 100, 200, rng.randrange(4, 300)))
        pointer = pool.allocate(wanted)
        if pointer is not None:
            live.append(pointer)
            pool.put(pointer, rng.randbytes(wanted) if rng.random() < 0.5 else bytes(wanted))


def make(rng: Random) -> Made:
    """A pool of a program that may have others, of any port."""
    return make_with(rng, rng.choice(PORTS))


def make_with(rng: Random, port: Port) -> Made:
    """The same of one port."""
    other = CONTROL + 0x200
    pool = BytePool(
        port, CONTROL, 0x2000_1000 + port.word * rng.randrange(4), rng.choice((2000, 4096, 8190, 16384)), NAMES,
        rng.choice(((0, 0), (other, other))),
    )  # fmt: skip
    load(pool, rng, rng.randrange(60, 300))
    while all(block.used for block in pool.blocks):  # an image without a free block shows no write after a free
        pool.release(rng.choice([block.start + pool.header for block in pool.blocks if block.used]))
    beside = BytePool(port, other, 0x2001_0000, 512, NAMES, (CONTROL, CONTROL))
    statics = bytearray(0x840)
    for one in (pool, beside):
        statics[one.address - CONTROL : one.address - CONTROL + len(one.control())] = one.control()
    statics[NAMES - CONTROL : NAMES - CONTROL + 6] = b"pool 0"
    headers = [(block.raw - pool.header, block.raw) for block in pool.made()]
    members = [(place, place + width) for _, place, width in pool.places()]
    own = (*headers, (pool.end, pool.end + pool.header), *members)
    images = ((CONTROL, bytes(statics)), (pool.start, pool.image()))
    return Made(f"threadx-{8 * port.word}", "threadx_pool", pool.address, images, tuple(pool.made()), own)
