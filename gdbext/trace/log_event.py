# SPDX-License-Identifier: Apache-2.0
"""An event of a log, and how it is laid out in four words.

Approach: shifts and masks are worked out once for a run. A reader hands over the whole number and time, for the words
have their low bits alone.
Rejected: Header.event of format.py for logs, too (it takes three times as long, and a log has millions of events).
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Sequence, Tuple

from gdbext.trace.format import REQUIRED_STREAMS, Header

ALLOC, FREE, REALLOC_BEGIN, REALLOC_END, ALLOC_FAILED, MARK, ASSERT, SYNC = range(1, 9)
CALLER, CONTROL, TIME, MAP, UNMAP, LIVE = range(9, 15)
Words = Tuple[int, int, int, int]


class LogEvent(NamedTuple):
    """An event of a log, with its whole number and time."""

    kind: int
    address: int
    size: int
    heap: int
    stack: int  # its number; 0: none, as of every realloc-end
    context: int
    tag: int
    core: int
    seq: Optional[int]  # None: a LIVE block has no number
    time: Optional[int]  # None: there is no clock
    link: Optional[int] = None  # of a realloc-end: the number of its begin, if it is told


class Layout:
    """How the events of a run are laid out in their words."""

    def __init__(self, header: Header) -> None:
        widths, bits = header.widths, 8 * header.pointer_size
        self.mark = "<" if header.byte_order == "little" else ">"
        self.byte_order, self.width, self.size = header.byte_order, header.pointer_size, header.event_size
        self.words = struct.Struct(self.mark + ("4I" if self.width == 4 else "4Q"))
        self.word_mask = (1 << bits) - 1
        self.time_at, self.time_mask = bits - widths.time, (1 << widths.time) - 1
        self.seq_at, self.seq_mask = bits - widths.time - widths.seq, (1 << widths.seq) - 1
        self._core_at, self._core_mask = self.seq_at - widths.core, (1 << widths.core) - 1
        self.kind_mask = (1 << self._core_at) - 1
        self._heap_at, self._size_mask = widths.size, (1 << widths.size) - 1
        self.stack_at, self.stack_mask = bits - widths.stack, (1 << widths.stack) - 1
        self._tag_at, self._context_mask = widths.context, (1 << widths.context) - 1
        self._tag_mask = (1 << self.stack_at - widths.context) - 1
        self.has_clock = header.tick_hz != 0
        self.has_streams = bool(header.required & REQUIRED_STREAMS)

    def size_heap(self, word: int) -> Tuple[int, int]:
        """Returns size and heap of an event's second word."""
        return word & self._size_mask, word >> self._heap_at

    def word_of(self, size: int, heap: int) -> int:
        """Returns the second word of an event."""
        return size | heap << self._heap_at

    def event(self, kind: int, words: Sequence[int], seq: Optional[int], time: Optional[int]) -> LogEvent:
        """Returns an event. The link of a realloc-end is what its stack field has."""
        address, sizes, whose, last = words
        stack, link = whose >> self.stack_at, None
        if kind == REALLOC_END:
            stack, link = 0, stack
        return LogEvent(
            kind,
            address,
            sizes & self._size_mask,
            sizes >> self._heap_at,
            stack,
            whose & self._context_mask,
            whose >> self._tag_at & self._tag_mask,
            last >> self._core_at & self._core_mask,
            seq,
            time if self.has_clock else None,
            link,
        )

    def words_of(self, event: LogEvent) -> Words:
        """Returns the words of an event, without number and time. A size that does not fit is the largest that does."""
        stack = event.stack
        if event.kind == REALLOC_END:
            stack = 0 if event.link is None or event.seq is None else event.seq - event.link
        whose = event.context & self._context_mask | (event.tag & self._tag_mask) << self._tag_at
        return (
            event.address & self.word_mask,
            self.word_of(min(event.size, self._size_mask), event.heap) & self.word_mask,
            whose | (stack & self.stack_mask) << self.stack_at,
            event.kind | (event.core & self._core_mask) << self._core_at,
        )
