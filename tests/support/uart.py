# SPDX-License-Identifier: Apache-2.0
"""Frames of a log on a serial line, from docs/reference/format.md alone: what readers of such lines are tested with."""

from __future__ import annotations

from zlib import crc32

MARK = b"\x1e\x1e"


def frame(records: bytes, place: int = 0, run: int = 1, *, begins: bool = False) -> bytes:
    """What the line carries for some records."""
    length = len(records) | (0x8000 if begins else 0)
    content = length.to_bytes(2, "big") + run.to_bytes(2, "big") + place.to_bytes(4, "big") + records
    content += crc32(content).to_bytes(4, "big")
    bits = "".join(f"{byte:08b}" for byte in content)
    bits += "0" * (-len(bits) % 7)
    return MARK + bytes(0x80 | int(bits[at : at + 7], 2) for at in range(0, len(bits), 7))


def framed(log: bytes, header: int, size: int = 496) -> list[bytes]:
    """The frames of a log of one part whose records need no SYNC before them: one of the header, then the rest."""
    rest = [log[at : at + size] for at in range(header, len(log), size)]
    places = [header + at * size for at in range(len(rest))]
    return [frame(log[:header], begins=True), *(frame(part, at) for part, at in zip(rest, places, strict=True))]
