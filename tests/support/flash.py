# SPDX-License-Identifier: Apache-2.0
"""A log in a flash partition, from docs/reference/format.md alone: what readers of such images are tested with."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from zlib import crc32

MAGIC = b"\x89MTFLSH\n"
GOES_ON = 1 << 31


def sector(
    number: int, sectors: int, frames: Sequence[tuple[int, int, bytes]], *, bits: int = 12, part: int = 1, run: int = 1
) -> bytes:
    """A sector of a ring that has not wrapped. A frame is its place in the part, GOES_ON or 0, and bytes of the log."""
    head = MAGIC + struct.pack("<3I2H2BH", number + 1, part, run, number, sectors, bits, 1, 1)
    data = head + struct.pack("<I", crc32(head))
    for place, more, content in frames:
        words = struct.pack("<3I", place, len(content) | more, 0)
        total = crc32(content, crc32(words, crc32(struct.pack("<I", number + 1))))
        data += words + struct.pack("<I", total) + content
    assert len(data) <= 1 << bits, "more than the sector has room for"
    return data.ljust(1 << bits, b"\xff")


def partition(log: bytes, header: int, *, sectors: int = 8, bits: int = 12) -> bytes:
    """A partition with a log of one part: writes of 480 bytes, whole ones in each sector."""
    writes = [log[:header], *(log[at : at + 480] for at in range(header, len(log), 480))]
    a_sector = ((1 << bits) - 32) // (480 + 16)
    data, place = b"", 0
    for number in range(-(-len(writes) // a_sector)):
        frames = []
        for write in writes[number * a_sector : (number + 1) * a_sector]:
            frames.append((place, 0, write))
            place += len(write)
        data += sector(number, sectors, frames, bits=bits)
    assert len(data) <= sectors << bits, "more than the partition has room for"
    return data.ljust(sectors << bits, b"\xff")
