# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of the C libraries' heaps appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.docs.sentences.world import Symbols, ask, check, world
from tests.image.proofs.libc import DL_WRITES, NANO_WRITES, PICO_WRITES, pico
from tests.support.libc_bytes import DL, DL_TABLE, NANO, PICO, dl, nano
from tests.support.libc_bytes import pico as older
from tests.support.picolibc_image import Picolibc

VARIABLES = Symbols(
    __malloc_free_list=(0x2000_0100, 4), __malloc_sbrk_start=(0x2000_0104, 4), heap_end=(0x2000_0108, 4)
)


def program(heap: Picolibc) -> Symbols:
    """The symbols of a newer picolibc."""
    return Symbols(
        __malloc_free_list=(heap.head, 4),
        __malloc_sbrk_start=(heap.sbrk_start, 4),
        __malloc_sbrk_top=(heap.sbrk_top, 4),
        __malloc_bucket_list=(heap.buckets, 4 * heap.form.buckets),
    )


def newer(write: Callable[[Picolibc], None]) -> Callable[[], Any]:
    """A heap of the newer form, with its program."""

    def report() -> Any:
        heap = pico()
        write(heap)
        return check(heap.images(), None, program(heap))

    return report


def asked(images: list[tuple[int, bytes]], heap: str) -> Callable[[], Any]:
    """What status says of a heap."""
    return lambda: ask(world(images, [heap]), "status", heap=heap)


RECIPES: dict[str, Callable[[], Any]] = {
    **{f"nano {rule}": (lambda write=write: check(nano(*write), NANO)) for rule, write in NANO_WRITES.items()},
    **{f"picolibc {rule}": newer(write) for rule, write in PICO_WRITES.items()},
    **{f"dlmalloc {rule}": (lambda writes=writes: check(dl(*writes), DL)) for rule, writes in DL_WRITES.items()},
    "no table of bins": lambda: check(dl()[1:], DL),
    "status of dlmalloc": asked(dl(), DL),
    "dlmalloc before its first call": lambda: check(
        [*dl(), (0x2000_0900, b"\xff" * 4)],
        None,
        Symbols(__malloc_av_=(DL_TABLE, 1032), __malloc_sbrk_base=(0x2000_0900, 4)),
    ),
    "a list that leads back": lambda: check(nano(0x2000_1034, bytes.fromhex("1c100020")), NANO),
    "a list that goes back in order": lambda: check(nano(0x2000_1068, bytes.fromhex("1c100020")), NANO),
    "a list that leads into a chunk": lambda: check(nano(0x2000_1068, bytes.fromhex("8c100020")), NANO),
    "without variables": lambda: check(nano()[1:], NANO),
    "no chunks": lambda: check(nano(), "newlib_nano@0x20001002"),
    "status of nano": asked(nano(), NANO),
    "status of nano without variables": asked(nano()[1:], NANO),
    "status of picolibc": asked(older(), PICO),
    "status of a newer picolibc": lambda: ask(world(pico().images(), [], program(pico())), "status"),
    "status of nano by its program": lambda: ask(world(nano(), [], VARIABLES), "status"),
}
