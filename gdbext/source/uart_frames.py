# SPDX-License-Identifier: Apache-2.0
"""Takes what comes over a serial line apart: console text, and a log of memtrace in frames.

docs/reference/format.md, section 14; c_helpers/sinks/uart_frames.c writes it.
Approach: a frame's bytes have their highest bit set, so text may stand anywhere in it. A frame counts if its sum is
right. Its place in the run tells what was lost; its place and sum tell what was sent twice. Behind a run's beginning
that was lost nothing counts up to the next header, for numbers of stacks would mean another thing.
Rejected: giving the bytes of a broken frame back as text (a line of rubbish on the console for each).
Cost: 15 microseconds a frame of 600 bytes. Memory: one frame, and place and sum of the last 256.
Assumptions: bytes above 7f at the very beginning, or behind a broken frame, are the rest of a frame, up to the next one
or to so much text that no frame has it.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import Deque, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from zlib import crc32

from gdbext.source.log_header import log_header_size

_MARK = b"\x1e"
_PIECES = re.compile(rb"\x1e+|[\x80-\xff]+|[^\x1e\x80-\xff]+")
_HEAD_BYTES, _SUM_BYTES = 8, 4
_HEAD_PACKED = 10  # bytes on the line that have the head
_BEGINS = 0x8000  # in the length: the frame begins a run
_LARGEST = 8192  # bytes of records in a frame
_MOST_TEXT = 512  # in one frame: whoever sent it is dead
_FIRST_TEXT = 80  # in the frame that the line may begin in
_REMEMBERED = 256  # frames that may come twice: what a sink keeps over a reset is less


class Arrived(NamedTuple):
    """What some bytes of the line were."""

    text: bytes
    log: bytes


class UartFrames:
    """A serial line. Its counts are of all that was fed."""

    def __init__(self) -> None:
        self.frames = 0  # whose bytes are in the log
        self.broken = 0  # began, and were not whole or not right
        self.lost = 0  # bytes of the log: of frames that did not come or were broken, or came without their header
        self._packed: Optional[bytearray] = None  # what has come of a frame; None: it is whole, or given up
        self._text_left = _FIRST_TEXT  # that may come in it
        self._run: Optional[int] = None  # of the log so far; None: there is no header for what comes
        self._expected = 0  # place in the run
        self._last: Deque[Tuple[int, bytes]] = deque(maxlen=_REMEMBERED)  # places and sums

    def feed(self, data: bytes) -> Arrived:
        """Takes the next bytes of the line."""
        text: List[bytes] = []
        log: List[bytes] = []
        for piece in _PIECES.findall(data):
            if piece[:1] == _MARK:
                self._give_up()
                self._packed, self._text_left = bytearray(), _MOST_TEXT
            elif piece[0] < 0x80:
                text.append(piece)
                self._text_left = max(0, self._text_left - len(piece))
                if not self._text_left:
                    self._give_up()
            elif self._packed is not None:
                text.append(self._bits_came(piece, self._packed, log))
            elif not self._text_left:
                text.append(piece)
        return Arrived(b"".join(text), b"".join(log))

    def log_of(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the log in all that came over a line."""
        for chunk in chunks:
            log = self.feed(chunk).log
            if log:
                yield log

    def holds_a_frame(self, data: bytes) -> bool:
        """Tells whether there is a frame in these bytes that is whole and right, whatever it is of."""
        self.feed(data)
        return bool(self._last)

    def _give_up(self) -> None:
        self.broken += bool(self._packed)
        self._packed = None

    def _bits_came(self, piece: bytes, packed: bytearray, log: List[bytes]) -> bytes:
        """Takes more bytes of a frame. Returns those behind its end."""
        packed += piece
        if len(packed) < _HEAD_PACKED:
            return b""
        length = int.from_bytes(_unpacked(packed[:_HEAD_PACKED], 2), "big") & ~_BEGINS
        size = _packed_size(_HEAD_BYTES + length + _SUM_BYTES)
        if length > _LARGEST:
            self._give_up()
        if length > _LARGEST or len(packed) < size:
            return b""
        frame = _unpacked(packed[:size], _HEAD_BYTES + length + _SUM_BYTES)
        if crc32(frame[:-_SUM_BYTES]) != int.from_bytes(frame[-_SUM_BYTES:], "big"):
            self._give_up()
            return b""
        self._packed, self._text_left = None, 0
        log.append(self._frame_came(frame[:_HEAD_BYTES], frame[_HEAD_BYTES:-_SUM_BYTES], frame[-_SUM_BYTES:]))
        return bytes(packed[size:])

    def _frame_came(self, head: bytes, data: bytes, total: bytes) -> bytes:
        """Returns what a frame adds to the log."""
        begins, header = bool(head[0] & 0x80), log_header_size(data)
        run, place = int.from_bytes(head[2:4], "big"), int.from_bytes(head[4:8], "big")
        if begins:
            self._last.clear()
        elif (place, total) in self._last:
            return b""  # a reset came while it was sent, and it was sent again
        self._last.append((place, total))
        goes_on = run == self._run and place >= self._expected and not begins
        if goes_on:
            self.lost += place - self._expected
        elif not header:
            self._run, self.lost = None, self.lost + len(data)
            return b""
        self._run, self._expected, self.frames = run, place + len(data), self.frames + 1
        return data[header if goes_on else 0 :]


def _packed_size(count: int) -> int:
    """Returns how many bytes of the line carry this many."""
    return -(-8 * count // 7)


def _unpacked(packed: bytearray, count: int) -> bytes:
    """Returns the first bytes that these of the line carry: of each eight, seven. All eights are done at once."""
    eights = -(-len(packed) // 8)
    bits = int.from_bytes(packed.ljust(8 * eights, b"\0"), "big")
    for shift, low, high in _joints(eights):
        bits = bits & low | (bits & high) >> shift
    carried = bytearray(bits.to_bytes(8 * eights, "big"))
    del carried[::8]
    return bytes(carried[:count])


@lru_cache(maxsize=16)
def _joints(eights: int) -> List[Tuple[int, int, int]]:
    """Returns how neighbours join, first bytes, then pairs, then fours: places to move by, and masks of both."""
    masks = ((1, 2, 0x7F), (2, 4, 0x3FFF), (4, 8, 0xFFFFFFF))
    low = [
        (shift, size, int.from_bytes(mask.to_bytes(size, "big") * (8 * eights // size), "big"))
        for shift, size, mask in masks
    ]
    return [(shift, mask, mask << 4 * size) for shift, size, mask in low]
