# SPDX-License-Identifier: Apache-2.0
"""Adds up what each owner uses while a log is replayed: peaks, ends of windows, the timeline.

Approach: an owner has its counters, and the value that it had at the global peak is kept without a copy of all: the
peaks are numbered, and an owner that changes for the first time after a peak first puts aside what it has. A node of a
grouping needs its own counters for what cannot be added up afterwards: its peaks.
Rejected: a copy of all owners at each new peak (a log that only grows has one at each event).
Cost: some 2 microseconds for each change, and for each node that the owner belongs to.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from gdbext.model.profile import Bucket, Mark, Use, Windows
from gdbext.model.record import fields_of

_MOST_NOTED = 65
_MOST_BUCKETS = 1024


class Counter:
    """The counters of one owner. `nodes` are the numbers of the nodes that it belongs to."""

    def __init__(self, nodes: Sequence[int] = ()) -> None:
        self.nodes = nodes
        self.allocations = self.bytes = self.frees = self.temporary = self.lifetime = 0
        self.live_bytes = self.live_blocks = self.peak_bytes = self.peak_blocks = 0
        self.at_peak_bytes = self.at_peak_blocks = self.peak = 0

    def change(self, size: int, blocks: int) -> None:
        """Adds live bytes and blocks, which may be less than nothing."""
        self.live_bytes += size
        self.live_blocks += blocks
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        self.peak_blocks = max(self.peak_blocks, self.live_blocks)

    def keep_peak(self, peak: int) -> None:
        """Puts aside what there was at the global peak of that number, unless that has been done."""
        if self.peak != peak:
            self.peak, self.at_peak_bytes, self.at_peak_blocks = peak, self.live_bytes, self.live_blocks

    def add(self, other: Counter) -> None:
        """Adds an owner's sums to those of a node, whose peaks are its own."""
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def use(self) -> Use:
        """Returns the counters as a value."""
        return Use(**{name: getattr(self, name) for name in fields_of(Use)})


_SUMMED = ("allocations", "bytes", "frees", "temporary", "lifetime", "at_peak_bytes", "at_peak_blocks")


class Sums:
    """The counters of all owners and nodes, and of the log."""

    def __init__(self) -> None:
        self.counters: List[Counter] = []
        self.total = Counter()
        self.peak_moment: Tuple[Optional[int], Optional[int]] = (None, None)
        self._peak = 0
        self._nodes: Dict[int, Counter] = {}

    def add_owner(self, nodes: Sequence[int]) -> int:
        """Returns the index of a new owner."""
        self.counters.append(Counter(nodes))
        for node in nodes:
            self._nodes.setdefault(node, Counter())
        return len(self.counters) - 1

    def change(self, owner: int, size: int, blocks: int, seq: Optional[int], time: Optional[int]) -> None:
        """Adds live bytes and blocks to an owner, and sees whether this is a new peak."""
        counter, most = self.counters[owner], self.total.peak_bytes
        counter.keep_peak(self._peak)
        counter.change(size, blocks)
        for node in counter.nodes:
            self._nodes[node].change(size, blocks)
        self.total.change(size, blocks)
        if self.total.peak_bytes > most:
            self._peak += 1
            self.peak_moment = (seq, time)
            self.total.at_peak_blocks = self.total.live_blocks

    def forget_live(self) -> None:
        """Drops all that is live. Nothing of it has been freed."""
        for counter in self.counters:
            counter.keep_peak(self._peak)
        for counter in (*self.counters, *self._nodes.values(), self.total):
            counter.live_bytes = counter.live_blocks = 0

    def lives(self) -> Tuple[int, ...]:
        """Returns the live bytes of each owner."""
        return tuple([counter.live_bytes for counter in self.counters])

    def nodes(self) -> Tuple[Use, ...]:
        """Returns the uses of all nodes. The owners' must have been asked for before."""
        found = [Counter() for _ in range(max(self._nodes, default=-1) + 1)]
        for number, node in self._nodes.items():
            found[number].change(node.live_bytes, node.live_blocks)
            found[number].peak_bytes, found[number].peak_blocks = node.peak_bytes, node.peak_blocks
        for counter in self.counters:
            for number in counter.nodes:
                found[number].add(counter)
        return tuple(node.use() for node in found)

    def uses(self) -> Tuple[Use, ...]:
        """Returns the uses of all owners, when all has been counted."""
        for counter in self.counters:
            counter.keep_peak(self._peak)
        return tuple(counter.use() for counter in self.counters)


class Ends:
    """Ends of windows: one after every so many of what is counted, and never more than 65 of them."""

    def __init__(self, every: int) -> None:
        self._every, self._count, self._newest = every, 0, 0
        self._noted: List[Tuple[Mark, Tuple[int, ...]]] = []
        self._first: List[Tuple[Mark, Tuple[int, ...]]] = []

    def begin(self, mark: Mark, sums: Sums) -> None:
        """Notes the beginning, if there is none yet."""
        if not self._first:
            self._first = [(mark, sums.lives())]

    def count(self, event: int, mark: Mark, sums: Sums) -> None:
        """Counts one, which is the event of that number, and notes an end where one is due."""
        self._count += 1
        if self._count % self._every:
            return
        self._noted.append((mark, sums.lives()))
        self._newest = event
        if len(self._noted) == _MOST_NOTED:  # the newest is left out, too
            self._noted, self._every, self._newest = self._noted[1::2], self._every * 2, 0

    def windows(self, events: int, last: Mark, sums: Sums) -> Windows:
        """Returns all ends, the end of the log, whose last event is `last`, behind them."""
        ends = self._first + self._noted
        if self._first and self._newest != events:
            ends.append((last, sums.lives()))
        owners = range(len(sums.counters))
        rows = tuple(tuple([live[owner] for _, live in ends if owner < len(live)]) for owner in owners)
        return Windows(tuple(mark for mark, _ in ends), rows)


class Timeline:
    """Buckets of the live bytes and blocks over time, at most 1,024."""

    def __init__(self) -> None:
        self._shift = 0
        self._buckets: List[List[int]] = []  # number, and Bucket's fields without `end`

    def count(self, moment: int, live: Counter) -> None:
        """Counts the live bytes and blocks of a moment, which is not before the last one."""
        bucket = [moment >> self._shift, *[live.live_bytes] * 3, *[live.live_blocks] * 2]
        if self._buckets and self._buckets[-1][0] == bucket[0]:
            self._buckets[-1] = _joined(self._buckets[-1], bucket)
            return
        self._buckets.append(bucket)
        while len(self._buckets) > _MOST_BUCKETS:
            self._widen()

    def _widen(self) -> None:
        self._shift += 1
        wider: List[List[int]] = []
        for bucket in self._buckets:
            bucket[0] >>= 1
            if wider and wider[-1][0] == bucket[0]:
                wider[-1] = _joined(wider[-1], bucket)
            else:
                wider.append(bucket)
        self._buckets = wider

    def buckets(self) -> Tuple[Bucket, ...]:
        """Returns all buckets that have an event."""
        return tuple(Bucket((first + 1 << self._shift) - 1, *fields) for first, *fields in self._buckets)


def _joined(first: List[int], second: List[int]) -> List[int]:
    number, least, most, _, most_blocks, _ = first
    _, other_least, other_most, last, other_most_blocks, last_blocks = second
    blocks = max(most_blocks, other_most_blocks)
    return [number, min(least, other_least), max(most, other_most), last, blocks, last_blocks]
