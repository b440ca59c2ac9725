# SPDX-License-Identifier: Apache-2.0
"""Writes a log again: rows as packs, packs as rows, streams as one, some of its runs.

Approach: what a reader gives goes to a writer, event by event, in constant memory. What the log has lost is lost in the
new one, and what made no sense there makes none here: a report of the new one looks no better.
Rejected: copying records as they are (numbers and times of a region or pack are told by what stands before it).
Cost: 5 microseconds for each event.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Optional, Union

from gdbext.trace.format import Header
from gdbext.trace.log import LogReader, items_of
from gdbext.trace.log_definitions import Definitions
from gdbext.trace.log_writer import LogWriter

_PIECE_BYTES = 1 << 18
Run = Union[int, str]  # a number from 1 on, "last" or "all"


def converted(chunks: Iterable[bytes], writer: LogWriter, run: Run) -> Iterator[Optional[bytes]]:
    """Yields the bytes of a log written again. None: what came so far is of a run that is not the last.

    Raises Trouble if the chunks are no log.
    """
    reader, runs, lost, unread, is_wanted = LogReader(), 0, 0, 0, False

    def end_run(told: Definitions) -> None:
        if is_wanted:
            for _ in range(reader.unread - unread):
                writer.nonsense()
            writer.end(told, reader.lost - lost)

    for item in items_of(reader, chunks):
        if not isinstance(item, Header):
            if is_wanted:
                writer.event(item, reader)
            if len(writer) >= _PIECE_BYTES:
                yield writer.taken()
            continue
        end_run(reader.ended)
        runs, lost, unread = runs + 1, reader.lost, reader.unread
        if runs > 1 and run == "last":
            writer.restart()
            yield None
        is_wanted = run in ("last", "all", runs)
        if is_wanted:
            writer.begin(item)
    end_run(reader)
    yield writer.taken()
