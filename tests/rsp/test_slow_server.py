# SPDX-License-Identifier: Apache-2.0
"""Servers that send little by little: an answer has an end, whatever comes. The clock is the server's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from unittest.mock import patch

import pytest

from gdbext.source.memory import NoTarget
from gdbext.source.rsp import REPLY_SECONDS, RspConnection, RspSource
from tests.support.rsp_virtual import Piece, VirtualServer
from tests.support.rsp_wire import packet

BASE = 0x3FC8_0000
KNOWN = {b"qSupported": b"PacketSize=20000", b"?": b"T05"}
WORD = packet(b"00112233")


def server(memory: Callable[[], Iterator[Piece]]) -> VirtualServer:
    """A server that answers as `memory` says where memory is asked for, and at once otherwise."""

    def answer(request: bytes) -> Iterator[Piece]:
        if request[:1] == b"m":
            yield from memory()
        else:
            known = (reply for start, reply in KNOWN.items() if request.startswith(start))
            yield 0.0, b"+" + packet(next(known, b""))

    return VirtualServer(answer)


def read(given: VirtualServer, length: int = 4) -> bytes | None:
    with patch("gdbext.source.rsp.connect", given.connected), given.clock():
        return RspSource(RspConnection("here:1")).read(BASE, length)


def dripping(data: bytes, seconds: float) -> Iterator[Piece]:
    return ((seconds, data[at : at + 1]) for at in range(len(data)))


DRIPS: dict[str, Callable[[], Iterator[Piece]]] = {
    "acks": lambda: repeat((2.0, b"+")),
    "one packet's bytes": lambda: dripping(b"+$" + b"0" * 100_000, 2.0),
    "noise": lambda: repeat((0.1, b"x")),
    "beginnings": lambda: repeat((1.0, b"$00")),
    "console": lambda: repeat((5.0, packet(b"O41"))),
    "console, too fast to be idle": lambda: repeat((0.4, packet(b"O41"))),
    "stops": lambda: repeat((5.0, packet(b"T05"))),
    "damaged packets": lambda: repeat((4.0, b"$00#99")),
    "NAKs": lambda: repeat((4.0, b"-")),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_a_drip_ends_in_one_line(drip: str) -> None:
    given = server(DRIPS[drip])
    with pytest.raises(NoTarget) as caught:
        read(given)
    assert "\n" not in str(caught.value) and str(caught.value).endswith("then repeat the command")
    assert given.now <= 4 * REPLY_SECONDS, "three times a reply's time, and some to become silent"


def test_a_server_that_drips_from_the_start_ends() -> None:
    given = VirtualServer(lambda _: repeat((2.0, b"+")))
    with pytest.raises(NoTarget, match=r"too slowly|has not answered"):
        read(given)
    assert given.now <= 2 * REPLY_SECONDS


def test_a_reply_that_comes_at_the_speed_of_a_console_is_taken() -> None:
    data = bytes(range(256)) * 256
    reply = b"+" + packet(data.hex().encode())
    pieces = [reply[at : at + 96] for at in range(0, len(reply), 96)]
    given = server(lambda: ((0.02, piece) for piece in pieces))
    assert read(given, len(data)) == data and given.now > 2 * REPLY_SECONDS


def test_a_server_that_is_busy_and_says_so_is_waited_for() -> None:
    """OpenOCD sends empty console packets while a slow adapter reads."""
    given = server(lambda: iter([*[(0.5, packet(b"O"))] * 30, (0.5, WORD)]))
    assert read(given) == bytes.fromhex("00112233") and given.now > REPLY_SECONDS
