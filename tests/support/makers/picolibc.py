# SPDX-License-Identifier: Apache-2.0
"""picolibc's heap: of 1.8, written by the real one for RISC-V; of 2026, with free bits and buckets, by its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.support.libc_heap import live, symbols
from tests.support.list_heap import Books
from tests.support.made import Images, Made, MadeBlock
from tests.support.makers.newlib_nano import cut
from tests.support.picolibc_image import Form, Picolibc, load


def make(rng: Random) -> Made:
    """A life of some hundred calls, in one of the two widths and one of the two forms."""
    return _older(rng) if rng.random() < 0.5 else _newer(rng)


def _older(rng: Random) -> Made:
    library = rng.choice(("picolibc", "picolibc64"))
    life = live(library, rng.randrange(1 << 30), rng.randrange(60, 500), rng.randrange(9))
    names = symbols(library)
    first, head = life.at(names["__malloc_sbrk_start"]), names["__malloc_free_list"]
    books = Books(life.images, life.word, first, head, life.word)
    blocks = books.blocks(life.end)
    assert {user: user + usable for user, usable, _ in life.users} == {one.user: one.end for one in blocks if one.used}
    images = (life.images[0], cut(life.images[1], life.end + rng.choice((64, 256, 1 << 20))))
    return Made(library, "picolibc", first, images, blocks, books.own(blocks), sound=_sound(books, life.end))


def _newer(rng: Random) -> Made:
    """Without symbols the buckets are not found, so the links in them are nobody's."""
    heap = Picolibc(0x2000_1000 + rng.randrange(9), Form(rng.choice((4, 8)), 16, rng.choice((0, 5))))
    load(heap, rng, rng.randrange(60, 400))
    word, images = heap.form.word, tuple(heap.images())
    books = Books(images, word, heap.start, heap.head, 0, flagged=True)
    blocks = tuple(MadeBlock(payload, payload, size, used) for payload, size, used in heap.blocks())
    listed = books.listed() or []
    own = (*((one.raw - word, one.raw) for one in blocks), *((payload, payload + word) for payload in listed))
    kept = (images[0], cut(images[1], heap.top + rng.choice((64, 256, 1 << 20))))
    name = f"picolibc-flagged-{8 * word}"
    return Made(name, "picolibc", heap.start, kept, blocks, own, sound=_sound(books, heap.top))


def _sound(books: Books, end: int) -> Callable[[Images], bool]:
    return lambda changed: replace(books, images=changed).is_sound(end)
