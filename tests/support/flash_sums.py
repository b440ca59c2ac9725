# SPDX-License-Identifier: Apache-2.0
"""Makes the sums of a changed flash image agree: those of littlefs' commits, and those of wear levelling."""

from __future__ import annotations

import struct
from binascii import crc32

BLOCK = 4096


def mended(data: bytes) -> bytes:
    """The image with sums that agree, wherever it may have some."""
    changed = bytearray(data)
    for start in range(0, len(data), BLOCK):
        if struct.unpack_from("<I", data.ljust(start + 32, b"\0"), start + 24)[0] == 2:
            _sum(changed, start, 60)  # a state
            _sum(changed, start, 32)  # a configuration, where a state has zeros
        _mend_commits(changed, start)
    return bytes(changed)


def _sum(data: bytearray, start: int, size: int) -> None:
    words = bytes(data[start : start + size])
    is_there = any(data[start + size : start + size + 4])
    if is_there and len(words) == size and start + size + 4 <= len(data):
        struct.pack_into("<I", data, start + size, crc32(words, 0xFFFF_FFFF))


def _mend_commits(data: bytearray, start: int) -> None:
    """Of a block of littlefs, as far as its tags lead."""
    at, before, commit = start + 4, 0xFFFF_FFFF, start
    while at + 8 <= min(start + BLOCK, len(data)):
        tag = int.from_bytes(data[at : at + 4], "big") ^ before
        size = 0 if tag & 0x3FF == 0x3FF else tag & 0x3FF
        if tag >> 31 or at + 4 + size > start + BLOCK:
            return
        if tag >> 20 & 0x780 == 0x500:
            struct.pack_into("<I", data, at + 4, crc32(data[commit : at + 4]) ^ 0xFFFF_FFFF)
            tag ^= (tag >> 20 & 1) << 31
            commit = at + 4 + size
        before, at = tag, at + 4 + size
