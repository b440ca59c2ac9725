# SPDX-License-Identifier: Apache-2.0
"""Writes ELF core files of a 32-bit RISC-V chip: one thread and some ranges of memory, as a chip dumps them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

EHDR, PHDR = 52, 32
PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS = 1
PRSTATUS_BYTES, REGISTERS_AT = 204, 72


def write_core(path: Path, ranges: Sequence[tuple[int, bytes]], pc: int = 0) -> Path:
    """A core whose one thread stands at `pc`, with exactly these ranges of memory."""
    status = bytearray(PRSTATUS_BYTES)
    struct.pack_into("<I", status, 24, 1)  # pr_pid
    struct.pack_into("<I", status, REGISTERS_AT, pc)
    note = struct.pack("<III8s", 5, len(status), NT_PRSTATUS, b"CORE") + status
    parts = [(PT_NOTE, 0, note), *((PT_LOAD, address, data) for address, data in ranges)]
    at = EHDR + PHDR * len(parts)
    headers = b""
    for kind, address, data in parts:
        headers += struct.pack("<8I", kind, at, address, 0, len(data), len(data), 6, 4)
        at += len(data)
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    head = struct.pack("<16s2H5I6H", ident, 4, 243, 1, 0, EHDR, 0, 0, EHDR, PHDR, len(parts), 0, 0, 0)
    path.write_bytes(head + headers + b"".join(data for _, _, data in parts))
    return path
