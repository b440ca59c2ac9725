# SPDX-License-Identifier: Apache-2.0
"""Memory of a target: what has been read, how to read more, and what that cost.

Approach: everything above reads through one Memory, which asks its source only for what the snapshot lacks and
counts each request. A read that fails is split by halves, so that one hole costs its own bytes and not the heap
around it.
Rejected: reading field by field (one round trip a word; measured 2,048 packets against 16 for the same list).
Cost: a failed range of n bytes costs at most 2 * log2(n) further reads for each of its edges, and no fetch more than 48
in vain; what is then left counts as unreadable.
"""

from __future__ import annotations

import time
from typing import Callable, List, Optional, Protocol, Tuple

from gdbext.model import Cost
from gdbext.source.snapshot import ByteOrder, Snapshot

# A hole is narrowed down to this many bytes; smaller answers are not worth their round trips.
_SMALLEST_READ = 8

# One request carries at most this much, so that Ctrl-C and a first measure of the link do not wait for a whole heap.
_PIECE = 32 << 10

# A link is measured by this many bytes, and a read worth a word beforehand if it takes this many seconds.
_TELLING_BYTES = 512
_WORTH_SAYING = 2.0

# Failed reads that one fetch may cost: enough for some holes, few for a range that is not there at all.
_MOST_FAILURES = 48


class Source(Protocol):
    """Somewhere that bytes come from. `read` returns None where it cannot."""

    pointer_size: int
    byte_order: ByteOrder

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Exactly `length` bytes, or None."""


def _pieces(start: int, end: int) -> List[Tuple[int, int]]:
    return [(low, min(end, low + _PIECE)) for low in range(start, end, _PIECE)]


class Memory:
    """A source with a memory: nothing is read twice."""

    def __init__(self, source: Source, say: Optional[Callable[[str], None]] = None) -> None:
        self.source = source
        self._say = say
        self.snapshot = Snapshot(source.pointer_size, source.byte_order)
        self._failed: List[Tuple[int, int]] = []
        self._bytes = 0
        self._spent = 0.0  # seconds in the source
        self.interrupted = False  # by Ctrl-C: nothing more is read
        self._reads = 0

    def fetch(self, address: int, length: int) -> None:
        """Makes start..end known as far as it can be read."""
        wanted = self.snapshot.missing(address, address + max(0, length))
        left = [piece for start, end in wanted for hole in self._not_failed(start, end) for piece in _pieces(*hole)]
        self._announce(sum(end - start for start, end in left))
        failures = 0
        while left and failures < _MOST_FAILURES and not self.interrupted:
            start, end = left.pop(0)
            if self._read(start, end):
                continue
            failures += 1
            if end - start <= _SMALLEST_READ:
                self._failed.append((start, end))
            else:
                middle = (start + (end - start) // 2) & ~(_SMALLEST_READ // 2 - 1)
                left[:0] = [(start, middle), (middle, end)]
        self._failed += left

    def _not_failed(self, start: int, end: int) -> List[Tuple[int, int]]:
        """The parts of a range that have not been tried in vain."""
        for low, high in sorted(self._failed):
            if low <= start < high:
                start = high
            elif start < low < end:
                return [(start, low), *self._not_failed(low, end)]
        return [(start, end)] if start < end else []

    def _announce(self, size: int) -> None:
        """Says beforehand what a slow read will take; Ctrl-C then keeps what has come."""
        rate = self._bytes / self._spent if self._bytes >= _TELLING_BYTES and self._spent else 0
        if self._say is not None and rate and size / rate > _WORTH_SAYING:
            self._say(
                f"reading {size:,} bytes at {rate / 1000:,.1f} KB/s takes about {size / rate:.0f} s (Ctrl-C: stop here)"
            )

    def _read(self, start: int, end: int) -> bool:
        self._reads += 1
        began = time.monotonic()
        try:
            data = self.source.read(start, end - start)
        except KeyboardInterrupt:
            self.interrupted = True
            data = None
        self._spent += time.monotonic() - began
        if data is None or len(data) != end - start:
            return False
        self._bytes += len(data)
        self.snapshot.add(start, data)
        return True

    def get(self, address: int, length: int) -> Optional[bytes]:
        """`length` bytes at `address`, read if need be; None unless all of them can be had."""
        known = self.snapshot.get(address, length)
        if known is not None:
            return known
        self.fetch(address, length)
        return self.snapshot.get(address, length)

    def word(self, address: int) -> Optional[int]:
        """The pointer-sized word at `address`, read if need be."""
        data = self.get(address, self.source.pointer_size)
        return None if data is None else int.from_bytes(data, self.source.byte_order)

    def string(self, address: int, limit: int) -> Optional[str]:
        """The NUL-terminated text at `address`, cut at `limit` bytes."""
        data = self.get(address, limit)
        return None if data is None else data.split(b"\0")[0].decode("utf-8", "replace")

    def mark(self) -> Cost:
        """What was asked of the source so far, and now: the start of a report's cost."""
        return Cost(self._bytes, self._reads, time.monotonic())

    def cost_since(self, mark: Cost) -> Cost:
        """What a report has cost since its mark."""
        return Cost(self._bytes - mark.bytes, self._reads - mark.reads, time.monotonic() - mark.seconds)
