# SPDX-License-Identifier: Apache-2.0
"""Reads samples of a program's code from its ELF file, to compare them with a target's memory.

Approach: some places in each executable segment, by the program headers alone, so that a stripped file has them too and
GDB's Python needs no library.
Cost: at most 8 reads of 32 bytes of the target.
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, List, Optional, Tuple

Sample = Tuple[int, bytes]  # the address that it was linked for, and its bytes

_SAMPLES, _SAMPLE_BYTES = 8, 32
_FIXED = 2  # e_type of a program that runs where it was linked for
_LOADED, _EXECUTABLE = 1, 1
_MOST_HEADERS = 256
_FEWEST_OTHERS, _OTHER_BYTES = 2, 8  # so many samples must differ in so many bytes: a breakpoint changes four


def code_samples(path: str) -> List[Sample]:
    """Returns samples of a program's code; [] if there are none, or if the program may run at any address."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            wide, mark = head[4:5] == b"\2", ">" if head[5:6] == b"\2" else "<"
            kind, offset = (
                struct.unpack_from(f"{mark}H", head, 16)[0],
                struct.unpack_from(f"{mark}{'Q' if wide else 'I'}", head, 32 if wide else 28)[0],
            )
            size, count = struct.unpack_from(f"{mark}2H", head, 54 if wide else 42)
            if head[:4] != b"\x7fELF" or kind != _FIXED:
                return []
            segments = []
            for number in range(min(count, _MOST_HEADERS)):
                file.seek(offset + number * size)
                entry = struct.unpack_from(f"{mark}{'IIQQQQ' if wide else '8I'}", file.read(56 if wide else 32))
                flags, place, address, length = (
                    (entry[1], entry[2], entry[3], entry[5]) if wide else (entry[6], entry[1], entry[2], entry[4])
                )
                if entry[0] == _LOADED and flags & _EXECUTABLE and length >= _SAMPLE_BYTES:
                    segments.append((place, address, length))
            found: Dict[int, bytes] = {}
            for place, address, length in segments[:_SAMPLES]:
                for part in range(max(1, _SAMPLES // len(segments))):
                    start = (length - _SAMPLE_BYTES) * (part + 1) // (_SAMPLES + 1) & ~15
                    file.seek(place + start)
                    found[address + start] = file.read(_SAMPLE_BYTES)
            return list(found.items())
    except (OSError, struct.error, OverflowError, ValueError):
        return []


def is_foreign(samples: List[Sample], read: Callable[[int, int], Optional[bytes]]) -> bool:
    """True if memory holds other code than the program's file."""
    others = 0
    for address, code in samples:
        data = read(address, len(code))
        others += data is not None and sum(one != other for one, other in zip(data, code)) >= _OTHER_BYTES
    return others >= _FEWEST_OTHERS
