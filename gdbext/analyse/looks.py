# SPDX-License-Identifier: Apache-2.0
"""Tells whether many bytes look like pixels (RGB565), like samples of sound (16 bits), or are words that count up: what
a DMA, a codec or a test writes.

Approach: pixels and samples are numbers of 16 bits that are near those beside them. Pixels are near in each of their
three colours; samples swing around zero, and their steps are small beside their swing.
Rejected: to call bytes pixels because they come from a draw buffer's block (nobody knows); statistics over all bytes
(tables and code are regular, too, and heaps are full of both).
Limits: some 100 bytes at least. Pictures without two colours, silence and noise are not recognised.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from gdbext.analyse.values import COUNTER, PIXELS, SAMPLES
from gdbext.model.said import Said, said
from gdbext.source.snapshot import ByteOrder

_LEAST = 48  # numbers of 16 bits
LEAST_BYTES = 2 * _LEAST  # that look like pixels or sound
_NEAR_COLOUR = (2, 4, 2)  # of 31 or 63
_LEAST_CHANGES = 16  # of the colour from a pixel to the next; a fill with something in it has few
_EDGES = 0.2  # of these may be to quite another colour
_LEAST_COLOURS = 8
_LEAST_SWING = 512  # of a sample, which goes from -32,768 to 32,767
_LARGEST_STEP = 0.25  # of the swing, from a sample to the next
_LARGEST_MEAN_STEP = 0.1
_MOST_ZEROS = 0.2  # a table of small numbers in words of 32 bits has every second one
_LEAST_TURNS = 2  # sound goes up and down
_LEAST_COUNTED = 4  # words
_LARGEST_COUNT = 16  # from one word to the next


class Look(NamedTuple):
    """What bytes look like."""

    got_is: str
    words: Said


def look_of(data: bytes, start: int, order: ByteOrder, onwards: bool, least: int) -> Optional[Look]:
    """Returns what bytes look like, from their start on, or (`onwards`: False) up to their end. At least `least` bytes
    must look so. None if they look like nothing of these.
    """
    if start % 2:
        data, start = (data[1:], start + 1) if not onwards else (data, start)
    numbers = [int.from_bytes(data[at : at + 2], order) for at in range(0, len(data) - 1, 2)]
    needed = max(_LEAST, (least + 1) // 2)
    for count in (len(numbers), len(numbers) // 2, len(numbers) // 4, needed):
        if count < needed:
            return None
        part = numbers[:count] if onwards else numbers[-count:]
        at = start if onwards else start + 2 * (len(numbers) - count)
        if _are_pixels(part):
            return Look(PIXELS, said("run-pixels", count=2 * count, start=at))
        if any(_are_samples(part, step) for step in (1, 2)):
            return Look(SAMPLES, said("run-samples", count=2 * count, start=at))
    return None


def counting(data: bytes, start: int, width: int, order: ByteOrder) -> Optional[Look]:
    """Returns how words count up from the first one on; None if they do not."""
    words = [int.from_bytes(data[at : at + width], order) for at in range(0, len(data) - width + 1, width)]
    step = words[1] - words[0] if len(words) >= _LEAST_COUNTED else 0
    if not 0 < step <= _LARGEST_COUNT or words[0] == 0:
        return None
    count = next((at for at in range(1, len(words)) if words[at] - words[at - 1] != step), len(words))
    if count < _LEAST_COUNTED:
        return None
    return Look(COUNTER, said("run-words", count=count * width, start=start, step=step))


def _are_pixels(numbers: Sequence[int]) -> bool:
    if len(set(numbers)) < _LEAST_COLOURS or numbers.count(0) > _MOST_ZEROS * len(numbers):
        return False
    colours = [(one >> 11, one >> 5 & 0x3F, one & 0x1F) for one in numbers]
    if sum(len({colour[channel] for colour in colours}) > 1 for channel in range(3)) < 2:
        return False
    changes = [(one, other) for one, other in zip(colours, colours[1:]) if one != other]
    far = sum(any(abs(a - b) > most for a, b, most in zip(one, other, _NEAR_COLOUR)) for one, other in changes)
    return len(changes) >= _LEAST_CHANGES and far <= _EDGES * len(changes)


def _are_samples(numbers: Sequence[int], channels: int) -> bool:
    """Tells whether numbers are samples of one channel, or of two by turns."""
    if len(numbers) < channels * _LEAST:
        return False
    return all(_swings([_signed(one) for one in numbers[first::channels]]) for first in range(channels))


def _swings(samples: List[int]) -> bool:
    low, high = min(samples), max(samples)
    swing = high - low
    if swing < _LEAST_SWING or low >= 0 or high <= 0 or samples.count(0) > _MOST_ZEROS * len(samples):
        return False
    steps = [after - before for before, after in zip(samples, samples[1:])]
    mean = sum(map(abs, steps)) / len(steps)
    if max(map(abs, steps)) > _LARGEST_STEP * swing or mean > _LARGEST_MEAN_STEP * swing:
        return False
    signs = [step > 0 for step in steps if step]
    return sum(one != other for one, other in zip(signs, signs[1:])) >= _LEAST_TURNS


def _signed(number: int) -> int:
    return number - 0x10000 if number & 0x8000 else number
