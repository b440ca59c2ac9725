# SPDX-License-Identifier: Apache-2.0
"""Reads the partition table of a flash image.

Approach: a row of 32 bytes a partition, then one with the MD5 of the rows before it, then erased flash. The table is at
0x8000, where everybody leaves it, or else at the first place where a whole one is: with the right sum, or with two rows
and erased flash behind them.
Rejected: a search by the magic alone (an app holds the word, too).
Cost: one look at each sector, where nothing is at 0x8000.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Iterator, List, NamedTuple, Optional

from gdbext.source.overlaps import Bytes

_USUAL = 0x8000
_SECTOR = 0x1000
_ROW = struct.Struct("<2s2B2I16sI")
_MAGIC, _SUM = b"\xaa\x50", b"\xeb\xeb" + b"\xff" * 14
_ERASED = b"\xff" * 32
_MOST_ROWS = 96
_APP, _DATA = 0, 1
_SYSTEM = (0, 1, 2, 4, 5)  # data of the chip's own: which app runs, its radio, settings, keys
_CORE = 3
_FILES = {0x81: "fat", 0x82: "spiffs", 0x83: "littlefs"}
FOR_FILES = (_DATA, 0x82)  # kind and subtype of a partition that is not in a table


class Partition(NamedTuple):
    """A row of a table."""

    name: str
    kind: int  # 0: an app, 1: data, 0x40 and up: of the project's own
    subtype: int
    offset: int
    size: int

    @property
    def may_have_files(self) -> bool:
        """False for an app, and for what the chip's own libraries keep."""
        return self.kind != _APP and not (self.kind == _DATA and self.subtype in _SYSTEM)

    @property
    def is_for_core(self) -> bool:
        """Tells whether the table says that it is for core dumps."""
        return (self.kind, self.subtype) == (_DATA, _CORE)

    @property
    def files(self) -> Optional[str]:
        """The kind of file system that the table says it has."""
        return _FILES.get(self.subtype) if self.kind == _DATA else None


def partitions_in(data: Bytes) -> List[Partition]:
    """Returns the partitions of a flash image, as its table has them; none without a table."""
    places = (at for at in range(0, len(data), _SECTOR) if at != _USUAL and data[at : at + 2] == _MAGIC)
    elsewhere = (_sure_table_at(data, at) for at in places)
    return table_at(data, _USUAL) or next((table for table in elsewhere if table), [])


def _rows(data: Bytes, at: int) -> Iterator[bytes]:
    """Yields the rows of a table, and the one that ends it."""
    for place in range(at, min(at + _MOST_ROWS * _ROW.size, len(data) - _ROW.size + 1), _ROW.size):
        row = data[place : place + _ROW.size]
        yield row
        if row[:2] != _MAGIC:
            return


def table_at(data: Bytes, at: int) -> List[Partition]:
    """Returns the rows of the table at a place; none if there is none."""
    return [_partition(row) for row in _rows(data, at) if row[:2] == _MAGIC]


def _partition(row: bytes) -> Partition:
    _, kind, subtype, offset, size, name, _ = _ROW.unpack(row)
    return Partition(name.split(b"\0")[0].decode("utf-8", "backslashreplace"), kind, subtype, offset, size)


def _sure_table_at(data: Bytes, at: int) -> Optional[List[Partition]]:
    """Returns the table at a place where tables seldom are. None: something is wrong with it."""
    table, rows = table_at(data, at), list(_rows(data, at))
    if not table or any(one.offset % _SECTOR or not one.size for one in table):
        return None
    last = rows[-1]
    if last[: len(_SUM)] == _SUM:
        is_whole = last[len(_SUM) :] == hashlib.md5(b"".join(rows[:-1])).digest()
    else:
        is_whole = last == _ERASED and len(table) > 1
    return table if is_whole and max(one.offset for one in table) > at else None
