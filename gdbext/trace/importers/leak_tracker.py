# SPDX-License-Identifier: Apache-2.0
"""Imports the report of the ESP32 leak tracker (memory_tracker and alloc_trace).

Approach: each leak has its number, address with the kind of memory, size, and lines of frames, where 0x0 is none. They
come as they are, or each as a line of ESP_LOG whose tag is that of the first: lines with another tag are others'. Names
that a monitor has put below a frame are taken. A summary ends it.
Rejected: the leak's numbers as a check (an excerpt, such as the tool's own example, leaves some out).
Limits: the tool shows the first stack that it ever saw for an address, which may be that of a block freed long ago.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Optional, Sequence, Tuple, Union

from gdbext.model.said import said
from gdbext.trace.importers import CALLS, PEAK, TASKS, TIMES, Importer, Item
from gdbext.trace.importers.listing import MOST_PCS, Listing, Parser, Row, begins, items_of, pcs_in

_LOGGED = re.compile(r"\s*[EWIDV] \([0-9:. -]{1,32}\) (?P<tag>[^\s:]{1,64}): ?")
_HEAD = re.compile(r"\s*LEAKED ALLOCATIONS\s*$")
_LEAK = re.compile(r"\s*--- LEAK #[0-9]{1,9} ---\s*$")
_ADDRESS = re.compile(r"\s*Address: 0[xX](?P<address>[0-9a-fA-F]{1,16}) \((?P<heap>[^)]{1,32})\)\s*$")
_SIZE = re.compile(r"\s*Size: (?P<size>[0-9]{1,10}) bytes\s*$")
_FRAMES = re.compile(r"\s*(?:0[xX][0-9a-fA-F]{1,16}|\(nil\))(?::(?:0[xX][0-9a-fA-F]{0,16}|\(nil\)))*:?\s*$")
_TOTAL = re.compile(r"\s*Total leaks: (?P<blocks>[0-9]{1,10}) allocations, (?P<bytes>[0-9]{1,12}) bytes")
_PARTS = ("Address:", "Size:", "--- LEAK #")
PRINTED = ("Address: 0x0 (Internal)", "Size: 0 bytes", "--- LEAK #0 ---", "Backtrace (frame pointer unwinding):")
_UNKNOWN = "Unknown"


class LeakTracker(Parser):
    """Knows the reports of the leak tracker."""

    def __init__(self) -> None:
        self._listing: Optional[Listing] = None
        self._tag: Optional[str] = None
        self._begin_leak(False)

    def _begin_leak(self, is_open: bool) -> None:
        self._is_open, self._is_bad = is_open, False
        self._address = self._size = -1
        self._heap: Optional[str] = None
        self._stack: Tuple[int, ...] = ()

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns the report before, where another begins."""
        logged = _LOGGED.match(line)
        tag, text = (None, line) if logged is None else (logged["tag"], line[logged.end() :])
        if _HEAD.match(text) is not None:
            return self._begin(tag)
        if _LEAK.match(text) is not None and (self._listing is None or tag == self._tag):
            before = self._begin(tag) if self._listing is None or self._listing.stated is not None else ()
            self._end_leak()
            self._begin_leak(True)
            return before
        if self._listing is not None:
            self._take_part(self._listing, text if tag == self._tag else "", is_cut) or self._listing.name(line)
        return ()

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns the last report."""
        listing, self._listing = self._listing, None
        if listing is None:
            return ()
        listing.is_cut = listing.stated is None
        self._listing = listing
        self._end_leak(is_last=True)
        self._listing = None
        return (listing,)

    def _begin(self, tag: Optional[str]) -> Sequence[Union[Listing, Item]]:
        before = self.end()
        self._listing, self._tag = Listing(), tag
        self._listing.notes.append(said("leak-tracker-first"))
        return before

    def _take_part(self, listing: Listing, text: str, is_cut: bool) -> bool:
        """Takes a line of a report. False: it is none."""
        address, size, total = _ADDRESS.match(text), _SIZE.match(text), _TOTAL.match(text)
        if address is not None and self._is_open:
            self._address, self._heap = int(address["address"], 16), address["heap"]
        elif size is not None and self._is_open:
            self._size = int(size["size"])
        elif _FRAMES.match(text) is not None and self._is_open:
            self._stack = (*self._stack, *pcs_in(text, is_cut))[:MOST_PCS]
        elif total is not None:
            self._end_leak()
            listing.stated = int(total["blocks"]), int(total["bytes"])
        elif listing.stated is None and _is_part(text, is_cut):
            listing.unread += 1
            self._is_bad = True
        else:
            return False
        return True

    def _end_leak(self, is_last: bool = False) -> None:
        """Adds the leak that was read. One that lacks its address or size counts as unread, if no line of it did."""
        if self._listing is not None and self._is_open:
            if self._address >= 0 and self._size >= 0:
                heap = None if self._heap == _UNKNOWN else self._heap
                self._listing.add(Row(self._address, self._size, self._stack, None, heap))
            elif not self._is_bad and not is_last:
                self._listing.unread += 1
        self._begin_leak(False)


def _is_part(text: str, is_cut: bool) -> bool:
    begun = text.lstrip().startswith(_PARTS)
    return begun or (is_cut and any(begins(text, form) for form in PRINTED))


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the leaks of the last report in a text."""
    return items_of(LeakTracker(), chunks)


SENTENCES = {
    "leak-tracker-sign": "lines of LEAKED ALLOCATIONS, as the ESP32 leak tracker prints them",
    "leak-tracker-first": "the tracker keeps the first stack of an address: it may be that of a block before this one",
}
IMPORTER = Importer(
    "esp32_leak_tracker",
    lambda head: False,
    calls_of,
    SENTENCES,
    sign=said("leak-tracker-sign"),
    lacks=(CALLS, PEAK, TASKS, TIMES),
    line=re.compile(rb"   LEAKED ALLOCATIONS|--- LEAK #[0-9]{1,9} ---"),
)
