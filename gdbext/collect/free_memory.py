# SPDX-License-Identifier: Apache-2.0
"""Finds the numbers of free memory that a program prints to its console.

Approach: each expression begins with a few letters as they stand: such are found many times faster than in any case.
Limits: the last 65,536 numbers; the first number of a line counts.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Deque, Dict, Tuple

_NUMBER = rb"[^0-9\n]{0,16}([0-9][0-9,]{2,12})(?![0-9,.]*[k%])[^\n]*"
_FREE = rb"(?i:[ _]?(?:heap|mem(?:ory)?)(?:[ _]size)?)" + _NUMBER
_READINGS = tuple(
    re.compile(pattern)
    for pattern in (b"ree" + _FREE, b"REE" + _FREE, b"eap(?i:[ _]free)" + _NUMBER, b"EAP[ _]FREE" + _NUMBER)
)
_MOST, _OVERLAP = 1 << 16, 1 << 9


class FreeMemory:
    """The readings in one text. Its pieces come in order."""

    def __init__(self) -> None:
        self.readings: Deque[int] = deque(maxlen=_MOST)
        self._rest = b""

    def add(self, piece: bytes) -> None:
        """Takes the next bytes."""
        text = self._rest + piece
        end = text.rfind(b"\n") + 1
        self._rest = text[end:][-_OVERLAP:]
        lines: Dict[int, Tuple[int, bytes]] = {}  # by the end of a line: the place of its first number, and the number
        for pattern in _READINGS:
            for found in pattern.finditer(text, 0, end):
                lines[found.end()] = min(lines.get(found.end(), (end, b"")), (found.start(1), found[1]))
        self.readings.extend(int(lines[place][1].replace(b",", b"") or b"0") for place in sorted(lines))
