# SPDX-License-Identifier: Apache-2.0
"""Finds the numbers of free memory that a program prints to its console.

Approach: some words are sought in large pieces; only where one is, the lines are looked at.
Limits: the last 65,536 numbers; the first number of a line counts.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Deque

_WORDS = (b"eap", b"ree mem", b"ree Mem")
_NUMBER = re.compile(
    rb"(?i)(?:free[ _]?(?:heap|mem(?:ory)?)(?:[ _]size)?|heap[ _]free)[^0-9\n]{0,16}([0-9][0-9,]{2,12})(?![0-9,.]*[k%])"
    rb"[^\n]*"
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
        if any(word in text for word in _WORDS):
            for found in _NUMBER.finditer(text, 0, end):
                self.readings.append(int(found[1].replace(b",", b"") or b"0"))
