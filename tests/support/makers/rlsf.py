# SPDX-License-Identifier: Apache-2.0
"""rlsf's heap: of 64 bits, written by the real crate; of 32 bits, by a model of its source (0.2.3, tlsf.rs).

The model keeps its blocks and its lists in Python and writes them out. tests/image/test_rlsf.py lets it live the real
crate's life, and compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.support.made import Made, MadeBlock
from tests.support.rlsf_heap import live

TLSF, POOL = 0x3FC0_0000, 0x3FC8_0000
Ways = tuple[tuple[int, int, int], ...]


@dataclass
class Model:
    """A Tlsf with one word's bits of classes and lists, and its pools."""

    word: int = 4
    order: Literal["little", "big"] = "little"
    declared: bool = False  # whether the tables stand as they are declared, or the largest first
    tlsf: int = TLSF
    blocks: dict[int, tuple[int, bool]] = field(default_factory=dict)  # size and whether it is used, by address
    lists: dict[int, list[int]] = field(default_factory=dict)
    memory: dict[int, bytearray] = field(default_factory=dict)

    @property
    def grain(self) -> int:
        """Bytes that blocks are multiples of."""
        return 4 * self.word

    @property
    def bits(self) -> int:
        """Lists of a class, and classes."""
        return 8 * self.word

    def slot(self, size: int, *, up: bool = False) -> int:
        """map_floor, or map_ceil."""
        level = size.bit_length() - 1
        within = size * self.bits // (1 << level)
        if up and size * self.bits % (1 << level):
            within += 1
        return (level - self.grain.bit_length() + 1) * self.bits + within - self.bits

    def add_pool(self, start: int, size: int) -> None:
        """insert_free_block_ptr."""
        self.memory[start] = bytearray(size)
        first = -(-start // self.grain) * self.grain
        room = (start + size - first) // self.grain * self.grain - self.grain
        self.blocks[first + room] = (self.grain, True)
        self._free(first, room)

    def _free(self, place: int, size: int) -> None:
        self.blocks[place] = (size, False)
        self.lists.setdefault(self.slot(size), []).insert(0, place)

    def allocate(self, size: int, align: int) -> int | None:
        """The user's pointer."""
        grain, header = self.grain, 2 * self.word
        search = -(-(size + max(0, align - header) + header) // grain) * grain
        least = self.slot(search, up=True)
        slot = min((slot for slot, places in self.lists.items() if places and slot >= least), default=None)
        if slot is None:
            return None
        place = self.lists[slot].pop(0)
        room, _ = self.blocks[place]
        user = -(-(place + header) // align) * align
        taken = -(-(user - place + size) // grain) * grain
        if taken != room:
            self._free(place + taken, room - taken)
        self.blocks[place] = (taken, True)
        self.write()
        if align >= grain:
            self.put(user - self.word, self._bytes(place))
        return user

    def deallocate(self, user: int, align: int) -> None:
        """Gives a block back, joined with its free neighbours."""
        self.write()
        pad = self.get(user - self.word, self.word)
        place = int.from_bytes(pad, self.order) if align >= self.grain else user - 2 * self.word
        size, _ = self.blocks[place]
        for behind in (True, False):
            others = [one for one, (room, _) in self.blocks.items() if one + room == place]
            other = place + size if behind else next(iter(others), None)
            if other is not None and not self.blocks[other][1]:
                room, _ = self.blocks.pop(other)
                self.lists[self.slot(room)].remove(other)
                self.blocks.pop(place, None)
                place, size = min(place, other), size + room
        self._free(place, size)
        self.write()

    def _bytes(self, value: int) -> bytes:
        return value.to_bytes(self.word, self.order)

    def put(self, address: int, data: bytes) -> None:
        """Bytes of a pool."""
        start = max(one for one in self.memory if one <= address)
        self.memory[start][address - start : address - start + len(data)] = data

    def get(self, address: int, length: int) -> bytes:
        """Bytes of a pool."""
        start = max(one for one in self.memory if one <= address)
        return bytes(self.memory[start][address - start : address - start + length])

    def write(self) -> None:
        """Writes every header and every link."""
        ends = {place + size: place for place, (size, _) in self.blocks.items()}
        for place, (size, used) in self.blocks.items():
            last = place + size not in self.blocks
            flags = (1 if used else 0) | (2 if last else 0)
            self.put(place, self._bytes(size | flags) + self._bytes(ends.get(place, 0) if self._joined(place) else 0))
        for places in self.lists.values():
            for number, place in enumerate(places):
                following = places[number + 1] if number + 1 < len(places) else 0
                before = places[number - 1] if number else 0
                self.put(place + 2 * self.word, self._bytes(following) + self._bytes(before))

    def _joined(self, place: int) -> bool:
        """Whether the block that ends at a place is of the same pool."""
        return all(-(-start // self.grain) * self.grain != place for start in self.memory)

    def table(self) -> bytes:
        """The Tlsf."""
        heads = [next(iter(self.lists.get(slot, [])), 0) for slot in range(self.bits * self.bits)]
        second = [sum(1 << n for n in range(self.bits) if heads[level * self.bits + n]) for level in range(self.bits)]
        first = sum(1 << level for level, bits in enumerate(second) if bits)
        words = [first, *second, *heads] if self.declared else [*heads, *second, first]
        return b"".join(self._bytes(one) for one in words)

    def images(self) -> tuple[tuple[int, bytes], ...]:
        """The Tlsf, and the pools."""
        self.write()
        return ((self.tlsf, self.table()), *((start, bytes(data)) for start, data in sorted(self.memory.items())))


def load(heap: Model, rng: Random, calls: int) -> Ways:
    """Allocates and frees as a program does, and fills what it was given. What is held: pointer, size, alignment."""
    held: list[tuple[int, int, int]] = []
    for _ in range(calls):
        if held and rng.random() < 0.42:
            user, _, align = held.pop(rng.randrange(len(held)))
            heap.deallocate(user, align)
            continue
        size = rng.choice((1, 8, 24, 40, 64, 100, 256, rng.randrange(1, 500)))
        align = rng.choice((1, 4, 4, 8, 8, 8, 16, 64))
        got = heap.allocate(size, align)
        if got is not None:
            held.append((got, size, align))
            heap.put(got, rng.choice((bytes(size), rng.randbytes(size))))
    return tuple(held)


def made_blocks(blocks: list[tuple[int, int, bool]], users: Ways, word: int) -> tuple[MadeBlock, ...]:
    """The blocks, with the pointer that the user of each has."""
    done = []
    for place, size, used in sorted(blocks):
        raw = place + 2 * word
        mine = (user for user, _, _ in users if place < user <= place + size)
        done.append(MadeBlock(next(mine) if used else raw, raw, size - 2 * word, used))
    return tuple(done)


def own_of(blocks: tuple[MadeBlock, ...], table: tuple[int, int], word: int) -> tuple[tuple[int, int], ...]:
    """Headers, links and the last blocks' headers, and the Tlsf. A padding is a user's as far as can be seen."""
    headers = [(block.raw - 2 * word, block.raw if block.used else block.raw + 2 * word) for block in blocks]
    starts = {block.raw for block in blocks}
    lasts = [block.end for block in blocks if block.end + 2 * word not in starts]
    return (*headers, *((end, end + 2 * word) for end in lasts), table)


def model(rng: Random) -> Made:
    """A heap of 32 bits in any form."""
    heap = Model(order=rng.choice(("little", "little", "big")), declared=rng.random() < 0.3)
    for number in range(rng.choice((1, 1, 2))):
        heap.add_pool(POOL + number * 0x1_0000 + 4 * rng.randrange(4), rng.choice((3000, 8192, 20000)))
    users = load(heap, rng, rng.randrange(40, 250))
    lasts = [place for place, (size, _) in heap.blocks.items() if place + size not in heap.blocks]
    parts = [(place, size, used) for place, (size, used) in heap.blocks.items() if place not in lasts]
    blocks, images = made_blocks(parts, users, 4), heap.images()
    own = own_of(blocks, (TLSF, TLSF + len(images[0][1])), 4)
    return Made("rlsf-32", "rlsf", TLSF, images, blocks, own)


def real(rng: Random) -> Made:
    """A heap of 64 bits by the real crate."""
    life = live(rng.randrange(1 << 30), rng.randrange(40, 300), rng.choice((1, 1, 2)), 32 * rng.randrange(120, 700))
    blocks = made_blocks(list(life.blocks), life.users, 8)
    own = own_of(blocks, (TLSF, TLSF + len(life.images[0][1])), 8)
    return Made("rlsf-64", "rlsf", TLSF, life.images, blocks, own)


def make(rng: Random) -> Made:
    """A heap of either width, with a free block and without paddings of the past."""
    while True:
        made = real(rng) if rng.random() < 0.5 else model(rng)
        # Nothing leads from the Tlsf to a pool without a free block.
        free = [block.raw for block in made.blocks if not block.used]
        led = all(any(base <= raw < base + len(data) for raw in free) for base, data in made.images[1:])
        if (
            led
            and len(free) < len(made.blocks)
            and not any(_old_padding(made, block) for block in made.blocks if block.used)
        ):
            return made


def _old_padding(made: Made, block: MadeBlock) -> bool:
    """Whether a block still holds its own address where an earlier block with a larger alignment had it. The bytes do
    not tell such a padding from a present one: then only the trace knows the user's pointer.
    """
    word = 4 if made.name == "rlsf-32" else 8
    header = (block.raw - 2 * word).to_bytes(word, "little")
    places = range(block.raw, block.end, word)
    return any(
        made.get(place, word) in (header, header[::-1]) and (place + word != block.user or block.user == block.raw)
        for place in places
    )
