# SPDX-License-Identifier: Apache-2.0
"""Broken carriers of a log: flash partitions and serial lines. Most sums are right, so that the rest is believed."""

from __future__ import annotations

from random import Random

from tests.support import flash, uart
from tests.support.log import HEADER, Log
from tests.support.mutate import ANY, EXTREMES, mutated
from tests.support.terminal import HOSTILE


def some_log(random: Random) -> bytes:
    """A log of some events, whose definitions and widths are sound."""
    log = Log(pointer_size=random.choice((4, 4, 8)), byte_order=random.choice(("little", "little", "big")))
    for number in range(random.choice((1, 20, 120))):
        log.event(random.choice(("alloc", "alloc", "free")), 0x1000 + 16 * (number % 40), number)
    data = bytes(log.data)
    return data[:HEADER] + mutated(data[HEADER:], random, (), ANY) if random.random() < 0.3 else data


def _number(right: int, random: Random) -> int:
    return right if random.random() < 0.9 else random.choice((*EXTREMES, right + 1, right - 1, 0)) & 0xFFFF_FFFF


def partition(random: Random) -> bytes:
    """Sectors with runs, parts, places and sizes that do not fit; some lie elsewhere, twice or nowhere."""
    log, bits = some_log(random), random.choice((9, 9, 12))
    sectors, data, place = random.choice((4, 16, 65535)), b"", 0
    for number in range(random.choice((1, 3, 12))):
        frames, left = [], (1 << bits) - 32
        while left > 32 and random.random() < 0.9:
            piece = log[place : place + random.choice((16, 100, 480))][: left - 16] or log[:16]
            more = flash.GOES_ON if random.random() < 0.2 else 0
            frames.append((_number(place, random), more, piece))
            place, left = place + len(piece), left - 16 - len(piece)
        part, run = _number(1, random), _number(1, random)
        data += flash.sector(number & 0xFFFF, sectors, frames, bits=bits, part=part, run=run)
        if random.random() < 0.1:
            place = 0
    around = random.randbytes(random.choice((0, 0, 100))) + data + flash.MAGIC * random.choice((0, 0, 50))
    return mutated(around, random, (), ANY) if random.random() < 0.4 else around


def line(random: Random) -> bytes:
    """Frames of runs and places that do not fit, of any length, in any order, with any text between and in them."""
    log = some_log(random)
    pieces, place = [], 0
    for number in range(random.choice((1, 5, 20))):
        records = log[:HEADER] if number % 7 == 0 else log[HEADER + place :][: random.choice((16, 480, 9000))]
        frame = uart.frame(records, _number(place, random), _number(1, random) & 0xFFFF, begins=random.random() < 0.2)
        text = random.choice((*HOSTILE, "I (3) boot\r\n", "\u00fc", "x" * 600)).encode()
        cut = random.randrange(len(frame) + 1)
        pieces += [frame[:cut], text, frame[cut:]] if random.random() < 0.3 else [frame, text]
        place += len(records)
    if random.random() < 0.2:
        random.shuffle(pieces)
    data = b"".join(pieces)
    return mutated(data, random, (), ANY) if random.random() < 0.4 else data
