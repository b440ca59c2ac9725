# SPDX-License-Identifier: Apache-2.0
"""Reads the partition table of a memory card.

Approach: four entries at the end of the first sector. A boot sector of FAT has the same sign there, but no table.
Limits: partitions within an extended one, and tables of the newer kind (GPT), are not read.
"""

from __future__ import annotations

import struct
from typing import List

from gdbext.flash.fat import shape_of
from gdbext.flash.partitions import FOR_FILES, Partition
from gdbext.source.overlaps import Bytes

_SECTOR = 512
_ENTRY = struct.Struct("<B3xB3xII")  # is it for booting, kind, first sector, sectors
_TABLE_AT, _COUNT = 446, 4
_SIGN = b"\x55\xaa"
_FAT = (0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E)
_EMPTY, _EXTENDED = 0, (0x05, 0x0F)
_OF_OTHERS = (0x40, 0)  # as a partition of the project's own: it may have files


def cards_partitions_in(data: Bytes) -> List[Partition]:
    """Returns the partitions of a card, by their numbers; none if it has no table."""
    first = data[:_SECTOR]
    if first[_SECTOR - 2 :] != _SIGN or shape_of(first) is not None:
        return []
    found = []
    for number in range(_COUNT):
        boots, kind, start, count = _ENTRY.unpack_from(first, _TABLE_AT + number * _ENTRY.size)
        if boots & 0x7F:
            return []
        if kind != _EMPTY and kind not in _EXTENDED and start and count:
            use = FOR_FILES if kind in _FAT else _OF_OTHERS
            found.append(Partition(f"p{number + 1}", *use, start * _SECTOR, count * _SECTOR))
    return found
