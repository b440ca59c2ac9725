# SPDX-License-Identifier: Apache-2.0
"""The scan for unreachable blocks: 4 MiB of heap, half of whose words lead into it."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterable

from gdbext.analyse.reach import Reach, Root, UsedBlock
from gdbext.source.snapshot import Snapshot
from tests.support.bench import Row, median_of

_BASE, _SIZE, _BLOCK = 0x3C00_0000, 4 << 20, 128


def rows() -> Iterable[Row]:
    """From one global on, all 32,768 blocks are met: nothing costs more."""
    choose = random.Random(1)
    words = [
        choose.randrange(_BASE, _BASE + _SIZE, 4) if choose.random() < 0.5 else choose.getrandbits(32)
        for _ in range(_SIZE // 4)
    ]
    held = Snapshot()
    held.add(_BASE, struct.pack(f"<{len(words)}I", *words))
    held.add(0x2000_0000, (_BASE + 8).to_bytes(4, "little"))
    starts = range(_BASE + 4, _BASE + _SIZE, _BLOCK)
    blocks = [UsedBlock(start, start + _BLOCK - 4, start, _BASE, start + _BLOCK - 8) for start in starts]
    roots = [Root("global", "globals", 0x2000_0000, 0x2000_0004)]
    lost: list[int] = []

    def measure() -> float:
        began = time.monotonic()
        lost.append(len(Reach(held, blocks).unreachable(roots, [])))
        return time.monotonic() - began

    yield Row("unreachable scan of 4 MiB", median_of(measure, 3), 3, "s", f"{len(blocks):,} blocks, {lost[0]} lost")
