# SPDX-License-Identifier: Apache-2.0
"""Imports what ESP-IDF's heap_trace_dump prints: the records of its standalone mode.

Approach: releases up to 5.0 begin with `N allocations trace`, later ones with `Heap Trace: N records`, and tell the
kind of memory. A record is one line; in the mode that has all, `freed by` stands in a line below it, or since 5.5 the
word `freed` behind it where there are no stacks. Callers are return addresses; a chain may end with `:`, and one of a
free with 0x0. Each dump sums itself up at its end: if that is missing, it was cut off.
Rejected: the numbers of the first line as a check (a dump of one kind of memory has fewer records).
Limits: the cycle counter wraps and is one for each core, so there are no times.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Match, Optional, Sequence, Union

from gdbext.model.said import said
from gdbext.trace.importers import CALLS, PEAK, TASKS, TIMES, Importer, Item
from gdbext.trace.importers.listing import Listing, Parser, Row, begins, items_of, pcs_in

_HEAD = re.compile(r"[0-9]{1,10} allocations trace \([0-9]{1,10} entry buffer\)|Heap Trace: [0-9]{1,10} records \(")
_ROW = re.compile(
    r"(?<![0-9])(?P<size>[0-9]{1,10}) bytes \(@ (?P<address>0[xX][0-9a-fA-F]{1,16})(?:, {0,8}(?P<heap>\w{1,16}))?\)"
    r"(?P<rest> allocated CPU [0-9]{1,3} ccount 0x(?P<ccount>[0-9a-fA-F]{1,16})"
    r"(?: caller ?(?P<callers>[0-9a-fA-FxX:]*))?(?P<freed> freed\b)?)?"
)
_FREED = re.compile(r"freed by ?([0-9a-fA-FxX:]*)\s*$")
_LEAKED = re.compile(r"([0-9]{1,10}) bytes '?(?:leaked|alive)'? in trace \(([0-9]{1,10})(/[0-9]{1,10})? allocations\)")
_COUNTED = re.compile(r"total allocations:? ([0-9]{1,10})(?: total frees ([0-9]{1,10}))?")
_FREES = re.compile(r"total frees:? ([0-9]{1,10})")
_SUMMARY = re.compile("Heap Trace Summary")
_LOSSES = (
    (re.compile("uffer has overflowed, so trace data is incomplete"), said("heap-trace-overflowed")),
    (re.compile("New entries were traced while dumping"), said("heap-trace-grew")),
    (re.compile("heap trace linked list is corrupt"), said("heap-trace-corrupt")),
)
_PART = re.compile(r" bytes \(@ | allocated CPU ")
PRINTED = "0 bytes (@ 0x0"
_CCOUNT_DIGITS = 8


class HeapTraceDump(Parser):
    """Knows the dumps of heap_trace."""

    def __init__(self) -> None:
        self._listing: Optional[Listing] = None
        self._is_over = False  # its summary has begun
        self._can_be_freed = False  # the line before was the record of what a `freed by` may follow
        self._allocations = 0

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns the dump before, where another begins."""
        row = _ROW.search(line) if "bytes (@" in line else None
        if row is not None:
            return self._take_row(row, is_cut)
        if "race" in line and _HEAD.search(line) is not None:
            return self._begin()
        listing = self._listing
        if listing is None:
            return ()
        freed = _FREED.search(line)
        if freed is not None and not self._is_over:
            self._free(listing, freed[1], is_cut)
        elif not self._sum_up(listing, line) and not listing.name(line) and not self._is_over:
            is_part = _PART.search(line) is not None or (is_cut and begins(line, PRINTED))
            listing.unread += is_part
            self._can_be_freed &= not is_part
        return ()

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns the last dump."""
        listing, self._listing = self._listing, None
        if listing is not None:
            listing.is_cut = listing.stated is None
        return () if listing is None else (listing,)

    def _begin(self) -> Sequence[Union[Listing, Item]]:
        before = self.end()
        self._listing, self._is_over, self._can_be_freed = Listing(), False, False
        return before

    def _take_row(self, row: Match[str], is_cut: bool) -> Sequence[Union[Listing, Item]]:
        before = self._begin() if self._listing is None or self._is_over else ()
        listing = self._listing or Listing()
        stack = pcs_in(row["callers"] or "", is_cut)
        if row["callers"]:
            is_half = stack != pcs_in(row["callers"])
        else:
            is_half = row["rest"] is None or (is_cut and len(row["ccount"]) < _CCOUNT_DIGITS)
        listing.unread += is_half
        serial = None if row["ccount"] is None else int(row["ccount"], 16)
        freed = () if row["freed"] is not None else None
        listing.saw_all |= freed is not None
        listing.add(Row(int(row["address"], 16), int(row["size"]), stack, None, row["heap"], serial, freed))
        self._can_be_freed = True
        return before

    def _free(self, listing: Listing, chain: str, is_cut: bool) -> None:
        if self._can_be_freed and listing.rows:
            listing.rows[-1] = listing.rows[-1]._replace(freed=pcs_in(chain, is_cut))
            listing.saw_all = True
        self._can_be_freed = False

    def _sum_up(self, listing: Listing, line: str) -> bool:
        """Takes a line of the summary. False: it is none."""
        leaked, counted, frees = _LEAKED.search(line), _COUNTED.search(line), _FREES.search(line)
        if leaked is not None:
            listing.stated = int(leaked[2]), int(leaked[1])
            listing.saw_all |= leaked[3] is not None
            self._is_over = True
        if counted is not None and self._is_over:
            self._allocations = int(counted[1])
        if frees is not None and self._is_over:
            listing.notes.append(said("heap-trace-counted", allocations=self._allocations, frees=int(frees[1])))
        found = [loss for words, loss in _LOSSES if words.search(line) is not None]
        listing.losses += [loss for loss in found if loss not in listing.losses]
        return leaked is not None or counted is not None or _SUMMARY.search(line) is not None


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the blocks of the last dump in a text."""
    return items_of(HeapTraceDump(), chunks)


SENTENCES = {
    "heap-trace-sign": "lines as heap_trace_dump prints them",
    "heap-trace-overflowed": "its buffer was full: older records are gone, and the list is incomplete",
    "heap-trace-grew": "it was not stopped before it was dumped: blocks may be in it twice, or missing",
    "heap-trace-corrupt": "the list of its records was damaged: the rest of them is missing",
    "heap-trace-counted": "while it traced, {allocations:allocation} and {frees:free} were counted",
}
IMPORTER = Importer(
    "esp_idf_heap_trace",
    lambda head: False,
    calls_of,
    SENTENCES,
    sign=said("heap-trace-sign"),
    lacks=(CALLS, PEAK, TASKS, TIMES),
    line=re.compile(
        rb" allocations trace \([0-9]{1,10} entry buffer\)|Heap Trace: [0-9]{1,10} records \("
        rb"| bytes \(@ 0x[0-9a-f]{1,16}[^\n]{0,16}\) allocated CPU [0-9]"
    ),
)
