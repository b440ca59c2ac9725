# SPDX-License-Identifier: Apache-2.0
"""umm_malloc's heap, by a model of umm_init, _malloc and _free (rhempel/umm_malloc ed68d0b; esp8266/Arduino's fork).

The model keeps its blocks and its list of free ones apart from the bytes; tests compare it with images of the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.support.made import Made, MadeBlock

BASE = 0x3FFE_8000
FREE = 0x8000
_POISON = b"\xa5" * 4


@dataclass
class Form:
    """What a build decides: bytes of a block, the width of the poison's length (0: no poison), the choice of blocks."""

    body: int = 8
    length: int = 0
    best_fit: bool = True
    order: Literal["little", "big"] = "little"

    @property
    def around(self) -> int:
        """Bytes of poison in a block."""
        return self.length + 8 if self.length else 0


FORMS = (
    Form(), Form(best_fit=False), Form(body=16), Form(body=32, length=2), Form(length=2), Form(length=4),
    Form(length=4, best_fit=False), Form(order="big"), Form(order="big", length=2),
)  # fmt: skip


@dataclass
class Umm:
    """A heap of some blocks, which are numbered: the first is the head of the list, the last one the end."""

    form: Form
    base: int
    count: int
    sizes: dict[int, int] = field(default_factory=dict)  # blocks by number, in order
    listed: list[int] = field(default_factory=list)  # the free ones, in the order of their list
    wanted: dict[int, int] = field(default_factory=dict)  # used ones: bytes with the poison
    data: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.data = bytearray(self.count * self.form.body)
        self.sizes = {1: self.count - 2}
        self.listed = [1]
        self._write()

    def place(self, number: int) -> int:
        """The address of a block's header."""
        return self.base + number * self.form.body

    def malloc(self, size: int) -> int | None:
        """The user's pointer."""
        whole = size + self.form.around
        inside = self.form.body - 4
        blocks = 1 if whole <= inside else 2 + (whole - inside - 1) // self.form.body
        fits = [number for number in self.listed if self.sizes[number] >= blocks]
        if not fits:
            return None
        number = min(fits, key=lambda one: self.sizes[one]) if self.form.best_fit else fits[0]
        rest = self.sizes[number] - blocks
        at = self.listed.index(number)
        if rest:
            self.sizes[number] = blocks
            self.sizes[number + blocks] = rest
            self.listed[at] = number + blocks
        else:
            del self.listed[at]
        self.wanted[number] = whole
        self._write()
        if self.form.length:
            data = whole.to_bytes(self.form.length, self.form.order) + _POISON
            self.put(self.place(number) + 4, data)
            self.put(self.place(number) + 4 + whole - 4, _POISON)
        return self.place(number) + 4 + self.shift

    @property
    def shift(self) -> int:
        """Bytes from the allocator's payload to the user's."""
        return self.form.length + 4 if self.form.length else 0

    def free(self, pointer: int) -> None:
        """What umm_free does: joined with the block behind, then with the one in front; else it is listed first."""
        number = (pointer - self.shift - self.base) // self.form.body
        del self.wanted[number]
        behind = number + self.sizes[number]
        if behind in self.listed:
            self.sizes[number] += self.sizes.pop(behind)
            self.listed.remove(behind)
        before = next((one for one in self.listed if one + self.sizes[one] == number), None)
        if before is None:
            self.listed.insert(0, number)
        else:
            self.sizes[before] += self.sizes.pop(number)
        self._write()

    def put(self, address: int, data: bytes) -> None:
        """Writes bytes."""
        self.data[address - self.base : address - self.base + len(data)] = data

    def _pair(self, address: int, one: int, other: int) -> None:
        order = self.form.order
        self.put(address, one.to_bytes(2, order) + other.to_bytes(2, order))

    def _write(self) -> None:
        """All headers and links, as they must be now."""
        before = 0
        for number, size in sorted(self.sizes.items()):
            flag = FREE if number in self.listed else 0
            self._pair(self.place(number), number + size | flag, before)
            before = number
        self._pair(self.place(self.count - 1), 0, before)
        links = [0, *self.listed, 0]
        for previous, number, following in zip(links, links[1:], links[2:], strict=False):
            self._pair(self.place(number) + 4, following, previous)
        self._pair(self.place(0), 1, 0)
        self._pair(self.place(0) + 4, links[1], links[-2])

    def blocks(self) -> Iterator[MadeBlock]:
        """Its blocks, without the head and the end."""
        for number, size in sorted(self.sizes.items()):
            raw, used = self.place(number) + 4, number not in self.listed
            requested = self.wanted[number] - self.form.around if used and self.form.length else None
            yield MadeBlock(raw + self.shift, raw, size * self.form.body - 4, used, requested)

    def own(self) -> Iterator[tuple[int, int]]:
        """What nobody but the allocator writes: headers, links, poison. Of the last block only its header is used."""
        yield self.base, self.base + 8
        for number in self.sizes:
            place = self.place(number)
            yield place, place + (8 if number in self.listed else 4 + self.shift)
        yield self.place(self.count - 1), self.place(self.count - 1) + 4
        for number, whole in self.wanted.items() if self.form.length else ():
            tail = self.place(number) + 4 + whole
            yield tail - 4, tail


def load(heap: Umm, rng: Random, calls: int) -> None:
    """Allocates and frees as a program does, and fills what it was given."""
    live: list[int] = []
    for _ in range(calls):
        if live and rng.random() < 0.42:
            heap.free(live.pop(rng.randrange(len(live))))
            continue
        wanted = rng.choice((8, 16, 24, 40, 64, 100, rng.randrange(1, 200)))
        pointer = heap.malloc(wanted)
        if pointer is not None:
            live.append(pointer)
            heap.put(pointer, rng.randbytes(wanted) if rng.random() < 0.5 else bytes(wanted))


def make(rng: Random) -> Made:
    """A heap of any form."""
    return make_with(rng, rng.choice(FORMS))


def make_with(rng: Random, form: Form) -> Made:
    """A heap of one form."""
    heap = Umm(form, BASE + 8 * rng.randrange(4), rng.choice((2048, 4096, 8190, 16384)) // form.body)
    load(heap, rng, rng.randrange(60, 250))
    while len(heap.listed) < 2 or len(heap.wanted) < 8:  # an image without free blocks shows no write after a free
        used = list(heap.wanted)
        heap.free(heap.place(rng.choice(used)) + 4 + heap.shift) if len(used) > 12 else heap.malloc(8)
    name = f"umm-{form.body}-{form.length}-{form.order}"
    images = ((heap.base, bytes(heap.data)),)
    return Made(name, "umm_malloc", heap.base, images, tuple(heap.blocks()), tuple(heap.own()), form.length > 0)
