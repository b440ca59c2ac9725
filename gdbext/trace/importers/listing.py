# SPDX-License-Identifier: Apache-2.0
"""Makes items of the listings in a console text: of blocks that were live when a device printed them.

Approach: a parser of one kind of listing takes clean lines and tells each listing when it is over. The report is that
of the last listing which is whole. Those before it are told as marks, and from one to the next as frees and
allocations, so that growth between them shows. What the listing sums up itself is held against what was read. Lines
that are no part of a listing are passed over; of one that is, but makes no sense, a record is counted.
Rejected: one pass that hands on row after row (a listing that is cut off would already have replaced the one before).
Limits: 262,144 rows of a listing; what is beyond counts as unread. A block of the same address, size and stack in two
listings that have no numbers is taken for the same.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from gdbext.model.said import Said, said
from gdbext.source.console_text import as_utf_8, clean
from gdbext.trace.importers import LONGEST_LINE, Call, Item, Marked, Named, Remark

MOST_ROWS = 1 << 18
MOST_PCS = 64  # of one stack
_MOST_NAMED = 1 << 16
_MOST_INLINED = 32
_LONGEST_CHAIN = 24 * MOST_PCS
_PC = re.compile(r"0[xX]([0-9a-fA-F]{1,16})")
_NAMED_PC = re.compile(r"(?:--- {0,4})?0[xX]([0-9a-fA-F]{1,16}): (?=\S)")
_INLINED = re.compile(r"(?:--- {0,4})?\(inlined by\) (?=\S)")
_BEHIND = re.compile(r" \(discriminator [0-9]+\)")
_Told = Tuple[Optional[str], Optional[str], Optional[int]]


class Row(NamedTuple):
    """A block of a listing."""

    address: int
    size: int
    stack: Tuple[int, ...] = ()
    task: Optional[str] = None
    heap: Optional[str] = None
    serial: Optional[int] = None  # tells it from others of the same address
    freed: Optional[Tuple[int, ...]] = None  # who freed it; () if that is not told, None if it was live


class Listing:
    """A listing that was read, or is being read."""

    def __init__(self) -> None:
        self.rows: List[Row] = []
        self.unread = 0  # lines that make no sense
        self.is_cut = False
        self.saw_all = False  # whether it has also what was freed: then each block was seen when it was allocated
        self.stated: Optional[Tuple[int, int]] = None  # live blocks and bytes, as it says itself
        self.losses: List[Said] = []
        self.notes: List[Said] = []
        self.named: Dict[int, List[_Told]] = {}
        self._named_last = 0

    def add(self, row: Row) -> None:
        """Adds a row. One too many counts as unread."""
        if len(self.rows) < MOST_ROWS:
            self.rows.append(row)
        else:
            self.unread += 1

    def name(self, line: str) -> bool:
        """Takes a line that names a PC, as a monitor puts it below the line that has it. False: it is none."""
        line = line.strip()
        named, inlined = _NAMED_PC.match(line), _INLINED.match(line)
        if named is not None and len(self.named) < _MOST_NAMED:
            self._named_last = int(named[1], 16)
            self.named[self._named_last] = [_told_by(line[named.end() :])]
        elif inlined is not None and len(self.named.get(self._named_last, ())) < _MOST_INLINED:
            self.named.setdefault(self._named_last, []).append(_told_by(line[inlined.end() :]))
        return named is not None or inlined is not None

    @property
    def live(self) -> Tuple[int, int]:
        """Blocks and bytes of the rows that are live."""
        sizes = [row.size for row in self.rows if row.freed is None]
        return len(sizes), sum(sizes)


class Parser:
    """Takes the clean lines of a console, one by one. A class below it knows one kind of listing."""

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns what it has ended or told. `is_cut`: the text ends inside of it."""
        raise NotImplementedError

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns what the end of the text ends."""
        raise NotImplementedError


def pcs_in(text: str, is_cut: bool = False) -> Tuple[int, ...]:
    """Returns the PCs of a chain, without zeros. If the text ends there, the last one may be half a PC."""
    found = _PC.findall(text[:_LONGEST_CHAIN])[:MOST_PCS]
    if is_cut and found and len(found[-1]) < max(8, *map(len, found)):
        del found[-1]
    return tuple([int(pc, 16) for pc in found if int(pc, 16)])


def begins(text: str, form: str) -> bool:
    """Tells whether a text may be the beginning of a line of this form, whose numbers are 0."""
    shape = _shape(text.strip()[: 16 * len(form)])
    return bool(shape) and _shape(form).startswith(shape)


def items_of(parser: Parser, chunks: Iterable[bytes]) -> Iterator[Item]:
    """Yields what a text tells, that a parser reads."""
    told = _Telling()
    for found in _found(parser, chunks):
        if isinstance(found, Listing):
            yield from told.take(found)
        else:
            yield found
    yield from told.end()


def _shape(text: str) -> str:
    return re.sub(r"[0-9a-f]+", "0", text)


def _told_by(text: str) -> _Told:
    """Returns function, file and line of `f at file:line`."""
    function, _, place = text.strip().partition(" at ")
    file, _, number = _BEHIND.sub("", place).rpartition(":")
    if not number.isascii() or not number.isdigit():
        file, number = (file if number == "?" else place), ""
    names = [None if name in ("", "??") else name[:LONGEST_LINE] for name in (function, file)]
    return names[0], names[1], int(number[:9]) if number else None


def _found(parser: Parser, chunks: Iterable[bytes]) -> Iterator[Union[Listing, Item]]:
    rest = b""
    for chunk in as_utf_8(chunks):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield from parser.take(clean(line[:LONGEST_LINE]))
        rest = rest[:LONGEST_LINE]
    if rest:
        yield from parser.take(clean(rest), is_cut=True)
    yield from parser.end()


class _Telling:
    """Tells listings one after the other, as what has changed from one to the next."""

    def __init__(self) -> None:
        self._cut: Optional[Listing] = None  # the last one that is not whole, as long as none is whole
        self._last: Optional[Listing] = None
        self._live: Dict[int, Row] = {}
        self._freed: Set[Row] = set()
        self._told = self._left_out = 0

    def take(self, listing: Listing) -> Iterator[Item]:
        """Takes a listing."""
        if listing.is_cut:
            self._left_out += 1
            self._cut = listing
            return
        if self._last is not None:
            yield Marked(f"#{self._told}")
        yield from self._tell(listing)

    def end(self) -> Iterator[Item]:
        """Yields what there is to say when all are told."""
        if self._last is None and self._cut is not None:
            self._left_out -= 1
            yield from self._tell(self._cut)
        last = self._last
        if last is None:
            yield Remark(said("listing-none"), is_loss=True)
            return
        if self._told > 1:
            yield Marked(f"#{self._told}")
            yield Remark(said("listing-several", listings=self._told))
        if self._left_out:
            yield Remark(said("listing-left-out", listings=self._left_out), is_loss=True)
        if last.is_cut:
            yield Remark(said("listing-cut"), is_loss=True)
        if last.stated is not None and last.stated != last.live:
            (blocks, size), (own_blocks, own_size) = last.live, last.stated
            differs = said("listing-differs", blocks=blocks, size=size, own_blocks=own_blocks, own_size=own_size)
            yield Remark(differs, is_loss=True)
        yield from [Remark(loss, is_loss=True) for loss in last.losses]
        yield from map(Remark, last.notes)
        yield from [None] * last.unread

    def _tell(self, listing: Listing) -> Iterator[Item]:
        """Yields what has changed since the listing before: frees first, then the rows in their order."""
        for pc, frames in listing.named.items():
            yield Named(pc, tuple(frames), by_monitor=True)
        kept = {row._replace(freed=None) for row in listing.rows}
        for row in [row for row in self._live.values() if row not in kept]:
            yield self._free(row, ())
        listed, twice = self._last is None and not listing.saw_all, 0
        here: Set[int] = set()
        freed, self._freed = self._freed, set()
        for row in listing.rows:
            block, before = row._replace(freed=None), self._live.get(row.address)
            if row.freed is not None:
                self._freed.add(row)
            if row in freed:  # the listing before has it, too
                continue
            if before is not None and (before != block or row.address in here):
                twice += row.address in here
                yield self._free(before, ())
                before = None
            if before is None:
                self._live[row.address] = block
                yield Call(row.address, row.size, row.stack, False, listed, row.task, row.heap)
            here.add(row.address)
            if row.freed is not None:
                here.discard(row.address)
                yield self._free(block, row.freed)
        if twice:
            listing.losses.append(said("listing-twice", blocks=twice))
        self._last, self._told = listing, self._told + 1

    def _free(self, row: Row, stack: Tuple[int, ...]) -> Call:
        del self._live[row.address]
        return Call(row.address, 0, stack, freed=True)
