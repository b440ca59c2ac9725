# SPDX-License-Identifier: Apache-2.0
"""A log in a flash ring: what was confirmed is read again, wherever the power went, and nothing else is.

tests/unit/c/sinks/power_cuts.c runs the ring on a simulated NOR flash and cuts its power at each operation, at several
bytes of it. What the log must be then is said here a second time, by what was written.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gdbext.source.flash_ring import MAGIC, FlashRing
from tests.support.paths import ROOT

SINKS = ROOT / "c_helpers" / "sinks"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")
CHECKED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LOG_MAGIC, HEADER_BYTES, ROWS_MAX = b"\x89MEMTRC\n", 416, 24


class Shape(NamedTuple):
    sectors: int
    sector_bits: int
    unit: int
    writes: int
    part_bytes: int

    @property
    def bytes(self) -> int:
        return self.sectors << self.sector_bits


# Small sectors, so that the ring wraps several times: parts of one and of several, a log's header larger than one.
SHAPES = (Shape(4, 10, 1, 60, 960), Shape(16, 8, 4, 36, 480), Shape(16, 9, 16, 100, 960), Shape(32, 8, 32, 54, 960))


class Play(NamedTuple):
    """What a program said of its run, and the flash after it."""

    confirmed: int
    sequence: int
    parts: tuple[int, ...]
    flash: bytes


@cache
def program() -> Path:
    folder = ROOT / "build" / "sinks"
    folder.mkdir(parents=True, exist_ok=True)
    sources = [*sorted((ROOT / "tests" / "unit" / "c" / "sinks").glob("*.c")), SINKS / "flash_ring.c"]
    flags = ["-std=gnu11", "-O1", "-g", *WARNINGS, *CHECKED, f"-I{ROOT / 'c_helpers' / 'include'}", f"-I{SINKS}"]
    command = ["gcc", *flags, *map(str, sources), str(SINKS / "checksum.c"), "-o", str(folder / "power_cuts")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "power_cuts"


def plays(shape: Shape) -> Iterator[Play]:
    """Every run of the program: one that is whole, then threes: one that is cut, its rest, another one."""
    command = [program(), *shape[:4]]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        while head := process.stdout.read(12):
            confirmed, sequence, count = struct.unpack("<3I", head)
            parts = struct.unpack(f"<{count}I", process.stdout.read(4 * count))
            yield Play(confirmed, sequence, parts, process.stdout.read(shape.bytes))
        assert process.wait() == 0, process.stderr.read()


@cache
def rows_of(run: int, write: int) -> bytes:
    return b"".join(struct.pack("<4I", run, write, row, 0xFFFFFFFF) for row in range(1 + write * 7 % ROWS_MAX))


@cache
def parts_of(run: int, writes: int, part_bytes: int) -> list[bytes]:
    """The rows of each part, and no more than those of `writes` writes."""
    parts = [b""]
    for write in range(writes):
        rows = rows_of(run, write)
        if HEADER_BYTES + len(parts[-1]) + len(rows) > part_bytes:
            parts.append(b"")
        parts[-1] += rows
    return parts


def runs_in(log: bytes) -> dict[int, bytes]:
    """The rows of each run, by its number."""
    runs = {}
    for piece in log.split(LOG_MAGIC)[1:]:
        number = int.from_bytes(piece[380:384], "little")
        assert not runs.get(number), "a run begins twice"
        runs[number] = piece[HEADER_BYTES - 8 :]
    return runs


def is_right(read: bytes, run: int, play: Play, last: int, shape: Shape) -> bool:
    """Whether the run's rows are those of the parts that are left: what was confirmed, and nothing else."""
    gone = sum(part + shape.sectors <= last for part in play.parts)
    parts = parts_of(run, play.confirmed, shape.part_bytes)
    least = b"".join(parts[gone:])
    # The one that is being erased may still be there, as far as its writes go.
    being_erased = parts[gone - 1] if gone and play.parts[gone - 1] + shape.sectors == last else b""
    return read.endswith(least) and being_erased.startswith(read[: len(read) - len(least)])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_power_goes_at_any_byte(shape: Shape) -> None:
    made = plays(shape)
    whole = next(made)
    assert whole.confirmed == shape.writes
    assert whole.sequence > 3 * shape.sectors, "the ring must wrap several times"
    assert is_right(runs_in(b"".join(FlashRing(whole.flash).chunks()))[1], 1, whole, whole.sequence, shape)
    cuts = torn = 0
    for cut in made:
        mended, behind = next(made), next(made)
        assert mended.confirmed + len(mended.parts) - cut.confirmed - len(cut.parts) in (0, 1)
        assert behind.confirmed == shape.writes // 3
        ring = FlashRing(cut.flash)
        read = runs_in(b"".join(ring.chunks())).get(1, b"")
        confirmed = (cut.confirmed, cut.confirmed + 1)  # what was under way may have been whole
        assert any(is_right(read, 1, cut._replace(confirmed=count), cut.sequence, shape) for count in confirmed), cut
        read = runs_in(b"".join(FlashRing(mended.flash).chunks()))[1]
        assert is_right(read, 1, mended, mended.sequence, shape), mended
        runs = runs_in(b"".join(FlashRing(behind.flash).chunks()))
        assert is_right(runs.pop(1, b""), 1, mended, behind.sequence, shape), behind
        assert is_right(runs.pop(2), 2, behind, behind.sequence, shape), behind
        assert not runs
        cuts, torn = cuts + 1, torn + ring.torn
    assert cuts > 5 * whole.sequence and torn > cuts // 5


def rows_in(data: bytes) -> list[tuple[int, ...]]:
    """Rows, without one that was cut and what fills it up."""
    whole = data.rstrip(b"\0")
    return list(struct.iter_unpack("<4I", whole[: len(whole) // 16 * 16]))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sector_that_lost_its_bits_costs_what_is_in_its_part(shape: Shape) -> None:
    """Frames are gone as if never written. What is read was written, in order."""
    whole = next(plays(shape))
    written = {row for part in parts_of(1, whole.confirmed, shape.part_bytes) for row in rows_in(part)}
    torn = 0
    for index in range(shape.sectors):
        end = (index + 1) << shape.sector_bits
        for start in range(end - (1 << shape.sector_bits), end, 32):
            ring = FlashRing(whole.flash[:start] + b"\xff" * (end - start) + whole.flash[end:])
            log = b"".join(ring.chunks())
            rows = [row for piece in log.split(LOG_MAGIC)[1:] for row in rows_in(piece[HEADER_BYTES - 8 :])]
            assert rows == sorted(set(rows)) and written.issuperset(rows), f"{start:#x}: not what was written"
            assert len(log) + 3 * shape.part_bytes > len(b"".join(FlashRing(whole.flash).chunks()))
            torn += ring.torn
    assert torn


def test_the_ring_is_found_in_an_image_of_the_whole_flash() -> None:
    whole = next(plays(SHAPES[0]))
    log = b"".join(FlashRing(whole.flash).chunks())
    around = b"\xff" * 777 + MAGIC + b"bootloader" + MAGIC * 3 + whole.flash + MAGIC[:-1]
    assert b"".join(FlashRing(around).chunks()) == log
    assert FlashRing(b"\xff" * 4096 + MAGIC * 9).sectors == 0
    assert not list(FlashRing(b"").chunks())
