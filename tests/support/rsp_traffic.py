# SPDX-License-Identifier: Apache-2.0
"""What passed on a connection of the remote protocol, and the counts that tests and benchmarks ask for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.support import rsp_wire


def wait_until(holds: Callable[[], bool], timeout: float = 60.0) -> None:
    """Wait for what comes by itself; how fast is no test's business."""
    limit = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > limit:
            raise TimeoutError(f"it did not come within {timeout} s")
        time.sleep(0.02)


@dataclass(frozen=True)
class Request:
    """One request as it came; `seconds` since the start."""

    kind: str
    data: bytes
    seconds: float

    @property
    def span(self) -> range:
        """The addresses that an `m`, `M` or `X` asks for; empty for others."""
        if self.kind not in ("m", "M", "X"):
            return range(0)
        address, length = (int(word, 16) for word in self.data[1:].split(b":", 1)[0].split(b","))
        return range(address, address + length)


class Traffic:
    """The requests in their order, and the bytes of both directions. Written by one thread, read by any."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.log: list[Request] = []
        self.bytes_in = 0
        self.bytes_out = 0

    def note(self, data: bytes, kind: str | None = None) -> None:
        """Add a request."""
        self.log.append(Request(kind or rsp_wire.kind(data), data, time.monotonic() - self._started))

    def forget(self) -> None:
        """Start counting anew."""
        self.log.clear()
        self.bytes_in = self.bytes_out = 0

    def wait_for(self, *kinds: str, timeout: float = 60.0) -> None:
        """Wait until a request of one of these kinds has come."""
        wait_until(lambda: self.count(*kinds) > 0, timeout)

    def counts(self) -> Counter[str]:
        """Requests by kind (rsp_wire.kind)."""
        return Counter(request.kind for request in list(self.log))

    def count(self, *kinds: str) -> int:
        """How many requests of these kinds came; "Z" and "z" stand for all their numbers."""
        return sum(
            number for name, number in self.counts().items() if name in kinds or name[:1] in set("Zz") & {*kinds}
        )

    def count_except(self, *kinds: str) -> int:
        """How many requests of other kinds came; "Z" and "z" as above."""
        return len(self.log) - self.count(*kinds)

    @property
    def bytes_read(self) -> int:
        """Bytes of memory that GDB has asked for."""
        return sum(len(request.span) for request in list(self.log) if request.kind == "m")
