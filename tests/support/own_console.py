# SPDX-License-Identifier: Apache-2.0
"""What memtrace's own console prints (docs/reference/console.md), written by rules of its own, not by the reader's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Block(NamedTuple):
    """A live block. Its names are numbers."""

    address: int
    size: int
    seq: int
    task: int
    heap: int
    stack: Sequence[int]


def checksum(text: str) -> int:
    """CRC-16 of XMODEM, bit by bit, as a device computes it."""
    total = 0
    for byte in text.encode():
        total ^= byte << 8
        for _ in range(8):
            total = (total << 1 ^ 0x1021 if total & 0x8000 else total << 1) & 0xFFFF
    return total


def line(*parts: object) -> str:
    """A record: numbers in hexadecimal, words as they are."""
    text = "MT1 " + " ".join(f"{part:x}" if isinstance(part, int) else str(part) for part in parts)
    return f"{text} #{checksum(text):04x}\r\n"


def listing(blocks: Iterable[Block], names: dict[int, str], build: str = "98e81b951c0ffee0") -> str:
    """`memtrace show`: what is live."""
    shown = list(blocks)
    lines = [line("B", "live", 243, build), *(line("N", number, name) for number, name in names.items())]
    lines += [line("A", *block[:5], *block.stack) for block in shown]
    return "".join([*lines, line("E", len(shown), sum(block.size for block in shown))])


def stop(why: str, text: str, seq: int, task: int, stack: Sequence[int], *others: str) -> str:
    """A report of a stop, with `others`: records of the blocks beside it."""
    lines = [line("B", "stop", 243, "98e81b951c0ffee0"), line("N", 2, "coap_rx"), line("X", why, seq, task, *stack)]
    return "".join([*lines, line("T", *text.split()), *others, line("Z", 1 + len(others))])
