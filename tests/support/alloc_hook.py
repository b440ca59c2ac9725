# SPDX-License-Identifier: Apache-2.0
"""Writes checkpoints as alloc_hook prints them, by its format strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

RULER = "+" * 89


class Frame(NamedTuple):
    """A frame: its place in a file, and the function with its offset if the tool knew it."""

    rel_pc: int
    path: str
    function: str = ""


class Block(NamedTuple):
    """Blocks of one size and stack."""

    size: int
    kind: str
    frames: Sequence[Frame]
    number: int = 1
    time: str = "2026-11-21 02:49:22.7"


def dump(blocks: Sequence[Block], first: str = "current") -> str:
    """A dump of these blocks, in their order."""
    host = sum(block.size * block.number for block in blocks if block.kind != "dma") / 2**20
    dma = sum(block.size * block.number for block in blocks if block.kind == "dma") / 2**20
    lines = [
        f"{first} host used: {host:f}MB, {first} dma used {dma:f}MB, {first} total used: {host + dma:f}MB",
        RULER,
        "",
    ]
    for block in blocks:
        lines.append(
            f"alloc_size:{block.size / 1024:f}KB \t alloc_type:{block.kind} \t "
            f"alloc_num:{block.number} \t alloc_time:{block.time}"
        )
        for number, frame in enumerate(block.frames):
            named = f" ({frame.function})" if frame.function else ""
            lines.append(f"#{number} {frame.rel_pc:x} {frame.path}{named}")
        lines.append("")
    return "\n".join([*lines, ""])
