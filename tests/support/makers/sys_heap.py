# SPDX-License-Identifier: Apache-2.0
"""Zephyr's sys_heap, by a model of its book-keeping: chunks, circular lists by size, counters, trailers.

Written from lib/heap/heap.h's description of the layout, in the two generations of counting, without a line of the
walker. The model keeps its own list of what it has handed out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from random import Random

from tests.support.made import Made, MadeBlock

UNIT = 8
LEFT, SIZE, PREV, NEXT = range(4)
_SECRET = 0x5A17_C0DE_9B3F_44E1


@dataclass(frozen=True)
class Build:
    """How the program was built."""

    word: int = 4
    order: str = "<"
    big: bool = False
    stats: bool = False
    usable: bool = False  # the counters leave headers out, as since 2026
    trailer: int = 0
    mixed: int = 0  # what the canary is mixed with: nothing, the chunk's address, that and its size

    @property
    def field(self) -> int:
        """Bytes of a header field."""
        return 4 if self.big else 2

    @property
    def header(self) -> int:
        """Bytes of a chunk's header."""
        return 2 * self.field


class SysHeap:
    """A heap at an address, of so many bytes."""

    def __init__(self, address: int, length: int, build: Build, rng: Random) -> None:
        self.address, self.build = address, build
        self.data = bytearray(rng.randbytes(length))
        self.end = (length - build.header) // UNIT
        self.lowest = -(-(build.header + 1 + build.trailer) // UNIT)
        self.buckets = self.bucket(self.end) + 1
        self.lists = 16 + (3 * build.word if build.stats else 0)
        head = -(-(self.lists + 4 * self.buckets) // UNIT) + build.trailer // UNIT
        self.given: dict[int, tuple[int, int]] = {}  # by the user's pointer: its chunk and the size asked for
        self.put32(8, self.end)
        self.put32(12, 0)
        for number in range(3 if build.stats else 0):
            self.count(number, 0, True)
        for bucket in range(self.buckets):
            self.put32(self.lists + 4 * bucket, 0)
        self.put(0, SIZE, head << 1 | 1)
        self.put(0, LEFT, 0)
        self.sign(0)
        self.put(head, SIZE, (self.end - head) << 1)
        self.put(head, LEFT, head)
        self.put(self.end, SIZE, 1)
        self.put(self.end, LEFT, self.end - head)
        self.first = head
        self.enlist(head)

    def bucket(self, units: int) -> int:
        """The list of a size."""
        return (units - self.lowest + 1).bit_length() - 1

    def put32(self, offset: int, value: int) -> None:
        """A number of struct z_heap."""
        struct.pack_into(self.build.order + "I", self.data, offset, value)

    def get32(self, offset: int) -> int:
        """The same, read."""
        return int(struct.unpack_from(self.build.order + "I", self.data, offset)[0])

    def put(self, chunk: int, field: int, value: int) -> None:
        """A field of a chunk."""
        kind = self.build.order + ("I" if self.build.big else "H")
        struct.pack_into(kind, self.data, UNIT * chunk + field * self.build.field, value)

    def get(self, chunk: int, field: int) -> int:
        """The same, read."""
        kind = self.build.order + ("I" if self.build.big else "H")
        return int(struct.unpack_from(kind, self.data, UNIT * chunk + field * self.build.field)[0])

    def count(self, number: int, change: int, anew: bool = False) -> None:
        """Changes free, allocated or most allocated bytes."""
        if self.build.stats:
            kind, place = self.build.order + ("I" if self.build.word == 4 else "Q"), 16 + number * self.build.word
            before = 0 if anew else int(struct.unpack_from(kind, self.data, place)[0])
            struct.pack_into(kind, self.data, place, before + change)
            if number == 1 and not anew:
                most = int(struct.unpack_from(kind, self.data, place + self.build.word)[0])
                struct.pack_into(kind, self.data, place + self.build.word, max(most, before + change))

    def bytes_of(self, units: int) -> int:
        """The bytes that a chunk counts for."""
        return UNIT * units - (self.build.header + self.build.trailer if self.build.usable else 0)

    def units(self, chunk: int) -> int:
        """The size of a chunk."""
        return self.get(chunk, SIZE) >> 1

    def enlist(self, chunk: int) -> None:
        """Puts a free chunk at the end of its list, unless it is too small."""
        if self.units(chunk) < self.lowest:
            return
        bucket = self.bucket(self.units(chunk))
        place = self.lists + 4 * bucket
        first = self.get32(place)
        if not first:
            self.put32(place, chunk)
            self.put32(12, self.get32(12) | 1 << bucket)
            self.put(chunk, PREV, chunk)
            self.put(chunk, NEXT, chunk)
        else:
            last = self.get(first, PREV)
            self.put(chunk, PREV, last)
            self.put(chunk, NEXT, first)
            self.put(last, NEXT, chunk)
            self.put(first, PREV, chunk)
        self.count(0, self.bytes_of(self.units(chunk)))

    def delist(self, chunk: int) -> None:
        """Takes a free chunk off its list."""
        if self.units(chunk) < self.lowest:
            return
        bucket = self.bucket(self.units(chunk))
        place = self.lists + 4 * bucket
        before, after = self.get(chunk, PREV), self.get(chunk, NEXT)
        if after == chunk:
            self.put32(place, 0)
            self.put32(12, self.get32(12) & ~(1 << bucket))
        else:
            self.put32(place, after)
            self.put(before, NEXT, after)
            self.put(after, PREV, before)
        self.count(0, -self.bytes_of(self.units(chunk)))

    def split(self, chunk: int, at: int) -> None:
        """Makes two free chunks of one."""
        whole = self.units(chunk)
        self.put(chunk, SIZE, (at - chunk) << 1)
        self.put(at, SIZE, (whole - at + chunk) << 1)
        self.put(at, LEFT, at - chunk)
        self.put(chunk + whole, LEFT, whole - at + chunk)

    def merge(self, chunk: int, right: int) -> None:
        """Makes one chunk of two."""
        whole = self.units(chunk) + self.units(right)
        self.put(chunk, SIZE, whole << 1)
        self.put(chunk + whole, LEFT, whole)

    def take(self, wanted: int) -> int | None:
        """A free chunk of at least this size, off its list: one of the first of its own list, else of a larger one."""
        bucket = self.bucket(wanted)
        first = self.get32(self.lists + 4 * bucket)
        chunk, tries = first, 3
        while chunk and tries:
            if self.units(chunk) >= wanted:
                self.put32(self.lists + 4 * bucket, chunk)
                self.delist(chunk)
                return chunk
            chunk, tries = self.get(chunk, NEXT), tries - 1
            self.put32(self.lists + 4 * bucket, chunk)
            if chunk == first:
                break
        for larger in range(bucket + 1, self.buckets):
            chunk = self.get32(self.lists + 4 * larger)
            if chunk:
                self.delist(chunk)
                return chunk
        return None

    def malloc(self, size: int, align: int = 0) -> int | None:
        """The user's pointer, or None."""
        build = self.build
        gap = align - build.header if align > build.header else 0
        chunk = self.take(-(-(size + gap + build.header + build.trailer) // UNIT))
        if chunk is None:
            return None
        start = self.address + UNIT * chunk + build.header
        user = -(-start // align) * align if gap else start
        mine = (user - build.header - self.address) // UNIT
        behind = -(-(user - self.address + size) // UNIT) + build.trailer // UNIT
        if mine > chunk:
            self.split(chunk, mine)
            self.enlist(chunk)
        if self.units(mine) > behind - mine:
            self.split(mine, behind)
            self.enlist(behind)
        self.put(mine, SIZE, self.units(mine) << 1 | 1)
        self.sign(mine)
        self.count(1, self.bytes_of(self.units(mine)))
        self.given[user] = mine, size
        return user

    def sign(self, chunk: int) -> None:
        """Writes a chunk's canary."""
        if self.build.trailer:
            mixed = (0, self.address + UNIT * chunk, (self.address + UNIT * chunk) ^ self.get(chunk, SIZE))
            value = _SECRET ^ mixed[self.build.mixed]
            struct.pack_into(self.build.order + "Q", self.data, UNIT * (chunk + self.units(chunk)) - UNIT, value)

    def free(self, user: int) -> None:
        """Gives a chunk back, joined with its free neighbours."""
        chunk, _ = self.given.pop(user)
        self.count(1, -self.bytes_of(self.units(chunk)))
        self.put(chunk, SIZE, self.units(chunk) << 1)
        right = chunk + self.units(chunk)
        if not self.get(right, SIZE) & 1:
            self.delist(right)
            self.merge(chunk, right)
        left = chunk - self.get(chunk, LEFT)
        if not self.get(left, SIZE) & 1:
            self.delist(left)
            self.merge(left, chunk)
            chunk = left
        self.enlist(chunk)

    def chunks(self) -> list[int]:
        """Every chunk behind the first one's head."""
        found, chunk = [], self.first
        while chunk < self.end:
            found.append(chunk)
            chunk += self.units(chunk)
        return found

    def write(self, user: int, data: bytes) -> None:
        """A user writes its bytes."""
        start = user - self.address
        self.data[start : start + len(data)] = data

    def blocks(self) -> tuple[MadeBlock, ...]:
        """Every chunk as a block. Where an alignment made the user's pointer begin late, no byte tells so."""
        asked = dict(self.given.values())
        found, header = [], self.build.header
        for chunk in self.chunks():
            raw, size = self.address + UNIT * chunk + header, UNIT * self.units(chunk) - header
            found.append(MadeBlock(raw, raw, size, chunk in asked, asked.get(chunk)))
        return tuple(found)

    def own(self) -> list[tuple[int, int]]:
        """The allocator's bytes: each header, links, lists' heads, the bitmap, end_chunk, the end marker, trailers."""
        build, at = self.build, self.address
        found = [(at, at + build.header), (at + 8, at + 16), (at + self.lists, at + self.lists + 4 * self.buckets)]
        for chunk in [*self.chunks(), self.end]:
            place = at + UNIT * chunk
            linked = chunk != self.end and not self.get(chunk, SIZE) & 1 and self.units(chunk) >= self.lowest
            found.append((place, place + (2 if linked else 1) * build.header))
        for chunk, _ in self.given.values() if build.trailer else ():
            behind = at + UNIT * (chunk + self.units(chunk))
            found.append((behind - UNIT, behind))
        return found


def load(heap: SysHeap, rng: Random, steps: int) -> None:
    """A life of mallocs and frees whose users write what they like."""
    for _ in range(steps):
        later = list(heap.given)[4:]
        if later and rng.random() < 0.45:
            heap.free(rng.choice(later))
            continue
        size = rng.choice((1, 4, 8, 12, 24, 40, rng.randrange(1, 300)))
        user = heap.malloc(size, rng.choice((0, 0, 0, 0, 8 if heap.build.big else 0, 16, 32)))
        if user is not None:
            heap.write(user, rng.choice((bytes(size), rng.randbytes(size), (b"sensor %d " % size * 40)[:size])))


def make(rng: Random) -> Made:
    """A heap of any form with some hundred calls behind it."""
    word = rng.choice((4, 4, 8))
    build = Build(
        word=word, big=word == 8 or rng.random() < 0.3, stats=rng.random() < 0.5, usable=rng.random() < 0.5,
        trailer=rng.choice((0, 0, UNIT)), mixed=rng.randrange(3),
    )  # fmt: skip
    address = 0x2000_0000 + UNIT * rng.randrange(1, 600)
    heap = SysHeap(address, UNIT * rng.randrange(400, 3000), build, rng)
    fresh = [heap.malloc(size) for size in (24, 60, 100, 40)]
    load(heap, rng, rng.randrange(60, 400))
    heap.free(next(filter(None, fresh)))
    images = ((address, bytes(heap.data)),)
    name = f"sys_heap {build} {8 * build.word}"
    return Made(name, "sys_heap", address, images, heap.blocks(), tuple(heap.own()), bool(build.trailer))
