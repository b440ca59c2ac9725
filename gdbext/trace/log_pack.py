# SPDX-License-Identifier: Apache-2.0
"""Turns the payload of a PACK record into words of events and back: docs/reference/format.md, section 9.

Approach: planes are slices of the rows with a step, so that both ways are copies which the interpreter does at once.
What a pack says of its own size is compared with what its planes must have before anything is unpacked.
Rejected: unpacking first and looking then (a few bytes may unpack to gigabytes).
Cost: about 0.2 microseconds for each event, and 30 bytes of memory.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import List, NamedTuple, Optional, Sequence, Union

from gdbext.source.snapshot import ByteOrder
from gdbext.source.zstd import zstd
from gdbext.trace.format import PLAIN, ZSTD
from gdbext.trace.log_event import Words

MOST_EVENTS = 65_536


class Pack(NamedTuple):
    """The events of a PACK record. Each time is counted from the one before, the first from `time`."""

    first: int
    time: int
    words: Sequence[Words]  # the last ones have kind and core alone
    deltas: Sequence[int]


def unpacked(payload: bytes, count: int, width: int, order: ByteOrder) -> Optional[Pack]:
    """Returns the pack of `count` events with words of `width` bytes. None if it makes no sense."""
    planes, head = 3 * width + 5, struct.Struct(_mark(order) + "3Q2I")
    if len(payload) < head.size or not 0 < count <= MOST_EVENTS:
        return None
    first, time, present, compression, size = head.unpack_from(payload)
    lengths = [count if present >> plane & 1 else 1 for plane in range(planes)]
    if present >> planes or size != sum(lengths):
        return None
    columns = columns_of(payload[head.size :], compression, size)
    if columns is None:
        return None
    rows, deltas, at = bytearray(4 * width * count), bytearray(4 * count), 0
    for plane, length in enumerate(lengths):
        column = columns[at : at + length] * (count // length)
        at += length
        if plane <= 3 * width:
            rows[_place(plane, width, order) :: 4 * width] = column
        else:
            deltas[plane - 3 * width - 1 :: 4] = column
    words: List[Words] = list(struct.iter_unpack(_four(width, order), rows))
    return Pack(first, time, words, _little(deltas))


def packed(pack: Pack, width: int, order: ByteOrder, level: Optional[int]) -> bytes:
    """Returns the payload of a PACK record, compressed by zstd if there is a level."""
    rows = b"".join(map(struct.Struct(_four(width, order)).pack, *zip(*pack.words)))
    deltas = _little(array("I", pack.deltas).tobytes()).tobytes()
    columns = [rows[_place(plane, width, order) :: 4 * width] for plane in range(3 * width + 1)]
    columns += [deltas[byte::4] for byte in range(4)]
    present = sum(1 << plane for plane, column in enumerate(columns) if column.strip(column[:1]))
    body = b"".join(column if present >> plane & 1 else column[:1] for plane, column in enumerate(columns))
    compression = PLAIN if level is None else ZSTD
    head = struct.pack(_mark(order) + "3Q2I", pack.first, pack.time, present, compression, len(body))
    return head + (body if level is None else zstd().ZstdCompressor(level=level).compress(body))


def _mark(order: ByteOrder) -> str:
    return "<" if order == "little" else ">"


def _four(width: int, order: ByteOrder) -> str:
    return _mark(order) + ("4I" if width == 4 else "4Q")


def _place(plane: int, width: int, order: ByteOrder) -> int:
    """Returns where a plane's byte stands in a row."""
    word, byte = divmod(plane, width)
    return word * width + (byte if order == "little" else width - 1 - byte)


def _little(data: Union[bytes, bytearray]) -> array[int]:
    """Returns little-endian words of 4 bytes in this machine's order, or the other way round."""
    words = array("I", bytes(data))
    if sys.byteorder == "big":
        words.byteswap()
    return words


def columns_of(data: bytes, compression: int, size: int) -> Optional[bytes]:
    """Returns the columns, which must have `size` bytes. None if they have not."""
    if compression == PLAIN:
        return data if len(data) == size else None
    if compression != ZSTD:
        return None
    module = zstd()
    try:
        if module.frame_content_size(data) not in (-1, size):
            return None
        columns: bytes = module.ZstdDecompressor().decompress(data, max_output_size=size)
    except module.ZstdError:
        return None
    return columns if len(columns) == size else None
