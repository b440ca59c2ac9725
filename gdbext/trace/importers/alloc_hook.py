# SPDX-License-Identifier: Apache-2.0
"""Imports the checkpoints of alloc_hook: each lists what was live when it was written.

Approach: a line for each block (or several of one size and stack): size, kind of memory, number, time; then its stack.
A PC is an offset in a file, and lies inside the call already: each file gets a base of its own, made of its path, so
that it has the same one in every dump. The functions that the tool names are the log's own words. Its first line has
totals, which are compared with what follows.
Limits: no addresses: those here are numbers. Times are local, to the millisecond; they tell the blocks of two dumps
apart. Old revisions print sizes in whole KB. Where lines count more than 65,536 blocks together, a line is one block.
"""

from __future__ import annotations

import re
from calendar import timegm
from typing import Dict, Iterable, Iterator, List, Match, Optional, Tuple
from zlib import crc32

from gdbext.model.said import said
from gdbext.trace.importers import (
    ADDRESSES,
    CALLS,
    FREE_STACKS,
    PEAK,
    TASKS,
    Call,
    Importer,
    Item,
    Module,
    Named,
    Remark,
    lines_of,
)

_HEAD = re.compile(rb"(current|peak) host used: ([\d.]{1,30})MB, (?:current|peak) dma used:? ([\d.]{1,30})MB, .{0,60}")
_TOTAL = re.compile(rb"(?:current|peak) total (?:peak )?used: (\d{1,15})(?:\.(\d{6}))?MB\s*")
_PEAK = re.compile(rb"host peak used: .*")
_BLOCK = re.compile(
    rb"alloc_size:(\d{1,15})(?:\.(\d{6}))?KB\s+alloc_type:(\w{1,32})\s+alloc_num:(\d{1,20})\s+"
    rb"(?:hash_index:\d+\s+)?alloc_time:(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{1,6})\s*"
)
_FRAME = re.compile(rb"#\d{1,4} ([0-9a-f]{1,16}) ([^\n]+?)(?: \(([^\n]+)\))?\s*")
_NO_STACK = re.compile(rb"#00 <backtrace unavailable>\s*|<no stack: .*>\s*")
_OFFSET = re.compile(r"\+\d+$")
_OTHER = re.compile(rb"\++\s*|\s*|async_stack_stats: .*|\w[\w ]*: .*=.*")
_OFFSET_BITS = 31  # of a place in a file
_MOST_FRAMES = 255
_MOST_COUNTED = 1 << 16
_MILLION = 1_000_000


