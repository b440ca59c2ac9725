# SPDX-License-Identifier: Apache-2.0
"""Reads the bytes around damage in a heap that was not read whole. The analysis of damage needs them."""

from __future__ import annotations

from typing import Iterable, Tuple

from gdbext.source.memory import Memory

_AROUND = 1024  # bytes on each side of a damaged place
_FURTHEST = 1 << 16  # bytes on each side, at most, if the damage goes on
_MOST_PLACES = 16


def fetch_around(memory: Memory, places: Iterable[Tuple[int, int]], low: int, high: int) -> None:
    """Fetches the bytes around damaged places (address, length). It goes further if all bytes up to there are equal or
    text.
    """
    for address, length in list(places)[:_MOST_PLACES]:
        start, end = max(low, address - _AROUND), min(high, address + length + _AROUND)
        memory.fetch(start, end - start)
        for reach in (_AROUND << shift for shift in range((_FURTHEST // _AROUND).bit_length())):
            before = (address - reach, address + length, max(low, address - 2 * reach))
            behind = (address, address + length + reach, min(high, address + length + 2 * reach))
            for first, last, limit in (before, behind):
                data = memory.snapshot.get(first, last - first)
                if data and (len(set(data)) == 1 or (data.isascii() and data.decode("ascii").isprintable())):
                    memory.fetch(min(limit, last), max(limit, last) - min(limit, last))
