# SPDX-License-Identifier: Apache-2.0
"""Reads the memory of a target, keeps the bytes, and counts the cost.

Approach: all other code reads through one Memory. It asks its source only for bytes that the snapshot lacks, never for
bytes outside of known memory, and counts each request. A read that fails is split by halves, so that one hole costs its
own bytes and not the heap around it. Ctrl-C ends the reading, not the report. The bytes stay, and a later report reads
on.
Rejected: reading field by field. One list took 2,048 packets instead of 16.
Cost: a hole in a range of n bytes costs at most 2 * log2(n) further reads for each of its ends. One fetch makes at most
48 reads that fail; the rest of its range then counts as unreadable.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Protocol, Sequence, Tuple

from gdbext.model.errors import UserError
from gdbext.model.reports.base import Cost
from gdbext.model.said import Said, Text, said
from gdbext.source.known import Known, Range, clipped, gaps
from gdbext.source.link import Link, Progress, Say, Task
from gdbext.source.snapshot import Buffer, ByteOrder, Snapshot

# A hole is narrowed down to this many bytes by halves. Then smaller and smaller steps find its two ends, to a word.
_SMALLEST_READ = 64
_STEPS = (32, 16, 8, 4)
_LARGEST_BULK = 1 << 20  # bytes; in a larger heap headers are followed first, however fast the link seems
_BULK_SECONDS = 1.0
# Failed reads that one fetch may cost: enough for some holes, and few if there is no memory in the whole range.
_MOST_FAILURES = 48

_FILE_WINDOW = 64 << 20  # bytes of a file that are in use at once around an address

MOST_SEARCHED = 256 << 20  # bytes of a file: some seconds

# 115,200 baud, two digits for each byte.
_CONSOLE_BYTES_A_SECOND = 5760


class NoTarget(UserError):
    """There is no target to read from, or it is gone. The text is one line and says what to do."""


def search_cut(left: int) -> Said:
    """Returns the remark about a search that left out so many bytes of a file."""
    return said("file-search-cut", most=MOST_SEARCHED, left=left)


class Source(Protocol):
    """Anything that bytes can be read from."""

    pointer_size: int
    byte_order: ByteOrder

    def read(self, address: int, length: int) -> Optional[Buffer]:
        """Returns exactly `length` bytes, which do not change later, or None if it cannot. Raises KeyboardInterrupt on
        Ctrl-C.
        """


def joined(ranges: List[Range]) -> List[Range]:
    """Returns the ranges in order. Ranges that touch are joined."""
    touching: List[Range] = []
    for start, end in sorted(ranges):
        if touching and start <= touching[-1][1]:
            touching[-1] = (touching[-1][0], max(end, touching[-1][1]))
        else:
            touching.append((start, end))
    return touching


class Memory:
    """Reads a source and keeps the bytes: none is read twice. Without `known` every address may be read, as in images.

    `fragile`: the source is slow, and a read of an address without memory may break it. A read that fails is not split
    by halves, the plan "auto" becomes "headers", and the link is taken for a console's until reads have been measured.
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
        self.snapshot = Snapshot(source.pointer_size, source.byte_order, getattr(source, "view", None))
        self.interrupted = False  # Ctrl-C was pressed: this report reads no more
        self._known = known
        extents: Optional[Callable[[], List[Range]]] = getattr(source, "extents", None)
        self._held = None if extents is None else extents()  # the ranges that a file holds
        left_out: Sequence[Range] = getattr(source, "left_out", ())
        # The target's memory in a file, with parts that the file is known to lack.
        self._extents = None if self._held is None else joined([*self._held, *left_out]) if left_out else self._held
        self._failed: List[Range] = []
        self._files: Dict[int, Snapshot] = {}  # ranges of the file that are in use, by their start
        self.standing: List[Text] = []  # remarks of every report: faults and limits of the source itself
        self._remarks: List[Text] = []
        self._bytes = 0
        self._reads = 0
        self.searched = 0  # bytes of a file that this report has searched behind damage: each time they were
        self._marked = False

    def allow(self, start: int, end: int) -> None:
        """Makes a range known memory because something was recognised there. Ignored by a fragile source."""
        if self._known is not None and not self.fragile:
            self._known.allow(start, end)

    def allow_named(self, start: int, end: int) -> None:
        """Makes a range known memory, on a fragile source too: it was named, or its magic proves it."""
        if self._known is not None:
            self._known.allow(start, end)

    def fetch(self, address: int, length: int) -> None:
        """Reads those bytes of a range that the snapshot lacks, as far as they can be read."""
        if self.interrupted:
            return
        top = 1 << 8 * self.source.pointer_size  # the end of the address space
        wanted = self.snapshot.missing(max(0, address), min(address + length, top))
        known = [part for hole in wanted for part in self._readable_parts(*hole)]
        left = [part for span in known for part in gaps(self.failed(*span), *span)]
        try:
            self._fetch(left, sum(end - start for start, end in left))
        except KeyboardInterrupt:  # whenever it comes, the bytes that were read stay
            self.interrupted = True
            self.remark(said("interrupted"))

    def reads_whole(self, size: int) -> bool:
        """True if a heap of so many bytes is to be read in one piece; False: its headers first."""
        if self.plan != "auto":
            return self.plan == "bulk"
        return size <= _LARGEST_BULK and (self.link.seconds(size) or 0.0) <= _BULK_SECONDS

    def require_whole(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C has ended the reading: a part of the bytes proves nothing."""
        if self.interrupted:
            raise KeyboardInterrupt

    def fetch_known(self, start: int, end: int) -> None:
        """Reads the parts of a range that are known memory. Makes no remark about the rest."""
        for low, high in [(start, end)] if self._known is None else self._known.clip(start, end):
            self.fetch(low, high - low)

    def _fetch(self, left: List[Range], total: int) -> None:
        failures, done, announced, began = 0, 0, False, self.progress.clock()
        holes: List[Range] = []
        while left and failures < _MOST_FAILURES:
            if not announced and self.link.is_slow(total - done):
                announced, total, done = True, total - done, 0
                self.progress.announce(f"reading {total:,} bytes", self.link.seconds(total))
                began = self.progress.clock()
            start, end = left.pop(0)
            piece = self.link.piece() if self._held is None else end - start
            if end - start > piece:
                left.insert(0, (start + piece, end))
                end = left[0][0]
            if self._read(start, end):
                done += end - start
                if announced:
                    self.progress.tell(Task("read", done, total, began))
                self.progress.beat(self._bytes)
                continue
            failures += 1
            # Behind a hole the end of the piece is tried first. If that fails too, all of the piece is a hole.
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
        """Reads what it can at the two ends of a hole, and returns the rest of the hole."""
        for step in _STEPS:
            start += step if end - start > step and self._read(start, start + step) else 0
            end -= step if end - start > step and self._read(end - step, end) else 0
        return start, end

    def _readable_parts(self, start: int, end: int) -> List[Range]:
        """Returns the parts of a range that the file holds, or that are known memory; a remark names the rest."""
        if self._held is not None:
            return clipped(self._held, start, end)
        if self._known is None:
            return [(start, end)]
        allowed = self._known.clip(start, end)
        for low, high in gaps(allowed, start, end):
            self.remark(said("not-known-memory", start=low, end=high))
        return allowed

    def failed(self, start: int, end: int) -> List[Range]:
        """Returns the parts of a range that could not be read, or that the file lacks."""
        if self._extents is not None:
            return gaps(clipped(self._extents, start, end), start, end)
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
        """Adds a remark that the report must make about the reading. The same text is added once."""
        if text not in self._remarks:
            self._remarks.append(text)

    def remark_always(self, text: Text) -> None:
        """Adds a remark that this report and all later ones must make."""
        self.standing += [] if text in self.standing else [text]
        self.remark(text)

    def remarks(self) -> List[Text]:
        """Returns the remarks that the report must make about the reading, and forgets them."""
        told, self._remarks = self._remarks, []
        return told

    def get(self, address: int, length: int) -> Optional[bytes]:
        """Returns `length` bytes at `address`, and reads those that are missing. None if any cannot be read."""
        known = self.snapshot.get(address, length)
        if known is not None:
            return known
        self.fetch(address, length)
        return self.snapshot.get(address, length)

    def may_read(self, start: int, end: int) -> bool:
        """Returns True if all of a range is in the file or in known memory. It reads nothing and makes no remark."""
        if self._extents is not None:
            return clipped(self._extents, start, end) == [(start, end)]
        return self._known is None or self._known.clip(start, end) == [(start, end)]

    def known_end(self, address: int) -> int:
        """Returns the end of the file's range or known memory at an address; 1 << 64 if all memory may be read."""
        if self._extents is not None:
            start, end = (
                self._extents[max(0, bisect_right(self._extents, (address, 1 << 64)) - 1)] if self._extents else (0, 0)
            )
            return end if start <= address < end else address
        return 1 << 64 if self._known is None else self._known.end(address)

    def starts(self) -> List[int]:
        """Returns the start of each range of the file or of known memory."""
        known = self._known.ranges if self._known is not None else []
        return [start for start, _ in (known if self._extents is None else self._extents)]

    def ranges(self) -> List[Range]:
        """Returns start and end of each range in the file. A live target does not know its ranges: []."""
        return self._extents or []

    def searchable(self) -> Tuple[List[Range], int]:
        """Returns the ranges of the file that may be searched, and the number of bytes that would take too long."""
        found, left = [], MOST_SEARCHED
        for start, end in self._held or []:
            found += [(start, min(end, start + left))] if left > 0 else []
            left -= end - start
        return found, max(0, -left)

    def held_around(self, address: int) -> Optional[Snapshot]:
        """Returns the file's bytes around an address, not all if there are many. None if there is no file, or it lacks
        the address.
        """
        ranges = self._held or []
        index = bisect_right(ranges, (address, 1 << 64)) - 1
        if index < 0 or address >= ranges[index][1]:
            return None
        start, end = ranges[index]
        start += (address - start) // _FILE_WINDOW * _FILE_WINDOW
        end = min(end, start + _FILE_WINDOW + self.source.pointer_size)  # a word may begin at the window's end
        if start not in self._files:
            self._files[start] = Snapshot(self.source.pointer_size, self.source.byte_order)
            self._files[start].add(start, self.source.read(start, end - start) or b"")
        return self._files[start]

    def held(self, start: int, end: int) -> Snapshot:
        """Returns the file's bytes of a range, however many, to search through them."""
        snapshot = Snapshot(self.source.pointer_size, self.source.byte_order)
        for low, high in clipped(self._held or [], start, end):
            self.searched += high - low
            snapshot.add(low, self.source.read(low, high - low) or b"")
        return snapshot

    def whole(self, ranges: Iterable[Range]) -> Snapshot:
        """Returns all readable bytes of some ranges, for a search. Bytes of a file are not kept in the snapshot."""
        snapshot = Snapshot(self.source.pointer_size, self.source.byte_order)
        files = self._held or []
        for start, end in ranges:
            if not files:
                self.fetch(start, end - start)
            available = files or self.snapshot.extents()
            for low, high in clipped(available, start, end):
                data = self._read_file(low, high) if files else self.snapshot.read(low, high - low)
                snapshot.add(low, data or b"")
        return snapshot

    def _read_file(self, start: int, end: int) -> Optional[Buffer]:
        """Returns bytes of a file and counts the read, but does not keep the bytes."""
        self._reads += 1
        self._bytes += end - start
        return self.source.read(start, end - start)

    def pieces(self, size: int, overlap: int) -> Iterator[Tuple[int, bytes]]:
        """Yields all pieces of a file with their addresses, for a search. A live target has none."""
        ranges, left = self.searchable()
        if left:
            self.remark(search_cut(left))
        for start, end in ranges:
            for low in range(start, end, size):
                high = min(end, low + size + overlap)
                yield low, bytes(self._read_file(low, high) or b"")

    def glance(self, most: int) -> Iterator[Tuple[int, Buffer]]:
        """Yields bytes that cost no read of the target, until there are `most`: a file's, or those read so far."""
        ranges = self._held or self.snapshot.extents()
        for start, end in ranges:
            piece = (
                self._read_file(start, min(end, start + most)) if self._held else self.snapshot.get(start, end - start)
            )
            yield start, piece or b""
            most -= end - start
            if most <= 0:
                return

    def word(self, address: int) -> Optional[int]:
        """Returns the pointer-sized word at `address`, or None if it cannot be read."""
        data = self.get(address, self.source.pointer_size)
        return None if data is None else int.from_bytes(data, self.source.byte_order)

    def string(self, address: int, limit: int) -> Optional[str]:
        """Returns the NUL-terminated text at `address`, cut at `limit` bytes. None if these bytes cannot be read."""
        data = self.get(address, limit)
        return None if data is None else data.split(b"\0")[0].decode("utf-8", "replace")

    def mark(self) -> Cost:
        """Starts a report, and returns the bytes and reads so far, with the time.

        The first report counts from zero: the reads that recognised the target are part of its cost.
        """
        self.interrupted = False
        self.searched = 0
        self.progress.begin()
        self._remarks = list(self.standing)
        before = (self._bytes, self._reads) if self._marked else (0, 0)
        self._marked = True
        return Cost(*before, time.monotonic())

    def cost_since(self, mark: Cost) -> Cost:
        """Returns the cost of a report since its mark."""
        seconds = time.monotonic() - mark.seconds
        return Cost(self._bytes - mark.bytes, self._reads - mark.reads, seconds, self.interrupted)
