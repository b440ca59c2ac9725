# SPDX-License-Identifier: Apache-2.0
"""Finding heaps by their signature in 32 MiB that nothing names."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from gdbext.heap.search import search_heaps
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from tests.support import fixtures
from tests.support.bench import Row, median_of

_SIZE = 32 << 20


def rows() -> Iterable[Row]:
    """The same four heaps in memory of several kinds, the search alone; a process adds its start."""
    program = Path(sys.executable).read_bytes()
    kinds = {
        "zeros": bytes(_SIZE),
        "random bytes": random.Random(1).randbytes(_SIZE),
        "a program": (program * (_SIZE // len(program) + 1))[:_SIZE],
    }
    for what, data in kinds.items():
        memory = bytearray(data)
        for number, name in enumerate(("a005", "a016", "a064", "a070")):
            _put(memory, name, (5 + 7 * number) << 20)
        yield _row(what, bytes(memory))


def _put(memory: bytearray, name: str, place: int) -> None:
    """Only the first lies where its addresses say; the others cost what places cost that are none."""
    image = max(fixtures.case(name).images, key=lambda image: image.length)
    memory[place : place + image.length] = image.data


def _row(what: str, data: bytes) -> Row:
    base = fixtures.case("a005").images[0].base - (5 << 20)
    found: list[int] = []

    def measure() -> float:
        memory = Memory(snapshot_of([(base, data)]))
        began = time.monotonic()
        found.append(len(search_heaps(memory, memory.ranges()).regions))
        return time.monotonic() - began

    seconds = median_of(measure, 3)
    return Row(f"finding heaps in 32 MiB of {what}", seconds, 2, "s", f"{found[0]} found")
