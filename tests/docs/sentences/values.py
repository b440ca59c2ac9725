# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences appear that say what a word is, and what lies where it leads."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from gdbext.analyse.looks import counting, look_of
from gdbext.analyse.values import HEAD, TAIL, Word, value_of
from gdbext.collect.places import Places
from gdbext.model.events import Generation
from gdbext.trace.trace import Trace
from tests.support.signals import picture, sound
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


RECIPES: dict[str, Callable[[], Any]] = {
    **{f"a word: {word:#x}": read(word) for word in (*WORDS, 0xCDCD_CDCD)},
    **{f"a mark: {word:#x}": read(word, TAIL) for word in BESIDE_A_MARK},
    **{f"a pointer to a {kind}": led(kind) for kind in KINDS},
    "a block of somebody": led("block", lambda at: Generation(at, 8, "net", 7, (TABLE,))),
    "a block of no task": led("block", lambda at: Generation(at, 8, None, 7, (TABLE,))),
    "words that count": lambda: counting(b"".join(n.to_bytes(4, "big") for n in range(7, 27)), TABLE, 4, "big"),
    "a block of a task": led("block", lambda at: Generation(at, 8, "net", 7, ())),
    "samples": lambda: look_of(sound(0.1, 1), 0x3FFB_0000, "little", True, 4),
    "pixels": lambda: look_of(picture(Random(1)), 0x3FFB_0000, "little", True, 4),
}
