# SPDX-License-Identifier: Apache-2.0
"""newlib-nano's heap, written by the real one for Arm."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tests.support.libc_heap import live, symbols
from tests.support.list_heap import Books
from tests.support.made import Images, Made


def make(rng: Random) -> Made:
    """A life of some hundred calls. What memory is at hand behind the heap varies."""
    life = live("nano", rng.randrange(1 << 30), rng.randrange(60, 500), rng.randrange(9))
    names = symbols("nano")
    start = life.at(names["__malloc_sbrk_start"])
    books = Books(life.images, 4, -(-start // 4) * 4, names["__malloc_free_list"], 4, leads=True, unit=4)
    blocks = books.blocks(life.end)
    told = {user: user + usable for user, usable, _ in life.users}
    assert told == {block.user: block.end for block in blocks if block.used}
    images = (life.images[0], cut(life.images[1], life.end + rng.choice((64, 256, 1 << 20))))

    def sound(changed: Images) -> bool:
        return replace(books, images=changed).is_sound(life.end)

    return Made("newlib_nano", "newlib_nano", books.first, images, blocks, books.own(blocks), sound=sound)


def cut(image: tuple[int, bytes], end: int) -> tuple[int, bytes]:
    """An image up to an address."""
    base, data = image
    return base, data[: end - base]