class _Dump:
    """A dump that is being read."""

    def __init__(self) -> None:
        self.headers = 0
        self.told: Optional[int] = None  # bytes, by its first line
        self.bytes = self._blocks = self._counted = 0
        self.is_rounded = False
        self._places: Dict[bytes, int] = {}  # bases of files
        self._frames: Dict[int, None] = {}
        self._block: Optional[Tuple[Call, int]] = None
        self._stack: List[int] = []

    def line(self, line: bytes) -> Iterator[Item]:
        """Takes a line."""
        block, frame = _BLOCK.fullmatch(line), None
        if block is not None:
            yield from self.end()
            size, number = _scaled(block[1], block[2], 10), int(block[4])
            self.is_rounded = self.is_rounded or block[2] is None
            self._block = Call(1, size, listed=True, heap=block[3].decode(), time=_time(block)), number
            return
        frame = _FRAME.fullmatch(line)
        if frame is not None and self._block is not None:
            yield from self._frame(frame)
        elif not _NO_STACK.fullmatch(line):
            yield from self._other(line)

    def _frame(self, frame: Match[bytes]) -> Iterator[Item]:
        offset, path = int(frame[1], 16) + 1, frame[2]
        if offset >> _OFFSET_BITS:
            yield None
            return
        if path not in self._places:
            self._places[path] = 1 + crc32(path) << _OFFSET_BITS
            if path[:1] != b"<":
                yield Module(self._places[path], path.decode("utf-8", "replace"))
        pc = self._places[path] + offset
        if len(self._stack) < _MOST_FRAMES:
            self._stack.append(pc)
        if frame[3] is not None and pc not in self._frames:
            self._frames[pc] = None
            yield Named(pc, ((_OFFSET.sub("", frame[3].decode("utf-8", "replace")), None, None),))

    def _other(self, line: bytes) -> Iterator[Item]:
        head = _HEAD.fullmatch(line)
        total = None if head is None else _TOTAL.search(line)
        if head is not None and total is not None:
            self.headers += 1
            self.told = None if total[2] is None else _scaled(total[1], total[2], 20)
            if head[1] == b"peak":
                yield Remark(said("alloc-hook-peak"))
        elif not _OTHER.fullmatch(line) and not _PEAK.fullmatch(line):
            yield None

    def end(self) -> Iterator[Item]:
        """Ends the block whose lines were taken."""
        if self._block is None:
            return
        call, number = self._block
        self.bytes += call.size * number
        self._counted += max(0, number - 1)
        if self._counted > _MOST_COUNTED:
            self._counted -= number - 1
            yield said("alloc-hook-many", blocks=number, bytes=call.size)
            number, call = 1, call._replace(size=call.size * number)
        call = call._replace(stack=tuple(self._stack))
        for _ in range(number):
            self._blocks += 1
            yield call._replace(address=self._blocks)
        self._block, self._stack = None, []


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the blocks of a dump. A last line without its end is cut, and left out."""
    dump, before = _Dump(), None
    last = b"\n"

    def seen() -> Iterator[bytes]:
        nonlocal last
        for chunk in chunks:
            last = chunk[-1:] or last
            yield chunk

    for line in lines_of(seen()):
        if before is not None:
            yield from dump.line(before)
        before = line
    if before is not None and last == b"\n":
        yield from dump.line(before)
    elif before is not None:
        yield None
    yield from dump.end()
    yield from _remarks(dump)


def _remarks(dump: _Dump) -> Iterator[Remark]:
    if dump.headers > 1:
        yield Remark(said("alloc-hook-several", dumps=dump.headers), is_loss=True)
    elif dump.told is not None and not dump.is_rounded and abs(dump.told - dump.bytes) > 1:
        yield Remark(said("alloc-hook-total", told=dump.told, found=dump.bytes), is_loss=True)
    if dump.is_rounded:
        yield Remark(said("alloc-hook-rounded"))


def _scaled(whole: bytes, millionths: Optional[bytes], bits: int) -> int:
    """Returns the bytes of a number of KB or MB with six decimals, or none."""
    return ((int(whole) * _MILLION + int(millionths or b"0") << bits) + _MILLION // 2) // _MILLION


def _time(block: Match[bytes]) -> int:
    """Returns the milliseconds of a time, which has them without leading zeros."""
    year, month, day, hour, minute, second, thousandths = (int(block[number]) for number in range(5, 12))
    if not 1 <= month <= 12 or not year >= 1970:
        return 0
    return timegm((year, month, max(day, 1), hour, minute, second)) * 1000 + thousandths


def recognises(head: bytes) -> bool:
    """Tells whether a file begins as a dump does."""
    start = head.lstrip()
    return start.startswith(_STARTS) and (_BLOCK.match(start) or _TOTAL.search(start)) is not None


_STARTS = (b"current host used: ", b"peak host used: ", b"host peak used: ", b"alloc_size:")
SENTENCES = {
    "alloc-hook-sign": "a line with host, dma and total used, then alloc_size, alloc_type, alloc_num",
    "alloc-hook-peak": "the dump was taken at the peak: what it lists was live then, not at the end",
    "alloc-hook-total": (
        "the dump says that {told:byte} were live and lists {found:,}: it was cut off, or not written to its end"
    ),
    "alloc-hook-rounded": "the dump has sizes in whole KB: each may be up to 1,023 bytes larger",
    "alloc-hook-several": "{dumps} dumps stand one behind the other in the file: give each as a file of its own",
    "alloc-hook-many": "{blocks:block} of {bytes:byte} count as one: the dump has too many together",
}
IMPORTER = Importer(
    "alloc_hook",
    recognises,
    calls_of,
    SENTENCES,
    sign=said("alloc-hook-sign"),
    lacks=(ADDRESSES, CALLS, PEAK, FREE_STACKS, TASKS),
    hz=1000,
)
