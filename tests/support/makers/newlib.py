# SPDX-License-Identifier: Apache-2.0
"""The heap of newlib's full malloc, dlmalloc 2.6, written by the real one for Arm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from tests.support.libc_heap import Life, live, symbols
from tests.support.made import Images, Made, MadeBlock
from tests.support.makers.newlib_nano import cut


def make(rng: Random) -> Made:
    """A life of some hundred calls."""
    return made_of(rng)


def made_of(rng: Random, foreign: int = 0) -> Made:
    """The same; after so many calls each another takes from sbrk. Damage right behind may be taken for its bytes."""
    life = live("newlib", rng.randrange(1 << 30), rng.randrange(60, 500), rng.randrange(9), foreign)
    names = symbols("newlib")
    first, top = -(-life.at(names["__malloc_sbrk_base"]) // 8) * 8, life.at(names["__malloc_av_"] + 8)
    blocks = tuple(_blocks(life, names["__malloc_av_"]))
    links = [(one.raw, one.raw + 8) for one in blocks if not one.used and one.raw != top + 8]
    ends = [(one.end - 4, one.end) for one in blocks if not one.used and one.raw != top + 8]
    sizes = [(one.raw - 4, one.raw) for one in blocks]
    own = (*sizes, *links, *ends)  # not the table, which tells the heap
    images = (life.images[0], cut(life.images[1], life.end + rng.choice((64, 256, 1 << 20))))
    made = Made("newlib", "newlib", first, images, blocks, own)
    fixed = [(low, high) for low, high in own if (low, high) not in sizes]

    def sound(changed: Images) -> bool:
        other = replace(made, images=changed)
        kept = all(made.get(low, high - low) == other.get(low, high - low) for low, high in fixed)
        return kept and _leads_on(other, top)

    return replace(made, sound=sound)


def _leads_on(made: Made, top: int) -> bool:
    """Whether sizes lead to the top chunk, and the same chunks are free as before. Without symbols the top chunk's size
    alone tells the end. Nothing repeats the size of a used chunk.
    """
    base, data = made.images[1]
    limit = base + len(data)

    def word(address: int) -> int:
        return int.from_bytes(made.get(address, 4), "little") if address + 4 <= limit else 0

    blocks = {block.raw: block for block in made.blocks}
    free = {(block.raw, block.size) for block in made.blocks if not block.used and block.raw != top + 8}
    place, found = made.address + 8, set()
    while place != top + 8:
        size = word(place - 4) & ~3
        if size % 8 or size < 16 or word(place - 4) & 2 or place + size > limit:
            return False
        found |= set() if word(place + size - 4) & 1 else {(place, size - 4)}
        place += size
        if word(place - 4) in (4, 5) and word(place) == 5:  # a fence: sbrk has given to another behind it
            place = min((raw for raw in blocks if raw > place), default=top + 8)
    size = word(top + 4)
    return found == free and size % 8 == 1 and size >= 17 and top + (size & ~7) <= limit


def _blocks(life: Life, table: int) -> Iterator[MadeBlock]:
    """The users' books, and the chunks in bins, and the top chunk."""
    used = {user: MadeBlock(user, user, usable, True) for user, usable, _ in life.users}
    free = {}
    for number in range(1, 128):
        head, chunk = table + 8 * number, life.at(table + 8 * number + 8)
        while chunk != head:
            free[chunk + 8] = MadeBlock(chunk + 8, chunk + 8, (life.at(chunk + 4) & ~3) - 4, False)
            chunk = life.at(chunk + 8)
    top = life.at(table + 8)
    free[top + 8] = MadeBlock(top + 8, top + 8, (life.at(top + 4) & ~3) - 8, False)
    yield from sorted([*used.values(), *free.values()], key=lambda block: block.raw)
