# SPDX-License-Identifier: Apache-2.0
"""Imports what memtrace's own console prints: listings of the blocks that are live, with their owners and stacks.

Approach: docs/reference/console.md is the grammar. Each line has a sum, so a torn one is known; the last line of a
listing says how many blocks and bytes it has, so a lost one is missed.
Limits: frees and the peak are not in a listing.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, Optional, Sequence, Union

from gdbext.model.said import said
from gdbext.trace.console_records import (
    BEGIN,
    END,
    LEAK,
    LIVE,
    MARK,
    MISSING,
    NAME,
    ConsoleRecord,
    is_begun_in,
    record_in,
)
from gdbext.trace.importers import CALLS, PEAK, TIMES, Importer, Item, Marked
from gdbext.trace.importers.listing import MOST_PCS, Listing, Parser, Row, items_of

_LINE = re.compile(rb"MT1 B live [0-9a-f]{1,4} [0-9a-f-]{1,40}(?: [!-~]{1,16}){0,8} #[0-9a-f]{4}")
_MOST_NAMES = 1 << 12


class OwnConsole(Parser):
    """Knows the records of memtrace's console."""

    def __init__(self) -> None:
        self._listing: Optional[Listing] = None
        self._names: Dict[int, str] = {}

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns what it ends."""
        found = record_in(line)
        if found is None:
            if self._listing is not None and is_begun_in(line):
                self._listing.unread += 1
            return ()
        if found.kind == BEGIN:
            ended = self.end()
            self._listing = Listing() if found.word(0) == "live" else None
            return ended
        if found.kind == MARK:
            return (Marked(found.word(1)),)
        if found.kind == NAME and len(self._names) < _MOST_NAMES:
            self._names[found.number(0) or 0] = found.word(1)
        elif found.kind in (LIVE, LEAK) and self._listing is not None:
            self._take_block(self._listing, found)
        elif found.kind == MISSING and self._listing is not None:
            self._take_missing(self._listing, found)
        elif found.kind == END and self._listing is not None:
            self._listing.stated = found.number(0) or 0, found.number(1) or 0
            listing, self._listing = self._listing, None
            return (listing,)
        return ()

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns a listing whose end did not come."""
        listing, self._listing = self._listing, None
        if listing is None:
            return ()
        listing.is_cut = True
        return (listing,)

    def _take_block(self, listing: Listing, found: ConsoleRecord) -> None:
        address, size = found.number(0), found.number(1)
        if address is None or size is None:
            listing.unread += 1
            return
        task, heap = (self._names.get(found.number(place) or 0) for place in (3, 4))
        listing.add(Row(address, size, found.pcs[:MOST_PCS], task, heap, found.number(2)))

    def _take_missing(self, listing: Listing, found: ConsoleRecord) -> None:
        blocks, stacks = found.number(1), found.number(3)
        if blocks:
            listing.losses.append(said("memtrace-console-blocks"))
        if stacks:
            listing.notes.append(said("memtrace-console-stacks", stacks=stacks))


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the listings of a console's text."""
    return items_of(OwnConsole(), chunks)


SENTENCES = {
    "memtrace-console-blocks": "the device had no room in its table of live blocks for some of them",
    "memtrace-console-stacks": "the device has no stack for {stacks:block}",
    "memtrace-console-sign": "lines that begin with MT1 and end with a sum, as memtrace's own console prints them",
}
IMPORTER = Importer(
    "memtrace_console",
    lambda head: False,
    calls_of,
    SENTENCES,
    sign=said("memtrace-console-sign"),
    lacks=(CALLS, PEAK, TIMES),
    line=_LINE,
)
