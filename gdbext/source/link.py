# SPDX-License-Identifier: Apache-2.0
"""How fast a link is, learnt from the reads that are made anyway, and what to tell a person who waits for it.

Approach: small reads tell what a round trip costs, large ones what a byte costs; nothing is read to measure.
Rejected: asking for the transport (a serial port's speed is not what its stub delivers).
Assumptions: one link has one speed; a link of which nothing is known yet is taken for a fast one.
"""

from __future__ import annotations

from typing import Callable, Optional

Say = Callable[[str], None]

_SMALL = 64  # at most so many bytes are a round trip and nothing else
_LARGE = 256  # from here on bytes count more than the round trip
_PIECE_SECONDS = 0.5
_SMALLEST_PIECE = 4 << 10
_LARGEST_PIECE = 32 << 10  # GDB throws away what came before a hole: that much is read twice
_WORTH_SAYING = 1.0
_FIRST_PROGRESS = 1.0


class Link:
    """What has been learnt of a link. `expected`: bytes a second, until it has shown better."""

    def __init__(self, expected: Optional[int] = None) -> None:
        self._trips = 0
        self._trip_seconds = 0.0
        self._bytes = _LARGE if expected else 0
        self._byte_seconds = _LARGE / expected if expected else 0.0

    def learn(self, size: int, seconds: float) -> None:
        """Takes one read into account."""
        if size <= _SMALL:
            self._trips += 1
            self._trip_seconds += seconds
        elif size >= _LARGE:
            self._bytes += size
            self._byte_seconds += seconds

    def seconds(self, size: int) -> Optional[float]:
        """What it will take to read so many bytes at once; None if no large read has been made yet."""
        return self._byte_seconds / self._bytes * size if self._bytes else None

    @property
    def trip(self) -> float:
        """Seconds of one small read; 0 if none has been made yet."""
        return self._trip_seconds / self._trips if self._trips else 0.0

    def is_slow(self, size: int) -> bool:
        """Whether a person will notice that so many bytes are read."""
        return (self.seconds(size) or 0.0) > _WORTH_SAYING

    def piece(self) -> int:
        """How much to ask for in one request: what a hole, Ctrl-C and progress may cost or have to wait for."""
        if not self._bytes or not self._byte_seconds:
            return _LARGEST_PIECE
        size = int(self._bytes / self._byte_seconds * _PIECE_SECONDS) // _SMALLEST_PIECE * _SMALLEST_PIECE
        return min(max(_SMALLEST_PIECE, size), _LARGEST_PIECE)


class Progress:
    """Lines for a person who waits: what a slow read will take before it starts, and how far it is, ever less often."""

    def __init__(self, say: Optional[Say], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock
        self._began, self._next = 0.0, float("inf")

    def say(self, text: str) -> None:
        """A line, now."""
        if self._say is not None:
            self._say(text)

    def announce(self, what: str, seconds: Optional[float]) -> None:
        """Says what comes, if it is worth a word."""
        self._began = self._clock()
        self._next = self._began + _FIRST_PROGRESS
        if self._say is not None and seconds is not None and seconds > _WORTH_SAYING:
            self._say(f"{what} takes about {seconds:.0f} s (Ctrl-C keeps what is there)")

    def tell(self, done: int, total: int) -> None:
        """Says how far it is: after a second, then each time that as much again has passed."""
        now = self._clock()
        if self._say is not None and now >= self._next:
            if done >= total:
                self._next = float("inf")
                return
            self._next = now + (now - self._began)
            left = (now - self._began) / max(done, 1) * (total - done)
            self._say(f"{done:,} of {total:,} bytes, about {left:.0f} s left")
