# SPDX-License-Identifier: Apache-2.0
"""Finds a log that is carried by something else: by a flash partition, a whole flash, or what came over a serial line.

Approach: the bytes tell, wherever in the file they stand, as an image begins with a bootloader and a console with its
words. A pipe is known by its beginning alone.
Rejected: an option that names the carrier (the bytes say it, and people pass files on).
Cost: a search of the whole file, for files that nothing else knows.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import Iterator, List, Optional

from gdbext.model.said import Text, said
from gdbext.source import flash_ring
from gdbext.source.flash_ring import FlashRing
from gdbext.source.log_file import HEAD_BYTES, LogFile
from gdbext.source.overlaps import Bytes
from gdbext.source.uart_frames import UartFrames

_ELF = b"\x7fELF"
_FRAME = re.compile(rb"\x1e\x1e[\x80-\xff]")
_MOST_TRIED = 64  # places that look like a frame
_WINDOW = 1 << 14  # bytes of the line that have a whole frame, with text in it


class CarriedLog:
    """The log that a file carries. It stands for the file."""

    def __init__(self, path: str, chunks: Iterator[bytes], carrier: object) -> None:
        self.path, self._carrier = path, carrier
        start: List[bytes] = []
        for chunk in chunks:
            start.append(chunk)
            if sum(map(len, start)) >= HEAD_BYTES:
                break
        self.head, self._rest = b"".join(start), chunks

    def chunks(self) -> Iterator[bytes]:
        """Yields all bytes of the log, once."""
        return chain([self.head], self._rest)

    @property
    def remarks(self) -> List[Text]:
        """What there is to say of the carrier. It is complete when all chunks were taken."""
        one = self._carrier
        if isinstance(one, FlashRing) and one.torn:
            return [said("flash-torn", writes=one.torn)]
        if isinstance(one, UartFrames) and (one.broken or one.lost):
            return [said("uart-lost", broken=one.broken, lost=one.lost)]
        return []


def log_carried_by(file: LogFile) -> Optional[CarriedLog]:
    """Returns the log that a file carries. None if it carries none."""
    if file.head[: len(_ELF)] == _ELF:
        return None
    data = file.whole().data if file.can_seek or file.head.startswith(flash_ring.MAGIC) else file.head
    ring = FlashRing(data)
    if ring.sectors:
        return CarriedLog(file.path, ring.chunks(), ring)
    if _has_frame(data):
        frames = UartFrames()
        return CarriedLog(file.path, frames.log_of(file.chunks()), frames)
    return None


def _has_frame(data: Bytes) -> bool:
    """Tells whether a frame in these bytes is whole and right."""
    places = (found.start() for found in islice(_FRAME.finditer(data), _MOST_TRIED))
    return any(UartFrames().holds_a_frame(data[place : place + _WINDOW]) for place in places)
