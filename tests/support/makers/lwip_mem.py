# SPDX-License-Identifier: Apache-2.0
"""Heaps of lwIP's mem.c, by a model of its book-keeping (src/core/mem.c, as of 0030d1ade5).

`ram` points at MEM_SIZE bytes, and one header more stands behind them. A block is a header {next, prev, used} and the
user's bytes. The lowest free block that is large enough is taken and split where a header and MIN_SIZE are left;
a freed one joins its free neighbours, whose old headers stay in memory. With MEM_OVERFLOW_CHECK a header ends with the
size that the user asked for, and 16 bytes cd stand on both sides of the user's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Literal

from tests.support.made import Made, MadeBlock

BASE = 0x2000_0000
_MIN_SIZE, _REGION = 12, 16


@dataclass(frozen=True)
class Options:
    """What lwipopts.h and the processor decide. `width`: the bytes of mem_size_t, 2 where MEM_SIZE <= 64,000."""

    width: int = 2
    align: int = 4
    check: bool = False
    order: Literal["little", "big"] = "little"

    @property
    def header(self) -> int:
        """SIZEOF_STRUCT_MEM."""
        fields = (
            2 * self.width + self.width + (self.width if self.check else 0)
        )  # `used` is padded to an offset's width
        return -(-fields // self.align) * self.align

    @property
    def around(self) -> int:
        """Bytes of guards in a block."""
        return 2 * _REGION if self.check else 0


ALL_OPTIONS = tuple(
    Options(width, align, check, order)
    for width in (2, 4)
    for align in (4, 8)
    for check in (False, True)
    for order in ("little", "big")
)


@dataclass
class Block:
    """What is known of a block: where its header is, whether it is used, and what its user asked for."""

    at: int
    used: bool = False
    asked: int = 0


@dataclass
class LwipHeap:
    """`ram`, with the books of what is in it."""

    options: Options
    size: int  # MEM_SIZE_ALIGNED
    blocks: list[Block] = field(default_factory=lambda: [Block(0)])
    data: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.data = self.data or bytearray(self.size)
        self.data += bytes(self.size + 2 * self.options.header - len(self.data))
        self._write(self.blocks[0])
        self._put(self.size, self.size, self.size, True)

    def malloc(self, wanted: int) -> int | None:
        """mem_malloc: the offset of the user's bytes."""
        size = self._rounded(wanted)
        for index, block in enumerate(self.blocks):
            room = self._room(index)
            if block.used or room < size or block.at >= self.size - size:
                continue
            block.used, block.asked = True, wanted
            if room >= size + self.options.header + self._rounded(0) - self.options.around:
                self._insert(index + 1, block.at + self.options.header + size)
            self._write(block)
            self._guard(block)
            return block.at + self.options.header + self.options.around // 2
        return None

    def free(self, user: int) -> None:
        """mem_free."""
        index = self._index(user)
        block = self.blocks[index]
        block.used = False
        self._write(block)
        self._plug(index)

    def trim(self, user: int, wanted: int) -> None:
        """mem_trim."""
        index, size = self._index(user), self._rounded(wanted)
        block = self.blocks[index]
        # mem.c takes the guards off the block's own size, but leaves them on the new one: it shrinks less often.
        old = self._room(index) - self.options.around
        if size >= old:
            return
        behind = block.at + self.options.header + size
        if index + 1 < len(self.blocks) and not self.blocks[index + 1].used:
            self.blocks[index + 1].at = behind
            self._write(self.blocks[index + 1])
            self._lead_back(index + 2)
        elif size + self.options.header + self._rounded(0) - self.options.around <= old:
            self._insert(index + 1, behind)
        block.asked = wanted
        self._write(block)
        self._guard(block)

    def put(self, at: int, data: bytes) -> None:
        """A user's bytes."""
        self.data[at : at + len(data)] = data

    def _rounded(self, wanted: int) -> int:
        align = self.options.align
        return -(-max(wanted, _MIN_SIZE) // align) * align + self.options.around

    def _room(self, index: int) -> int:
        return self.behind(index) - self.blocks[index].at - self.options.header

    def behind(self, index: int) -> int:
        """Where the header behind a block is."""
        return self.blocks[index + 1].at if index + 1 < len(self.blocks) else self.size

    def _index(self, user: int) -> int:
        at = user - self.options.header - self.options.around // 2
        return next(index for index, block in enumerate(self.blocks) if block.at == at)

    def _insert(self, index: int, at: int) -> None:
        self.blocks.insert(index, Block(at))
        self._write(self.blocks[index])
        self._lead_back(index + 1)

    def _plug(self, index: int) -> None:
        """plug_holes: forward, then backward."""
        if index + 1 < len(self.blocks) and not self.blocks[index + 1].used:
            del self.blocks[index + 1]
            self._write(self.blocks[index])
            self._lead_back(index + 1)
        if index and not self.blocks[index - 1].used:
            del self.blocks[index]
            self._write(self.blocks[index - 1])
            self._lead_back(index)

    def _lead_back(self, index: int) -> None:
        if index < len(self.blocks):
            self._write(self.blocks[index])

    def _write(self, block: Block) -> None:
        index = self.blocks.index(block)
        self._put(block.at, self.behind(index), self.blocks[index - 1].at if index else 0, block.used)

    def _put(self, at: int, following: int, before: int, used: bool) -> None:
        """Writes three members; what pads them stays what it was."""
        width, order = self.options.width, self.options.order
        self.put(at, following.to_bytes(width, order) + before.to_bytes(width, order) + bytes([used]))

    def _guard(self, block: Block) -> None:
        if not self.options.check:
            return
        width, raw = self.options.width, block.at + self.options.header
        self.put(block.at + 3 * width, block.asked.to_bytes(width, self.options.order))
        for place in (raw, raw + _REGION + block.asked):
            self.put(place, b"\xcd" * _REGION)

    def made(self, base: int) -> list[MadeBlock]:
        """Its blocks."""
        shift = self.options.around // 2
        spans = pairwise([*(block.at for block in self.blocks), self.size])
        return [
            MadeBlock(
                base + low + self.options.header + shift, base + low + self.options.header,
                high - low - self.options.header, block.used, block.asked if block.used and shift else None,
            )
            for block, (low, high) in zip(self.blocks, spans, strict=True)
        ]  # fmt: skip

    def own(self, base: int) -> list[tuple[int, int]]:
        """The header's members without what pads them, and the guards."""
        width, header = self.options.width, self.options.header
        spans = [(block.at, block.at + 2 * width + 1) for block in self.blocks]
        spans.append((self.size, self.size + 2 * width + 1))
        for block in self.blocks:
            if block.used and self.options.check:
                raw = block.at + header
                spans += [(raw, raw + _REGION), (raw + _REGION + block.asked, raw + 2 * _REGION + block.asked)]
                spans.append((block.at + 3 * width, block.at + 4 * width))
        return [(base + low, base + high) for low, high in spans]

    def could_be(self, base: int, data: bytes) -> bool:
        """Whether only `used` or `user_size` has changed, so that an intact heap could look so: nothing else repeats
        `used`, and what a guard was before mem_trim stands beside the one that is there now.
        """
        width = self.options.width
        places = {base + block.at + 2 * width: block for block in self.blocks}
        sizes = (base + block.at + 3 * width for block in self.blocks if block.used and self.options.check)
        free = {*places, *(place + byte for place in sizes for byte in range(width))}
        for low, high in self.own(base):
            if any(data[at - base] != self.data[at - base] for at in range(low, high) if at not in free):
                return False
        flags = [data[at - base] for at in places]
        if any(flag > 1 for flag in flags) or any(not one | other for one, other in pairwise(flags)):
            return False
        return all(self._is_guarded(index, data) for index, flag in enumerate(flags) if flag)

    def _is_guarded(self, index: int, data: bytes) -> bool:
        if not self.options.check:
            return True
        at, width, fill = self.blocks[index].at, self.options.width, b"\xcd" * _REGION
        length = int.from_bytes(data[at + 3 * width : at + 4 * width], self.options.order)
        raw = at + self.options.header
        fits = 0 < length <= self._room(index) - self.options.around
        return fits and data[raw : raw + _REGION] == fill and data[raw + _REGION + length :][:_REGION] == fill


def load(heap: LwipHeap, rng: Random, calls: int) -> None:
    """Allocates, trims and frees as a network stack does, and fills what it was given."""
    live: dict[int, int] = {}
    for _ in range(calls):
        turn = rng.random()
        if live and turn < 0.4:
            user = rng.choice(list(live))
            del live[user]
            heap.free(user)
        elif live and turn < 0.5:
            user = rng.choice(list(live))
            live[user] = max(1, live[user] - rng.randrange(1, 200))
            heap.trim(user, live[user])
        else:
            wanted = rng.choice((16, 24, 40, 60, 100, 256, rng.randrange(1, 300)))
            given = heap.malloc(wanted)
            if given is not None:
                live[given] = wanted
                heap.put(given, rng.randbytes(wanted) if rng.random() < 0.5 else bytes(wanted))


def make(rng: Random) -> Made:
    """A heap of any options."""
    return make_with(rng, rng.choice(ALL_OPTIONS))


def heap_with(rng: Random, options: Options) -> LwipHeap:
    """A heap after some hundred calls, in memory that had other uses, with at least one free block."""
    size = rng.choice((1600, 4096, 10240)) if options.width == 2 else rng.choice((4096, 12000, 70400))
    heap = LwipHeap(options, size, data=bytearray(rng.randbytes(size) if rng.random() < 0.5 else bytes(size)))
    load(heap, rng, rng.randrange(60, 250))
    while all(block.used for block in heap.blocks) or not any(block.used for block in heap.blocks):
        used = [block.at for block in heap.blocks if block.used]
        heap.free(rng.choice(used) + options.header + options.around // 2) if used else heap.malloc(40)
    return heap


def make_with(rng: Random, options: Options) -> Made:
    """The same of one form."""
    heap = heap_with(rng, options)
    base = BASE + 16 * rng.randrange(4)
    name = f"lwip-{8 * options.width}-{options.align}{'-check' if options.check else ''}-{options.order}"
    made, images = tuple(heap.made(base)), ((base, bytes(heap.data)),)
    return Made(
        name, "lwip_mem", base, images, made, tuple(heap.own(base)), options.check,
        lambda images: heap.could_be(base, images[0][1]),
    )  # fmt: skip
