# SPDX-License-Identifier: Apache-2.0
"""Builds images of heap_4 (facts/targets.md 3.2) of any width, byte order and canary, for what fixtures lack."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Blocks = Sequence[tuple[int, bool]]  # size behind the header and whether it is used, in address order


@dataclass(frozen=True)
class Shape:
    """Which heap_4: alignment, pointer width, byte order; what pointers and the used blocks' NULL are masked with."""

    word: int = 4
    align: int = 8
    order: str = "<"
    canary: int = 0
    masked_null: bool = False

    @property
    def header(self) -> int:
        """Bytes of a block header."""
        return (2 * self.word + self.align - 1) // self.align * self.align


def heap_4_image(base: int, blocks: Blocks, shape: Shape) -> bytes:
    """A heap whose first header is at `base`, of exactly these blocks."""
    data = bytearray(sum(size + shape.header for size, _ in blocks) + shape.header)
    starts = [place - shape.header for place in payloads(base, blocks, shape)]
    end = base + len(data) - shape.header
    free = [start for start, (_, used) in zip(starts, blocks, strict=True) if not used]
    after = dict(zip(free, [*free[1:], end], strict=True))
    allocated = 1 << (8 * shape.word - 1)
    kind = "I" if shape.word == 4 else "Q"
    null = shape.canary if shape.masked_null else 0
    for start, (size, used) in zip(starts, blocks, strict=True):
        following = null if used else after[start] ^ shape.canary
        whole = size + shape.header
        struct.pack_into(f"{shape.order}2{kind}", data, start - base, following, whole | (allocated if used else 0))
    struct.pack_into(f"{shape.order}2{kind}", data, end - base, shape.canary, 0)
    return bytes(data)


def payloads(base: int, blocks: Blocks, shape: Shape) -> list[int]:
    """Where the blocks of `heap_4_image` lie."""
    places, place = [], base + shape.header
    for size, _ in blocks:
        places.append(place)
        place += size + shape.header
    return places
