# SPDX-License-Identifier: Apache-2.0
"""Reads the log out of a flash partition that memtrace used as a ring, or out of a whole flash image with one in it.

docs/reference/format.md, section 13; c_helpers/sinks/flash_ring.c writes it.
Approach: sectors are found by their magic, wherever they lie, and taken in the order of their numbers, part by part. A
part whose first sector was overwritten is left out, as what its events name may be gone. A write counts only if the
sums of its frames are right and they go on where the one before it ended. So a half erased sector invents nothing.
Rejected: asking for the partition's place (a partition table is another format, and chips without one have rings, too).
Cost: one search of the image, and its bytes twice. Memory: a tuple a sector, and one write.
Assumptions: one ring in an image is meant, the one with the most sectors.
"""

from __future__ import annotations

import struct
from itertools import groupby
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple
from zlib import crc32

from gdbext.source.log_header import log_header_size
from gdbext.source.overlaps import Bytes

MAGIC = b"\x89MTFLSH\n"
_VERSION = 1
_SECTOR_FIELDS, _FRAME_FIELDS = "8s3I2H2BHI", "4I"
_SECTOR_BYTES, _FRAME_BYTES = 32, 16
_GOES_ON = 1 << 31
_SECTOR_BITS, _UNITS = range(8, 21), (1, 2, 4, 8, 16, 32)
_MOST_FOUND = 1 << 20  # places with the magic; a ring has 65,535 sectors at most


class Sector(NamedTuple):
    """A sector whose header is right. Its numbers are those of `struct flash_ring_sector`."""

    place: int  # in the image
    sequence: int
    part: int
    run: int
    number: int  # which of the partition's sectors this is
    sectors: int
    bits: int
    unit: int
    mark: str  # of the byte order, as struct has it


class _Frame(NamedTuple):
    """A frame whose sum is right."""

    offset: int  # in its part
    goes_on: bool  # does the next frame have more of the same write?
    data: bytes


class FlashRing:
    """The log in an image. `torn` counts up while its bytes are read."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._sectors = _ring_of(_sectors_in(data))
        self.sectors = len(self._sectors)  # 0: there is no ring in the image
        self.torn = 0  # writes that were cut: by a reset, or in flash that has lost bits

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes of the log, the oldest first. Each run begins with its header."""
        run = 0
        for _, sectors in groupby(self._sectors, lambda sector: sector.part):
            part = list(sectors)
            for number, data in enumerate(self._writes(part)):
                if not number:
                    size = log_header_size(data)
                    if not size:
                        break
                    data, run = data[size if part[0].run == run else 0 :], part[0].run
                if data:
                    yield data

    def _writes(self, sectors: List[Sector]) -> Iterator[bytes]:
        """Yields what was written of a part, as far as it goes on. A write that was cut may have been made again."""
        start = end = 0  # of what is held of a write, in the part
        held: List[bytes] = []
        is_cut = True  # is it known already? Not in a part whose beginning was overwritten, which is no loss
        for sector in sectors:
            for frame in _frames_in(self._data[sector.place : sector.place + (1 << sector.bits)], sector):
                if frame is None:
                    self.torn, is_cut = self.torn + 1, True
                    break
                if frame.offset == start:
                    self.torn += bool(held)
                    held, end = [], start
                elif frame.offset != end:
                    self.torn += not is_cut
                    return
                held.append(frame.data)
                end += len(frame.data)
                if not frame.goes_on:
                    yield b"".join(held)
                    held, start, is_cut = [], end, False
        self.torn += bool(held)


def _frames_in(data: bytes, sector: Sector) -> Iterator[Optional[_Frame]]:
    """Yields the frames of a sector. None, and nothing behind it, for one that is not right."""
    at, sum_before = _SECTOR_BYTES, crc32(struct.pack(f"{sector.mark}I", sector.sequence))
    while at + _FRAME_BYTES < len(data) and data[at : at + _FRAME_BYTES] != b"\xff" * _FRAME_BYTES:
        offset, size, _, stored = struct.unpack_from(f"{sector.mark}{_FRAME_FIELDS}", data, at)
        start, end = at + _FRAME_BYTES, at + _FRAME_BYTES + (size & ~_GOES_ON)
        if start == end or end > len(data) or crc32(data[start:end], crc32(data[at : at + 12], sum_before)) != stored:
            yield None
            return
        yield _Frame(offset, bool(size & _GOES_ON), data[start:end])
        at = -(-end // sector.unit) * sector.unit


def _sectors_in(data: Bytes) -> Iterator[Sector]:
    at = data.find(MAGIC)
    for _ in range(_MOST_FOUND):
        if at < 0:
            return
        sector = _sector_at(data[at : at + _SECTOR_BYTES], at)
        if sector is not None:
            yield sector
        at = data.find(MAGIC, at + len(MAGIC))


def _sector_at(head: bytes, place: int) -> Optional[Sector]:
    """Returns the sector with this header. None if it is none, or one of another version."""
    for mark in "<>" if len(head) == _SECTOR_BYTES else "":
        _, sequence, part, run, number, sectors, bits, unit, version, stored = struct.unpack(
            mark + _SECTOR_FIELDS, head
        )
        if version == _VERSION and stored == crc32(head[:-4]) and bits in _SECTOR_BITS and unit in _UNITS:
            return Sector(place, sequence, part, run, number, sectors, bits, unit, mark)
    return None


def _ring_of(found: Iterator[Sector]) -> List[Sector]:
    """Returns the sectors of the ring that has the most of them, in the order in which they were written."""
    rings: Dict[Tuple[int, int, int, str], List[Sector]] = {}
    for sector in found:
        start = sector.place - (sector.number << sector.bits)
        rings.setdefault((start, sector.bits, sector.sectors, sector.mark), []).append(sector)
    largest = max(rings.values(), key=lambda ring: len(ring), default=[])
    return sorted(largest, key=lambda sector: sector.sequence)
