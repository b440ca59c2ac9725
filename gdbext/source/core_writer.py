# SPDX-License-Identifier: Apache-2.0
"""Writes an ELF core: notes and ranges of memory, in any word format."""

from __future__ import annotations

import struct
from typing import Sequence, Tuple

from gdbext.source.core import ELF_MAGIC, Note
from gdbext.source.snapshot import ByteOrder

_CORE, _LOAD, _NOTE, _READ_WRITE = 4, 1, 4, 6
_MOST_SEGMENTS = 0xFFFE


def core_bytes(
    pointer_size: int, byte_order: ByteOrder, machine: int, notes: Sequence[Note], ranges: Sequence[Tuple[int, bytes]]
) -> bytes:
    """Returns the bytes of the core file."""
    mark, wide = "<" if byte_order == "little" else ">", pointer_size == 8
    told = b""
    for owner, kind, data in notes:
        name = owner.encode() + b"\0"
        told += struct.pack(mark + "III", len(name), len(data), kind)
        told += name + bytes(-len(name) % 4) + data + bytes(-len(data) % 4)
    parts = [(_NOTE, 0, told), *((_LOAD, base, data) for base, data in ranges[:_MOST_SEGMENTS])]
    header, entry = (64, 56) if wide else (52, 32)
    at, table = header + entry * len(parts), b""
    for kind, address, data in parts:
        if wide:
            table += struct.pack(mark + "2I6Q", kind, _READ_WRITE, at, address, 0, len(data), len(data), 1)
        else:
            table += struct.pack(mark + "8I", kind, at, address, 0, len(data), len(data), _READ_WRITE, 1)
        at += len(data)
    ident = ELF_MAGIC + bytes([2 if wide else 1, 1 if mark == "<" else 2, 1]) + bytes(9)
    shape = mark + ("HHI3QI6H" if wide else "HHI3II6H")
    rest = struct.pack(shape, _CORE, machine, 1, 0, header, 0, 0, header, entry, len(parts), 0, 0, 0)
    return b"".join([ident, rest, table, *(data for _, _, data in parts)])
