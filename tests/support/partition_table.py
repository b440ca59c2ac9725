# SPDX-License-Identifier: Apache-2.0
"""Builds whole flash dumps with a partition table, from ESP-IDF's documentation of it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

APP, DATA = 0, 1
SECTOR = 0x1000
AT = 0x8000


def row(name: bytes, kind: int, subtype: int, offset: int, size: int) -> bytes:
    """A row of a table."""
    return struct.pack("<2s2B2I16sI", b"\xaa\x50", kind, subtype, offset, size, name, 0)


def table(rows: Sequence[bytes]) -> bytes:
    """A table of these rows, with the sum of them behind it."""
    data = b"".join(rows)
    return (data + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(data).digest()).ljust(SECTOR, b"\xff")


def dump(*partitions: tuple[str, int, int, bytes], at: int = AT) -> bytes:
    """A flash with these partitions, one behind the other: name, kind, subtype and bytes of each."""
    rows, rest, offset = [], b"", at + SECTOR
    for name, kind, subtype, data in partitions:
        whole = data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\xff")
        rows.append(row(name.encode(), kind, subtype, offset, len(whole)))
        rest += whole
        offset += len(whole)
    return b"\xff" * at + table(rows) + rest
