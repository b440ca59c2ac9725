# SPDX-License-Identifier: Apache-2.0
"""FAT volumes by mkfs.fat and mtools, what hurts them, and their sectors as ESP-IDF's wear levelling lays them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

SECTOR = 4096  # of the flash
DEVICE = 0x1234_5678
_LIMIT = 60.0
_MKFS = shutil.which("mkfs.fat", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Geometry(NamedTuple):
    """What a volume is made with."""

    bits: int
    sector: int
    cluster: int  # sectors of one
    kilobytes: int


GEOMETRIES = (
    Geometry(12, 512, 1, 720),
    Geometry(12, 512, 4, 1440),
    Geometry(12, 4096, 1, 2048),
    Geometry(16, 512, 1, 4096),
    Geometry(16, 1024, 2, 16384),
    Geometry(32, 512, 1, 36864),
    Geometry(16, 2048, 1, 16384),
)


def volume(
    folder: Path, made: Geometry, random: Random, *, more: Mapping[str, bytes] = MappingProxyType({})
) -> tuple[bytes, dict[str, bytes]]:
    """A volume in which files were written and removed, so that some lie in pieces, and the files that are left."""
    folder.mkdir(exist_ok=True)
    assert _MKFS is not None, "mkfs.fat is missing: make setup"
    image = folder / "volume"
    fat, sectors = ("-F", str(made.bits)), ("-S", str(made.sector), "-s", str(made.cluster))
    _run(_MKFS, "-C", *fat, *sectors, "-n", "LABEL", "-i", "12345678", str(image), str(made.kilobytes))
    files: dict[str, bytes] = {}
    for path in ("/logs", "/logs/A Folder of Old Ones"):
        _run("mmd", "-i", str(image), f"::{path}")
    pieces = [f"/logs/piece{number}.bin" for number in range(12)]
    for path in pieces:
        _write(image, files, folder, path, random.randbytes(made.sector * made.cluster))
    for path in pieces[::2]:
        _run("mdel", "-i", str(image), f"::{path}")
        del files[path]
    cluster = made.sector * made.cluster
    for path, size in (
        ("/TRACE.LOG", 9 * cluster + 17),
        ("/logs/A Folder of Old Ones/Trace of run 1, in Full.log", 3 * cluster),
        ("/lower.txt", 1),
        ("/empty.log", 0),
        ("/logs/Grüße.log", 300),
    ):
        _write(image, files, folder, path, random.randbytes(size))
    for path, data in more.items():
        _write(image, files, folder, path, data)
    return image.read_bytes(), files


def _write(image: Path, files: dict[str, bytes], folder: Path, path: str, data: bytes) -> None:
    source = folder / "source"
    source.write_bytes(data)
    _run("mcopy", "-o", "-i", str(image), str(source), f"::{path}")
    files[path] = data


def _run(*words: str) -> None:
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
    subprocess.run(words, check=True, capture_output=True, timeout=_LIMIT, env=environment)


class Tables:
    """The tables of a volume of FAT12 or FAT16, to be read and changed."""

    def __init__(self, data: bytes, bits: int) -> None:
        self.data, self.bits = bytearray(data), bits
        sector, per_cluster, reserved, self.count, entries, _, _, size = struct.unpack_from("<HBHBHHBH", data, 11)
        self.cluster = sector * per_cluster
        self._start, self._size = reserved * sector, size * sector
        self.first = self._start + self.count * self._size + entries * 32

    def get(self, cluster: int, table: int = 0) -> int:
        """What a table has for a cluster."""
        at = self._start + table * self._size + cluster * self.bits // 8
        word = int.from_bytes(self.data[at : at + 2], "little")
        return word if self.bits == 16 else word >> 4 if cluster & 1 else word & 0xFFF

    def put(self, cluster: int, value: int, table: int) -> None:
        """Changes what a table has for a cluster."""
        at = self._start + table * self._size + cluster * self.bits // 8
        word = int.from_bytes(self.data[at : at + 2], "little")
        if self.bits == 12:
            value = word & 0xF | value << 4 if cluster & 1 else word & 0xF000 | value
        self.data[at : at + 2] = value.to_bytes(2, "little")

    def chain(self, cluster: int) -> list[int]:
        """The clusters of a sound chain."""
        found = [cluster]
        while self.get(found[-1]) < (0xFF0 if self.bits == 12 else 0xFFF0):
            found.append(self.get(found[-1]))
        return found

    def entry(self, name: bytes) -> int:
        """Where the entry of a short name is."""
        return self.data.index(name, self._start)

    def cluster_of(self, name: bytes) -> int:
        """The first cluster of a file."""
        return int(struct.unpack_from("<H", self.data, self.entry(name) + 26)[0])


def state(sectors: int, rounds: int, *, device: int = DEVICE) -> bytes:
    """The head of a state of wear levelling."""
    words = struct.pack("<8I28x", 0, sectors, rounds, 0, 16, SECTOR, 2, device)
    return words + struct.pack("<I", crc32(words, 0xFFFF_FFFF))


def marks(count: int, *, device: int = DEVICE) -> bytes:
    """The marks behind it, of an empty sector that has come so far."""
    words = (struct.pack("<I", (device + number) & 0xFFFF_FFFF) for number in range(4 * count))
    return b"".join(struct.pack("<I", crc32(word, 0xFFFF_FFFF)) for word in words)


class Levelled:
    """A partition under wear levelling: sectors, two copies of the state, the configuration."""

    def __init__(self, data: bytes, *, rounds: int = 0, empty: int = 0, spare: int = 0) -> None:
        """`spare`: sectors behind the volume, that safe mode has for itself."""
        logical = [data[at : at + SECTOR] for at in range(0, len(data), SECTOR)] + [b"\xff" * SECTOR] * spare
        self.sectors = len(logical) + 1
        turned = logical[rounds:] + logical[:rounds]
        self.body = [*turned[:empty], b"\xa5" * SECTOR, *turned[empty:]]
        size = next(size for size in range(1, 99) if 64 + 16 * (self.sectors + 2 * size + 1) <= size * SECTOR)
        self.total = (self.sectors + 2 * size + 1) * SECTOR
        self.states = [(state(self.sectors, rounds) + marks(empty)).ljust(size * SECTOR, b"\xff") for _ in range(2)]
        words = struct.pack("<8I", 0, self.total, SECTOR, SECTOR, 16, 16, 2, 32)
        self.config = (words + struct.pack("<I12x", crc32(words, 0xFFFF_FFFF))).ljust(SECTOR, b"\xff")

    def image(self) -> bytes:
        """Its bytes."""
        return b"".join((*self.body, *self.states, self.config))
