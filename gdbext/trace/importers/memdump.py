# SPDX-License-Identifier: Apache-2.0
"""Imports what NuttX's `memdump` prints: the nodes of the heap, by task.

Approach: a line of columns says what the lines below it have: PID, Size, Overhead, Sequence, Address, Backtrace, as far
as the release and its options have them. In front of a line may stand what syslog adds, in brackets. `Total Blks` and
two numbers end it. A listing of free nodes is counted and no listing of blocks. The title says which blocks are in it.
Rejected: a form for each release (there are nine, and the columns say it all).
Limits: a size is that of the node, with its head. Totals of releases before 12.8 are counted on their own.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from gdbext.model.said import said
from gdbext.trace.importers import CALLS, PEAK, TIMES, Importer, Item, Remark
from gdbext.trace.importers.listing import MOST_PCS, Listing, Parser, Row, items_of

_AROUND = re.compile(r"(?:\[[^\]]{0,40}\]:?\s*){1,6}")
_TITLE = re.compile(
    r"(?P<title>Memdump task stack_alloc_ptr: .{0,80}name: (?P<task>.{0,64})|Memdump (?:task \S{1,64}|leak|mempool"
    r"|biggest allocated top [0-9]{1,9})|Dump all used memory node info|Dump allocated orphan nodes)"
    r"|Dump all free memory node info"
)
_COLUMNS = re.compile(r"\s*(?:PID\s+)?Size\s+(?:Overhead\s+)?(?:Sequence\s+)?Address(?:\s+(?:Backtrace|Callstack))?\s*")
_TOTAL = re.compile(r"\s*Total Blks\s+Total Size\s*")
_NUMBER = re.compile(r"-?[0-9]{1,12}")
_ADDRESS = re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,16}")
_PC = re.compile(r"0[xX][0-9a-fA-F]{1,16}")
_FREE_COLUMNS = ("Size", "Overhead")
_PC_DIGITS = 8


class Memdump(Parser):
    """Knows the listings of memdump."""

    def __init__(self) -> None:
        self._listing: Optional[Listing] = None
        self._columns: List[str] = []  # those before Address
        self._is_free = self._at_total = False
        self._title: Optional[str] = None
        self._task: Optional[str] = None
        self._free: List[int] = []

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns the listing that it ends."""
        around = _AROUND.match(line.lstrip())
        text = line if around is None else line.lstrip()[around.end() :]
        title = _TITLE.search(text)
        if title is not None:
            ended = self.end()
            self._is_free, self._title, self._task = title["title"] is None, title["title"], title["task"]
            return ended
        if _COLUMNS.fullmatch(text) is not None:
            ended = () if self._listing is None else self.end()
            self._listing, self._columns = Listing(), text.split()[: text.split().index("Address")]
            return ended
        if self._listing is None:
            return ()
        if _TOTAL.fullmatch(text) is not None:
            self._at_total = True
        elif self._at_total:
            return self._take_total(self._listing, text)
        else:
            self._take_node(self._listing, text.split(), is_cut)
        return ()

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns the listing that was being read."""
        listing, title, free = self._listing, self._title, self._free
        was_free = self._is_free
        self._listing, self._columns, self._at_total, self._free = None, [], False, []
        self._is_free, self._title, self._task = False, None, None
        if listing is None:
            return ()
        if was_free:
            told = said("memdump-free", blocks=len(free), size=sum(free), largest=max(free, default=0))
            return (Remark(told), *[None] * listing.unread)
        listing.is_cut = listing.stated is None
        listing.notes.append(said("memdump-nodes"))
        if title is not None:
            listing.notes.append(said("memdump-title", title=title))
        return (listing,)

    def _take_total(self, listing: Listing, text: str) -> Sequence[Union[Listing, Item]]:
        numbers = text.split()
        if len(numbers) == 2 and all(map(_NUMBER.fullmatch, numbers)):
            listing.stated = int(numbers[0]), int(numbers[1])
            return self.end()
        return ()

    def _take_node(self, listing: Listing, words: List[str], is_cut: bool) -> None:
        """Takes a line of a node. Lines that have not the form of one are others'."""
        columns: Sequence[str] = self._columns
        if self._is_free:
            columns = [name for name in columns if name in _FREE_COLUMNS]
        found = _node(words, columns)
        if found is None:
            listing.unread += is_cut and bool(words) and all(map(_NUMBER.fullmatch, words))
            return
        numbers, address, pcs = found
        fields = dict(zip(columns, numbers))
        if is_cut and len(words[-1]) < _PC_DIGITS + 2 * words[-1].lower().startswith("0"):
            listing.unread += 1
            if not pcs:
                return
            pcs = pcs[:-1]
        if self._is_free:
            self._free.append(fields["Size"])
            return
        pid = fields.get("PID")
        task = self._task or (None if pid is None else f"pid {pid}")
        listing.add(Row(address, max(0, fields["Size"]), pcs, task, None, fields.get("Sequence")))


def _node(words: List[str], columns: Sequence[str]) -> Optional[Tuple[List[int], int, Tuple[int, ...]]]:
    """Returns the numbers, the address and the PCs of a node's line; None if it has not the form of one."""
    before, rest = words[: len(columns)], words[len(columns) :]
    if not rest or not all(map(_NUMBER.fullmatch, before)) or _ADDRESS.fullmatch(rest[0]) is None:
        return None
    if not all(map(_PC.fullmatch, rest[1:])):
        return None
    pcs = [int(word, 16) for word in rest[1 : 1 + MOST_PCS]]
    return list(map(int, before)), int(rest[0], 16), tuple([pc for pc in pcs if pc])


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the blocks of the last listing in a text."""
    return items_of(Memdump(), chunks)


SENTENCES = {
    "memdump-sign": "lines of nodes, as NuttX's memdump prints them",
    "memdump-nodes": "sizes are those of nodes, with their heads",
    "memdump-title": "it is the listing of: {title}",
    "memdump-free": "another listing has {blocks:block} of {size:byte} free, the largest of {largest:byte}",
}
IMPORTER = Importer(
    "nuttx_memdump",
    lambda head: False,
    calls_of,
    SENTENCES,
    sign=said("memdump-sign"),
    lacks=(CALLS, PEAK, TIMES),
    line=re.compile(
        rb"Memdump (?:task |leak|mempool|biggest)|Dump all (?:used|free) memory node info|Dump allocated orphan nodes"
        rb"|PID {1,16}Size {1,16}(?:Overhead {1,16})?(?:Sequence {1,16})?Address Backtrace"
    ),
)
