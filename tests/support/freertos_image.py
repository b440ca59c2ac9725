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
    link: tuple[int, int, int] | None = None  # bytes of a header to which members were added; where the two stand

    @property
    def form(self) -> tuple[int, int, int]:
        """Bytes of a header before it is aligned, where its pointer is, where its size."""
        return self.link or (2 * self.word, 0, self.word)

    @property
    def header(self) -> int:
        """Bytes of a block header."""
        return (self.form[0] + self.align - 1) // self.align * self.align


def heap_4_image(base: int, blocks: Blocks, shape: Shape) -> bytes:
    """A heap whose first header is at `base`, of exactly these blocks."""
    _, next_at, size_at = shape.form
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
        data[start - base : start - base + shape.header] = b"\x5a" * shape.header  # what else is in it
        struct.pack_into(f"{shape.order}{kind}", data, start - base + next_at, following)
        struct.pack_into(f"{shape.order}{kind}", data, start - base + size_at, whole | (allocated if used else 0))
    struct.pack_into(f"{shape.order}{kind}", data, end - base + next_at, shape.canary)
    struct.pack_into(f"{shape.order}{kind}", data, end - base + size_at, 0)
    return bytes(data)


def payloads(base: int, blocks: Blocks, shape: Shape) -> list[int]:
    """Where the blocks of `heap_4_image` lie."""
    places, place = [], base + shape.header
    for size, _ in blocks:
        places.append(place)
        place += size + shape.header
    return places
