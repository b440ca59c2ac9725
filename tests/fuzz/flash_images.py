# SPDX-License-Identifier: Apache-2.0
"""Broken flash images: the shared ones of every file system, whole dumps among them, with more damage."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from tests.support.flash_cases import cases, image_of
from tests.support.flash_sums import mended
from tests.support.mutate import ANY, EXTREMES, mutated

LARGEST = 200_000  # bytes of an image that is changed; of the larger ones the file systems are the same
UNITS = (128, 256, 512, 4096)
STATUSES = (0, 1, 2)


@cache
def images() -> tuple[tuple[bytes, str], ...]:
    """The smaller images, each with the path of a file."""
    found = {}
    for case in cases().values():
        if case["path"] and case["image_length"] and (case["image_length"] <= LARGEST or case["whole_flash"]):
            data = image_of(case).read_bytes()
            found[case["file"]] = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data, case["path"]
    return tuple(found[name] for name in sorted(found))


def write(place: Path, random: Random) -> str:
    """Writes a broken image. Returns the path of a file that was in it."""
    data, path = random.choice(images())
    for _ in range(random.choice((0, 1, 3))):
        data = _hurt(data, random)
    if random.random() < 0.7:
        where, window = random.randrange(len(data) or 1), random.choice((64, 4096))
        hurt = mutated(data[where : where + window], random, EXTREMES, ANY)
        data = data[:where] + hurt + data[where + window :]
    if random.random() < 0.5:
        data = mended(data)
    place.write_bytes(gzip.compress(data, 1) if random.random() < 0.1 else data)
    return path


def _hurt(data: bytes, random: Random) -> bytes:
    """Erases, clears, repeats or exchanges a page or a block, or cuts the image."""
    unit = random.choice(UNITS)
    one, other = (random.randrange(max(1, len(data) // unit)) * unit for _ in range(2))
    if random.random() < 0.1:
        return data[:one]
    new = random.choice((b"\xff" * unit, bytes(unit), data[other : other + unit], random.randbytes(unit)))
    return data[:one] + new + data[one + unit :]


def wrong_extract(words: Sequence[str], status: int, out: str, errors: Sequence[str]) -> str | None:
    """What is wrong with the answer of `memtrace extract`."""
    if not all(line.startswith("memtrace: ") for line in errors) or any("a bug of memtrace" in one for one in errors):
        return f"not clear lines: {errors}"
    if "--list" in words and status == 0:
        told = json.loads(out)["partitions"]
        sizes = [file["length"] for one in told for file in one["files"]]
        return None if all(0 <= size < 1 << 33 for size in sizes) else f"sizes {sizes}"
    if status not in STATUSES or len(errors) != (status > 0):
        return f"status {status} with {errors}"
    there = Path(words[-1]).exists() if "--output" in words else status == 0
    return None if there == (status < 2) else f"status {status}, and a file: {there}"
