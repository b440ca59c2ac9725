# SPDX-License-Identifier: Apache-2.0
"""Changes to bytes that parsers fall over: each takes the bytes, a random source, and addresses worth pointing at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Mutator = Callable[[bytearray, Random, Sequence[int]], None]

EXTREMES = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF)
WIDE = (0xFFFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFF8, 1 << 32)


def flip_bits(data: bytearray, random: Random, _: Sequence[int]) -> None:
    """Single bits."""
    for _flip in range(random.choice((1, 1, 2, 8))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def set_bytes(data: bytearray, random: Random, _: Sequence[int]) -> None:
    """A run of one byte, or of noise."""
    start = random.randrange(len(data))
    count = min(random.choice((1, 4, 16, 64, 1024)), len(data) - start)
    data[start : start + count] = random.choice((bytes(count), b"\xff" * count, random.randbytes(count)))


def set_word(data: bytearray, random: Random, targets: Sequence[int]) -> None:
    """Words that are extreme, that point somewhere, or that are off by little."""
    width, order = random.choice((4, 4, 4, 8)), random.choice(("little", "little", "big"))
    if len(data) < width:
        return
    for _ in range(random.choice((1, 1, 3))):
        place = random.randrange(len(data) - width + 1)
        place -= place % width if random.random() < 0.8 else 0
        old = int.from_bytes(data[place : place + width], "little")
        near = old + random.choice((-64, -8, -4, -1, 1, 4, 8, 64))
        pointer = random.choice(targets) + random.choice((0, 0, 4, 8, -4, -8)) if targets else 0
        value = random.choice((random.choice(EXTREMES), random.choice(WIDE), near, pointer, pointer))
        data[place : place + width] = (value % (1 << 8 * width)).to_bytes(width, "big" if order == "big" else "little")


def copy_within(data: bytearray, random: Random, _: Sequence[int]) -> None:
    """A piece of the bytes at another place: stale headers, doubled entries."""
    count = min(random.choice((8, 64, 512)), len(data))
    source, target = (random.randrange(len(data) - count + 1) for _ in range(2))
    data[target : target + count] = data[source : source + count]


def cut(data: bytearray, random: Random, _: Sequence[int]) -> None:
    """The rest is missing."""
    del data[random.randrange(len(data)) :]


def drop(data: bytearray, random: Random, _: Sequence[int]) -> None:
    """Some bytes in the middle are missing."""
    start = random.randrange(len(data))
    del data[start : start + random.choice((1, 4, 100))]


STEADY: tuple[Mutator, ...] = (flip_bits, set_bytes, set_word, set_word, set_word, copy_within)
ANY: tuple[Mutator, ...] = (*STEADY, cut, drop)


def mutated(data: bytes, random: Random, targets: Sequence[int], mutators: Sequence[Mutator] = STEADY) -> bytes:
    """The bytes after a few mutations."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        if changed:
            random.choice(mutators)(changed, random, targets)
    return bytes(changed)
