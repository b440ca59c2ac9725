# SPDX-License-Identifier: Apache-2.0
"""Writes a log again: rows as packs, packs as rows, streams as one, some of its runs.

Approach: what a reader gives goes to a writer, event by event, in constant memory. What the log has lost is lost in the
new one, and what made no sense there makes none here: a report of the new one looks no better.
Rejected: copying records as they are (numbers and times of a region or pack are told by what stands before it).
Cost: 5 microseconds for each event.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Optional

from gdbext.trace.format import Header
from gdbext.trace.log import LogReader, items_of
from gdbext.trace.log_definitions import Definitions
from gdbext.trace.log_writer import LogWriter
from gdbext.trace.wish import Run

_PIECE_BYTES = 1 << 18


class Conversion:
    """A log that is written again. It has its counts when all pieces were taken."""

    def __init__(self, writer: LogWriter, run: Run) -> None:
        self._writer, self._run = writer, run
        self._reader = LogReader()
        self._lost, self._unread = 0, 0  # up to the run that is being read
        self._is_wanted = False
        self.runs = 0  # of the log
        self.events = self.lost = self.unread = 0  # of what was written

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[Optional[bytes]]:
        """Yields the bytes of the new log. None: what came so far is of a run that is not the last.

        Raises Trouble if the chunks are no log.
        """
        reader, writer = self._reader, self._writer
        for item in items_of(reader, chunks):
            if isinstance(item, Header):
                self._end_run(reader.ended)
                if self.runs and self._run == "last":
                    writer.restart()
                    self.events = self.lost = self.unread = 0
                    yield None
                self._begin_run(item)
            elif self._is_wanted:
                writer.event(item, reader)
                self.events += 1
            if len(writer) >= _PIECE_BYTES:
                yield writer.taken()
        self._end_run(reader)
        yield writer.taken()

    def _begin_run(self, header: Header) -> None:
        self.runs += 1
        self._lost, self._unread = self._reader.lost, self._reader.unread
        self._is_wanted = self._run in ("last", "all", self.runs)
        if self._is_wanted:
            self._writer.begin(header)

    def _end_run(self, told: Definitions) -> None:
        if self._is_wanted:
            lost, unread = self._reader.lost - self._lost, self._reader.unread - self._unread
            for _ in range(unread):
                self._writer.nonsense()
            self._writer.end(told, lost)
            self.lost, self.unread = self.lost + lost, self.unread + unread
