# SPDX-License-Identifier: Apache-2.0
"""Memory of a target: what has been read, how to read more, and what that cost.

Approach: everything above reads through one Memory, which asks its source only for what the snapshot lacks, never
outside of known memory, and counts each request. A read that fails is split by halves, so that one hole costs its own
bytes and not the heap around it. Ctrl-C ends the reading, not the report: what was read stays, a later report reads on.
Rejected: reading field by field (one round trip a word; measured 2,048 packets against 16 for the same list).
Cost: a hole in a range of n bytes costs at most 2 * log2(n) further reads for each of its ends, and no fetch more than
48 in vain; what is then left counts as unreadable.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Protocol, Tuple

from gdbext.model.errors import UserError
from gdbext.model.reports.base import Cost
from gdbext.model.said import Text, said
from gdbext.source.known import Known, Range, clipped, gaps
from gdbext.source.link import Link, Progress, Say
from gdbext.source.snapshot import ByteOrder, Snapshot

# A hole is narrowed down to this many bytes by halves; then its two ends are, by ever smaller steps, to a word.
_SMALLEST_READ = 64
_STEPS = (32, 16, 8, 4)

# Failed reads that one fetch may cost: enough for some holes, few for a range that is not there at all.
_MOST_FAILURES = 48

# 115,200 baud, a byte in two digits.
_CONSOLE_BYTES_A_SECOND = 5760


class NoTarget(UserError):
    """There is nothing to read from, or no more; the text is one line and says what to do."""


class Source(Protocol):
    """Somewhere that bytes come from. `read` returns None where it cannot."""

    pointer_size: int
    byte_order: ByteOrder

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Exactly `length` bytes, or None. KeyboardInterrupt when the user has had enough."""


def joined(ranges: List[Range]) -> List[Range]:
    """Ranges in order, those that touch made one."""
    touching: List[Range] = []
    for start, end in sorted(ranges):
        if touching and start <= touching[-1][1]:
            touching[-1] = (touching[-1][0], max(end, touching[-1][1]))
        else:
            touching.append((start, end))
    return touching


