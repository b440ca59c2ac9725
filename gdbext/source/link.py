# SPDX-License-Identifier: Apache-2.0
"""Learns the speed of a link from the reads that are made anyway, and reports progress of slow reads.

Approach: small reads tell what a round trip costs, large ones what a byte costs; nothing is read to measure.
Rejected: asking for the transport. A stub delivers less than the speed of its serial port.
Assumptions: a link has one speed. A link is taken for a fast one until a large read has been measured.
"""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional

Say = Callable[[str], None]

_SMALL_BYTES = 64  # a read of at most this size costs a round trip and nothing else
_LARGE_BYTES = 256  # a read of at least this size costs more for its bytes than for the round trip
_PIECE_SECONDS = 0.5
_SMALLEST_PIECE = 4 << 10
_LARGEST_PIECE = 32 << 10  # if a read meets a hole, GDB drops the bytes before it: so many may be read twice
_NOTICED_SECONDS = 1.0
_FIRST_PROGRESS_SECONDS = 1.0
_COUNTED = {"read": "bytes", "heap": "bytes of the heap", "names": "addresses named"}  # what a task counts


class Task(NamedTuple):
    """A part of the reading: how far it is, and when it began."""

    what: str  # a key of _COUNTED
    done: int
    total: int
    began: float


class Link:
    """The speed of a link. `expected`: bytes a second that are assumed until reads have been measured."""

    def __init__(self, expected: Optional[int] = None) -> None:
        self._trips = 0
        self._trip_seconds = 0.0
        self._bytes = _LARGE_BYTES if expected else 0
        self._byte_seconds = _LARGE_BYTES / expected if expected else 0.0

    def learn(self, size: int, seconds: float) -> None:
        """Counts one read of `size` bytes that took `seconds`."""
        if size <= _SMALL_BYTES:
            self._trips += 1
            self._trip_seconds += seconds
        elif size >= _LARGE_BYTES:
            self._bytes += size
            self._byte_seconds += seconds

    def seconds(self, size: int) -> Optional[float]:
        """Returns how many seconds one read of `size` bytes will take; None if no large read has been measured."""
        return self._byte_seconds / self._bytes * size if self._bytes else None

    @property
    def trip(self) -> float:
        """The average seconds of a small read; 0 if none has been measured."""
        return self._trip_seconds / self._trips if self._trips else 0.0

    def is_slow(self, size: int) -> bool:
        """Returns True if reading `size` bytes will take longer than a second."""
        return (self.seconds(size) or 0.0) > _NOTICED_SECONDS

    def piece(self) -> int:
        """Returns how many bytes to ask for in one request: about half a second's worth, from 4 to 32 KiB.

        A hole costs at most one piece again, and Ctrl-C and progress wait for at most one.
        """
        if not self._bytes or not self._byte_seconds:
            return _LARGEST_PIECE
        size = int(self._bytes / self._byte_seconds * _PIECE_SECONDS) // _SMALLEST_PIECE * _SMALLEST_PIECE
        return min(max(_SMALLEST_PIECE, size), _LARGEST_PIECE)


class Progress:
    """Tells a waiting person what a slow read takes, and then how far it is and what was found, at growing intervals.

    The first line comes a second after a command has begun, the next ones each time that the elapsed time has doubled.
    """

    def __init__(self, say: Optional[Say], clock: Callable[[], float]) -> None:
        self._say = say
        self.clock = clock
        self.task: Optional[Task] = None  # what goes on while single reads come and go
        self.begin()

    def begin(self) -> None:
        """A command begins."""
        self._began = self.clock()
        self._next = self._began + _FIRST_PROGRESS_SECONDS
        self._damaged: List[int] = []

    def say(self, text: str) -> None:
        """Writes a line at once."""
        if self._say is not None:
            self._say(text)

    def announce(self, what: str, seconds: Optional[float]) -> None:
        """Says what will be read and how long that takes, if that is more than a second."""
        if seconds is not None and seconds > _NOTICED_SECONDS:
            self.say(f"{what} takes about {seconds:.0f} s (Ctrl-C keeps what is there)")

    def damaged(self, address: int) -> None:
        """Notes a damaged place, which the lines to come will name."""
        if address not in self._damaged:
            self._damaged.append(address)

    def tell(self, task: Task) -> None:
        """Says how far a task is, if a line is due."""
        if self._is_due() and task.done < task.total:
            left = (self.clock() - task.began) / max(task.done, 1) * (task.total - task.done)
            self._say_so_far(f"{task.done:,} of {task.total:,} {_COUNTED[task.what]}, about {left:.0f} s left")

    def beat(self, read: int) -> None:
        """Says how far the task is that goes on, if a line is due; without one, how many bytes were read."""
        if self.task is not None:
            self.tell(self.task)
        elif self._is_due():
            self._say_so_far(f"{read:,} bytes read")

    def _is_due(self) -> bool:
        return self._say is not None and self.clock() >= self._next

    def _say_so_far(self, text: str) -> None:
        now, places = self.clock(), self._damaged
        self._next = now + (now - self._began)
        found = f"; {len(places):,} damaged so far, the first at {places[0]:#x}" if places else ""
        self.say(text + found)
