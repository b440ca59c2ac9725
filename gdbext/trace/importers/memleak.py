# SPDX-License-Identifier: Apache-2.0
"""Imports what the R128's `memleak` prints on its console: blocks that are not freed, and wrong frees.

Approach: `memleak show`, `memleak 0` and `memallocate TASK` list blocks from number 001 on; each has its task and lines
of `backtrace :` below it. The documented form has no task. Printers differ in how they write an address: with 0x, 0X,
both, or none. Reports of a double free or of free(NULL) come at any time, with the stack of that free alone.
Rejected: a stack for every such line (a crash prints the same ones): a prompt or a crash ends an entry.
Limits: a listing has no end of its own. It is cut off if the text ends inside of an entry, or before its stack.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List, Match, Optional, Sequence, Tuple, Union

from gdbext.model.said import said
from gdbext.trace.importers import CALLS, PEAK, TIMES, Importer, Item, WrongFree
from gdbext.trace.importers.listing import MOST_PCS, Listing, Parser, Row, begins, items_of

_ROW = re.compile(
    r"(?<![0-9])(?P<number>[0-9]{3,9}): ptr = (?:0[xX]){0,2}(?P<address>[0-9a-fA-F]{1,16}), "
    r"size = 0[xX](?P<size>[0-9a-fA-F]{8})(?:\.|, thread = (?P<task>.{0,64}))"
)
_PC = re.compile(r"backtrace\s*: ?(?:0[xX]){0,2}(?P<pc>[0-9a-fA-F]{1,16})\s*$")
_REPORT = re.compile(r"(double free checked|free null pointer)!{1,8}")
_COMMAND = re.compile(r"\bmem(?:leak\s+(?:0|show)|allocate\s+(?P<task>\S{1,64}))\s*$")
_FILTER = re.compile(r"[0-9]{3,9}: filter thread = (.{1,64})")
_ELSE = re.compile(r"^\s*[\w-]{1,16}>|(?i:exception|panic|assert|fault|call ?stack)")
_WORDS = (": ptr = ", "trace :", "free", "mem", ": filter")  # one of them is in each line of memleak's
_MOST_FILTERS = 16
_PARTS = (": ptr = ", "backtrace : ")
PRINTED = ("000: ptr = 0x00000000, size = 0x00000000, thread =", "backtrace : 0x00000000")
_NOBODY = ("", "(null)")
_PC_DIGITS = 8


class Memleak(Parser):
    """Knows the listings of memleak, and its reports."""

    def __init__(self) -> None:
        self._listing: Optional[Listing] = None
        self._task: Optional[str] = None  # whose blocks a `memallocate` lists
        self._number = self._gaps = 0
        self._stack: Optional[List[int]] = None  # of the entry or of the report that is being read
        self._report = ""

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns what it ends."""
        if self._stack is None and not is_cut and not any(word in line for word in _WORDS):
            return ()
        pc = _PC.search(line)
        if pc is not None:
            self._take_pc(pc["pc"], is_cut)
            return ()
        row, report, command = _ROW.search(line), _REPORT.search(line), _COMMAND.search(line)
        if row is not None:
            ended = self._end_entry()
            if int(row["number"]) == 1 and self._listing is not None and self._listing.rows:
                ended += self._end_listing()
            self._take_row(self._listing or self._begin(), row)
            return ended
        if report is not None:
            ended = self._end_entry()
            self._report, self._stack = "double" if report[1][0] == "d" else "null", []
            return ended
        if command is not None:
            ended = (*self._end_entry(), *self._end_listing())
            self._begin()
            self._task = command["task"]
            return ended
        return self._take_else(line, is_cut)

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns the last listing or report."""
        listing = self._listing
        if listing is not None and self._stack == [] and any(row.stack for row in listing.rows):
            listing.is_cut = True
        return (*self._end_entry(), *self._end_listing())

    def _begin(self) -> Listing:
        self._listing, self._task, self._number, self._gaps = Listing(), None, 0, 0
        return self._listing

    def _take_row(self, listing: Listing, row: Match[str]) -> None:
        number, task = int(row["number"]), (row["task"] or "").strip()
        self._gaps += max(0, number - self._number - 1) if number > self._number else 0
        self._number = number
        listing.add(Row(int(row["address"], 16), int(row["size"], 16), (), self._task if task in _NOBODY else task))
        self._stack = []

    def _take_pc(self, pc: str, is_cut: bool) -> None:
        if self._stack is None:
            return
        if is_cut and self._listing is not None and not self._report:
            self._listing.is_cut = True
        if is_cut and len(pc) < _PC_DIGITS:
            self._unread()
        elif len(self._stack) < MOST_PCS:
            self._stack.append(int(pc, 16))

    def _take_else(self, line: str, is_cut: bool) -> Sequence[Union[Listing, Item]]:
        """Takes a line of any other kind: a part of the listing that makes no sense, or what is none of it."""
        listing = self._listing
        allowed = _FILTER.search(line)
        if listing is not None and allowed is not None:
            if len(listing.notes) < _MOST_FILTERS:
                listing.notes.append(said("memleak-filter", thread=allowed[1].strip()))
        elif any(part in line for part in _PARTS) or (is_cut and any(begins(line, form) for form in PRINTED)):
            if listing is not None or ": ptr = " in line:
                ended = self._end_entry() if ": ptr = " in line else ()
                self._listing = listing or self._begin()
                self._listing.is_cut |= is_cut
                self._unread()
                return ended
        elif _ELSE.search(line) is not None:
            return self._end_entry()
        return ()

    def _unread(self) -> None:
        if self._listing is not None:
            self._listing.unread += 1
            self._gaps -= 1

    def _end_entry(self) -> Tuple[Union[Listing, Item], ...]:
        """Gives the stack to the entry; returns the report that it is of."""
        stack, report = self._stack, self._report
        self._stack, self._report = None, ""
        if stack is None:
            return ()
        if report:
            return (WrongFree(report, tuple(stack)),)
        if self._listing is not None and self._listing.rows:
            self._listing.rows[-1] = self._listing.rows[-1]._replace(stack=tuple(stack))
        return ()

    def _end_listing(self) -> Tuple[Union[Listing, Item], ...]:
        listing, self._listing = self._listing, None
        if listing is None:
            return ()
        if self._task is not None:
            listing.notes.append(said("memleak-task", task=self._task))
        if self._gaps > 0:
            listing.losses.append(said("memleak-gaps", blocks=self._gaps))
        return (listing,)


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the blocks of the last listing in a text, and all wrong frees."""
    return items_of(Memleak(), chunks)


SENTENCES = {
    "memleak-sign": "lines of ptr, size and thread, or reports of wrong frees, as memleak prints them",
    "memleak-filter": "memleak recorded what thread {thread} allocated, not all",
    "memleak-task": "memallocate lists the blocks of {task} alone",
    "memleak-gaps": "by its numbers the listing lacks {blocks:block}",
}
IMPORTER = Importer(
    "r128_memleak",
    lambda head: False,
    calls_of,
    SENTENCES,
    sign=said("memleak-sign"),
    lacks=(CALLS, PEAK, TIMES),
    line=re.compile(
        rb": ptr = (?:0[xX])?[0-9a-fA-F]{1,16}, size = 0[xX][0-9a-fA-F]{8}|double free checked!!!|free null pointer!!!"
    ),
)