class Memory:
    """A source with a memory: nothing is read twice. Without `known` everything may be read, as in images.

    `fragile`: a read of what is not there may break the source, and it is slow: what fails is not tried by halves,
    headers are followed, and the link is taken for a console's until it has shown what it is.
    """

    def __init__(
        self,
        source: Source,
        say: Optional[Say] = None,
        known: Optional[Known] = None,
        plan: str = "auto",
        fragile: bool = False,
    ) -> None:
        self.source = source
        self.plan = "headers" if fragile and plan == "auto" else plan
        self.fragile = fragile
        self.link = Link(_CONSOLE_BYTES_A_SECOND if fragile else None)
        self.progress = Progress(say, time.monotonic)
        self.snapshot = Snapshot(source.pointer_size, source.byte_order)
        self.interrupted = False  # by Ctrl-C: nothing more is read for this report
        self._known = known
        extents: Optional[Callable[[], List[Range]]] = getattr(source, "extents", None)
        self._held = None if extents is None else extents()
        self._failed: List[Range] = []
        self._files: Dict[int, Snapshot] = {}  # pieces of a file that words were looked at in, by where they begin
        self.standing: List[Text] = []  # remarks of every report: what is wrong with the source itself
        self._remarks: List[Text] = []
        self._bytes = 0
        self._reads = 0
        self._marked = False

    def allow(self, start: int, end: int) -> None:
        """Makes a range known memory: something was recognised there. A fragile source wants to know it beforehand."""
        if self._known is not None and not self.fragile:
            self._known.allow(start, end)

    def allow_named(self, start: int, end: int) -> None:
        """Makes a range known memory that the user or the program names, or that proves itself by its magic."""
        if self._known is not None:
            self._known.allow(start, end)

    def fetch(self, address: int, length: int) -> None:
        """Makes a range known as far as it can be read."""
        if self.interrupted:
            return
        top = 1 << 8 * self.source.pointer_size  # no pointer leads further
        wanted = self.snapshot.missing(max(0, address), min(address + length, top))
        known = [part for hole in wanted for part in self._clip(*hole)]
        left = [part for span in known for part in gaps(self.failed(*span), *span)]
        try:
            self._fetch(left, sum(end - start for start, end in left))
        except KeyboardInterrupt:  # wherever it struck: what was read stays
            self.interrupted = True
            self.remark(said("interrupted"))

    def require_whole(self) -> None:
        """KeyboardInterrupt if Ctrl-C has ended the reading: from what is there nothing can be concluded."""
        if self.interrupted:
            raise KeyboardInterrupt

    def fetch_known(self, start: int, end: int) -> None:
        """Makes known what of a range is known memory; the rest is nobody's fault."""
        for low, high in [(start, end)] if self._known is None else self._known.clip(start, end):
            self.fetch(low, high - low)

    def _fetch(self, left: List[Range], total: int) -> None:
        failures, done, announced = 0, 0, False
        holes: List[Range] = []
        while left and failures < _MOST_FAILURES:
            if not announced and self.link.is_slow(total - done):
                announced, total, done = True, total - done, 0
                self.progress.announce(f"reading {total:,} bytes", self.link.seconds(total))
            start, end = left.pop(0)
            piece = self.link.piece() if self._held is None else end - start
            if end - start > piece:
                left.insert(0, (start + piece, end))
                end = left[0][0]
            if self._read(start, end):
                done += end - start
                self.progress.tell(done, total)
                continue
            failures += 1
            # Behind a hole the end is tried at once: the hole goes on at least to there, or an island would be missed.
            behind = bool(holes) and holes[-1][1] == start
            tiny = self.fragile or end - start <= _SMALLEST_READ
            if tiny or (behind and not self._read(end - _SMALLEST_READ, end)):
                holes.append((start, end))
                continue
            middle = (start + (end - start) // 2) & -_STEPS[0]
            left[:0] = [(start, middle), (middle, end)] if start < middle < end else [(start, end)]
        narrowed = (hole if self.fragile else self._narrowed(*hole) for hole in joined(holes))
        self._failed += [*narrowed, *left]

    def _narrowed(self, start: int, end: int) -> Range:
        """A hole without what can be read at its two ends."""
        for step in _STEPS:
            start += step if end - start > step and self._read(start, start + step) else 0
            end -= step if end - start > step and self._read(end - step, end) else 0
        return start, end

    def _clip(self, start: int, end: int) -> List[Range]:
        """The parts of a range that are known memory; the rest is said, once. A file knows what it holds."""
        if self._held is not None:
            return clipped(self._held, start, end)
        if self._known is None:
            return [(start, end)]
        allowed = self._known.clip(start, end)
        for low, high in gaps(allowed, start, end):
            self.remark(said("not-known-memory", start=low, end=high))
        return allowed

    def failed(self, start: int, end: int) -> List[Range]:
        """The parts of a range that were tried in vain; of a file, those that it lacks."""
        if self._held is not None:
            return gaps(clipped(self._held, start, end), start, end)
        return clipped(joined(self._failed), start, end)

    def _read(self, start: int, end: int) -> bool:
        self._reads += 1
        began = time.monotonic()
        data = self.source.read(start, end - start)
        if data is None or len(data) != end - start:
            return False
        self.link.learn(len(data), time.monotonic() - began)
        self._bytes += len(data)
        self.snapshot.add(start, data)
        return True

    def remark(self, text: Text) -> None:
        """Keeps what a report must say about the reading."""
        if text not in self._remarks:
            self._remarks.append(text)

    def remarks(self) -> List[Text]:
        """What a report must say about the reading; each is handed out once."""
        told, self._remarks = self._remarks, []
        return told

    def get(self, address: int, length: int) -> Optional[bytes]:
        """`length` bytes at `address`, read if need be; None unless all of them can be had."""
        known = self.snapshot.get(address, length)
        if known is not None:
            return known
        self.fetch(address, length)
        return self.snapshot.get(address, length)

    def may_read(self, start: int, end: int) -> bool:
        """Whether all of a range is known memory, or in the file. Nothing is read, nothing is said."""
        if self._held is not None:
            return clipped(self._held, start, end) == [(start, end)]
        return self._known is None or self._known.clip(start, end) == [(start, end)]

    def known_end(self, address: int) -> int:
        """The end of the file's or the known memory around an address; without either there is none."""
        if self._held is not None:
            start, end = self._held[max(0, bisect_right(self._held, (address, 1 << 64)) - 1)] if self._held else (0, 0)
            return end if start <= address < end else address
        return 1 << 64 if self._known is None else self._known.end(address)

    def starts(self) -> List[int]:
        """Where the ranges of the file or of the known memory begin."""
        known = self._known.ranges if self._known is not None else []
        return [start for start, _ in (known if self._held is None else self._held)]

    def ranges(self) -> List[Range]:
        """Start and end of everything that the source holds, if it is a file; a live target does not know."""
        return self._held or []

    def held_around(self, address: int) -> Optional[Snapshot]:
        """What a file holds around an address, looked at where it is: it costs no link. None: there is no file."""
        ranges = self.ranges()
        index = bisect_right(ranges, (address, 1 << 64)) - 1
        if index < 0 or address >= ranges[index][1]:
            return None
        start, end = ranges[index]
        if start not in self._files:
            self._files[start] = Snapshot(self.source.pointer_size, self.source.byte_order)
            self._files[start].add(start, self.source.read(start, end - start) or b"")
        return self._files[start]

    def whole(self, ranges: Iterable[Range]) -> Snapshot:
        """All that can be read of some ranges, for a search. What a file holds is not kept."""
        held = Snapshot(self.source.pointer_size, self.source.byte_order)
        files = self.ranges()
        for start, end in ranges:
            if not files:
                self.fetch(start, end - start)
            there = files or self.snapshot.extents()
            for low, high in ((max(start, low), min(end, high)) for low, high in there if low < end and start < high):
                data = self._look(low, high) if files else self.snapshot.get(low, high - low)
                held.add(low, data or b"")
        return held

    def _look(self, start: int, end: int) -> Optional[bytes]:
        """Bytes of a file, without keeping them."""
        self._reads += 1
        self._bytes += end - start
        return self.source.read(start, end - start)

    def pieces(self, size: int, overlap: int) -> Iterator[Tuple[int, bytes]]:
        """All that a file holds, for a search: piece by piece with its address, not kept. A target is not searched."""
        for start, end in self.ranges():
            for low in range(start, end, size):
                high = min(end, low + size + overlap)
                yield low, self._look(low, high) or b""

    def glance(self, most: int) -> Iterator[Tuple[int, bytes]]:
        """What can be looked at for nothing, up to so many bytes: a file, or what was read of a target."""
        ranges = self.ranges() or self.snapshot.extents()
        for start, end in ranges:
            piece = (
                self._look(start, min(end, start + most)) if self.ranges() else self.snapshot.get(start, end - start)
            )
            yield start, piece or b""
            most -= end - start
            if most <= 0:
                return

    def word(self, address: int) -> Optional[int]:
        """The pointer-sized word at `address`, read if need be."""
        data = self.get(address, self.source.pointer_size)
        return None if data is None else int.from_bytes(data, self.source.byte_order)

    def string(self, address: int, limit: int) -> Optional[str]:
        """The NUL-terminated text at `address`, cut at `limit` bytes."""
        data = self.get(address, limit)
        return None if data is None else data.split(b"\0")[0].decode("utf-8", "replace")

    def mark(self) -> Cost:
        """What was asked of the source so far, and now: the start of a report and of its cost.

        What was read before the first report, to find out what there is, is part of that report's cost.
        """
        self.interrupted = False
        self._remarks = list(self.standing)
        before = (self._bytes, self._reads) if self._marked else (0, 0)
        self._marked = True
        return Cost(*before, time.monotonic())

    def cost_since(self, mark: Cost) -> Cost:
        """What a report has cost since its mark."""
        seconds = time.monotonic() - mark.seconds
        return Cost(self._bytes - mark.bytes, self._reads - mark.reads, seconds, self.interrupted)
