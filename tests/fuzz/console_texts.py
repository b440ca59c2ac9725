# SPDX-License-Identifier: Apache-2.0
"""Breaks console texts: lines lost, doubled, torn and mixed, numbers at their ends, bytes of anything."""

from __future__ import annotations

import re
from random import Random

from tests.support.console_texts import TEXTS
from tests.support.terminal import HOSTILE

_HEX, _NUMBER = re.compile(rb"0x[0-9a-fA-F]+"), re.compile(rb"\b[0-9]{1,10}\b")
_VALUES = (b"0x0", b"0xffffffff", b"0x80000000", b"0xfefefefe", b"0x" + b"f" * 40, b"0x", b"0x3ffb0000")
_NUMBERS = (b"0", b"4294967295", b"9" * 60, b"-1")
_LONGEST_LINE = 1 << 17


def broken(random: Random) -> bytes:
    """The text of one, two or three devices, broken in some ways."""
    text = "".join(random.choice(TEXTS).text for _ in range(random.choice((1, 1, 1, 2, 3)))).encode()
    for _ in range(random.choice((1, 2, 4, 8))):
        text = random.choice(_WAYS)(text, random)
    return text


def _values(text: bytes, random: Random) -> bytes:
    pattern, values = random.choice(((_HEX, _VALUES), (_NUMBER, _NUMBERS)))
    return pattern.sub(lambda found: random.choice(values) if random.random() < 0.1 else found[0], text)


def _lines(text: bytes, random: Random) -> bytes:
    lines = text.split(b"\n")
    kept = [line for line in lines for _ in range(random.choice((0, 1, 1, 1, 1, 1, 1, 2)))]
    if random.random() < 0.2:
        random.shuffle(kept)
    return b"\n".join(kept)


def _torn(text: bytes, random: Random) -> bytes:
    for _ in range(random.randrange(1, 9)):
        at = random.randrange(len(text) + 1)
        piece = random.choice(
            (b"", b"\r\n", b"W (809) mqtt: retry 48\n", random.choice(HOSTILE).encode("utf-8", "surrogatepass"))
        )
        text = text[:at] + piece + text[at + random.randrange(0, 40) :]
    return text


def _bytes(text: bytes, random: Random) -> bytes:
    changed = bytearray(text)
    for _ in range(random.randrange(1, 60) if changed else 0):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(text: bytes, random: Random) -> bytes:
    return text[random.randrange(len(text) + 1) :] if random.random() < 0.3 else text[: random.randrange(len(text) + 1)]


def _wide(text: bytes, random: Random) -> bytes:
    return text.replace(b"\n", b" ") * random.choice((1, 3)) + b"0x40380000:" * random.randrange(_LONGEST_LINE // 11)


def _recoded(text: bytes, random: Random) -> bytes:
    coding = random.choice(("utf-16", "utf-16-be", "utf-8-sig"))
    return text.decode("latin-1").encode(coding)


_WAYS = (_values, _values, _lines, _torn, _bytes, _cut, _wide, _recoded)
