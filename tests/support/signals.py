# SPDX-License-Identifier: Apache-2.0
"""Bytes as a codec and a draw buffer leave them: samples of sound, and pixels."""

from __future__ import annotations

import math
from random import Random


def sound(step: float, channels: int) -> bytes:
    """Samples of 16 bits, of channels by turns, with some noise."""
    numbers = (int(9000 * math.sin(number // channels * step) + 200 * (number % 3)) for number in range(400))
    return b"".join(number.to_bytes(2, "little", signed=True) for number in numbers)


def picture(noise: Random) -> bytes:
    """A gradient in RGB565 with some edges."""
    colours = [((x // 6) % 32) << 11 | (x // 3 % 64) << 5 | (x // 12 % 32) for x in range(500)]
    for _ in range(8):
        colours[noise.randrange(500)] = noise.getrandbits(16)
    return b"".join(colour.to_bytes(2, "little") for colour in colours)
