# SPDX-License-Identifier: Apache-2.0
"""A server of GDB's remote protocol in this process, on a clock that runs only while somebody waits for it.

    server = VirtualServer(lambda request: [(2.0, b"+"), (0.5, packet(b"OK")), (0.0, HANG_UP)])
    with patch("gdbext.source.rsp.connect", server.connected), server.clock():
        ...

Each answer is bytes that come after some seconds. An answer may have no end: it is taken piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from unittest.mock import patch

from tests.support import rsp_wire

Piece = tuple[float, bytes]  # seconds of waiting, and what comes then
HANG_UP = b""
Answer = Callable[[bytes], Iterable[Piece]]


class VirtualServer:
    """Both the server and the client's socket of its only connection."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._coming: Iterator[Piece] = iter(())
        self._next: Piece | None = None
        self._timeout = 0.0
        self._splitter = rsp_wire.Splitter()
        self.now = 0.0
        self.heard: list[bytes] = []

    def connected(self, _: str) -> VirtualServer:
        """Stands for connecting."""
        return self

    def clock(self) -> AbstractContextManager[object]:
        """Everybody's clock is this one."""
        return patch("time.monotonic", lambda: self.now)

    def settimeout(self, seconds: float) -> None:
        """The client waits so long at most."""
        self._timeout = seconds

    def sendall(self, data: bytes) -> None:
        """Takes requests."""
        for item in self._splitter.feed(data):
            if item[:1] == b"$":
                self.heard.append(item[1:-3])
                self._coming = chain(self._coming, self._answer(item[1:-3]))

    def recv(self, most: int) -> bytes:
        """Gives what comes next, or lets the clock run to the end of the client's patience."""
        delay, data = self._next or next(self._coming, (float("inf"), b"never"))
        if delay > self._timeout:
            self.now += self._timeout
            self._next = (delay - self._timeout, data)
            raise TimeoutError
        self.now += delay
        self._next = (0.0, data[most:]) if len(data) > most else None
        return data[:most]

    def close(self) -> None:
        """The client hangs up."""
