# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences appear that say what a word is, and what lies where it leads."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Any

from gdbext.analyse.looks import counting, look_of
from gdbext.analyse.values import HEAD, TAIL, Word, value_of
from gdbext.collect.places import Places
from gdbext.model.events import Generation
from gdbext.trace.trace import Trace
from tests.docs.sentences.world import Symbols, ask, world
from tests.support.freertos_image import heap_4_image, payloads
from tests.support.signals import picture, sound
from tests.support.tlsf_image import Shape as tlsf
from tests.support.tlsf_image import shaped_image
from tests.support.two_owners import BLOCKS, END, HEAP, RAM, SHAPE, memory
from tests.unit.places_world import KINDS, TABLE, collected, pointer_to

WORDS = (0, 0xDEAD_BEEF, 0x2073_6563, 12, 0x0D0C_0B0A, HEAD, TAIL, 0xFEEE_FEEE, 0xA5A5_A5A5, 0xFEFE_FEFE, 0xCECE_CECE)
BESIDE_A_MARK = (TAIL ^ 4, TAIL & ~0xFF, TAIL & ~0xFF | 7, TAIL ^ 0xFFFF_0000, 0x9184_F3A7)


def read(word: int, expected: int | None = None) -> Callable[[], Any]:
    return lambda: value_of(Word(word), expected).words


def led(kind: str, *lives: Callable[[int], Generation]) -> Callable[[], Any]:
    """What lies where a pointer of a kind leads."""

    def report() -> Any:
        pointer = pointer_to(kind)
        found = collected()
        if lives:
            found.trace = Trace(None, lives=tuple(life(pointer) for life in lives))
        places = Places(found)
        return value_of(Word(pointer), None, places.at).words

    return report


def shared(taken: int, **names: str) -> Callable[[], Any]:
    """What `check` says of a heap_4 in which the C library's sbrk begins. `names` of its variables that differ."""

    def report() -> Any:
        size, end = sum(size for size, _ in BLOCKS) + 8 * (len(BLOCKS) + 1), END + taken
        images = [(RAM, memory(taken, END, struct.pack("<II", HEAP + size - 8, end)))]
        places = {"ucHeap": (HEAP, size), "pxEnd": (RAM, 4), "heap_end": (RAM + 4, 4), "lost": (HEAP + size - 16, 32)}
        places |= dict.fromkeys(("end", "_sbrk", "malloc"), (END, 0))
        program = Sections(**{names.get(name, name): place for name, place in places.items()})
        return ask(world(images, program=program), "check")

    return report


class Sections(Symbols):
    def writable(self) -> list[tuple[str, int, int]]:
        return [(".data", RAM, RAM + 0x4000)]


def nested() -> Any:
    """A heap in a free block of another."""
    blocks = ((40, True), (12000, False), (64, True))
    inner = payloads(HEAP, blocks, SHAPE)[1] + 64
    pool = shaped_image(inner, ((40, True), (200, False)), tlsf(9, 5, dynamic=False, multi=False))
    data = bytearray(heap_4_image(HEAP, blocks, SHAPE))
    data[inner - HEAP : inner - HEAP + len(pool)] = pool
    names = [f"freertos_heap_4@{HEAP:#x}", f"tlsf@{inner:#x}"]
    return ask(world([(HEAP, bytes(data))], names), "check", "--heap", names[1], heap=names[0])


RECIPES: dict[str, Callable[[], Any]] = {
    **{f"a word: {word:#x}": read(word) for word in (*WORDS, 0xCDCD_CDCD)},
    **{f"a mark: {word:#x}": read(word, TAIL) for word in BESIDE_A_MARK},
    **{f"a pointer to a {kind}": led(kind) for kind in KINDS},
    "a block of somebody": led("block", lambda at: Generation(at, 8, "net", 7, (TABLE,))),
    "a block of no task": led("block", lambda at: Generation(at, 8, None, 7, (TABLE,))),
    "words that count": lambda: counting(b"".join(n.to_bytes(4, "big") for n in range(7, 27)), TABLE, 4, "big"),
    "a block of a task": led("block", lambda at: Generation(at, 8, "net", 7, ())),
    "two owners of one memory": shared(96),
    "two owners some day": shared(96, heap_end="mine"),
    "a heap in free memory of another": nested,
    "samples": lambda: look_of(sound(0.1, 1), 0x3FFB_0000, "little", True, 4),
    "pixels": lambda: look_of(picture(Random(1)), 0x3FFB_0000, "little", True, 4),
}
