# SPDX-License-Identifier: Apache-2.0
"""Writes ELF cores: threads, ranges of memory and notes, in either word format; and what ESP-IDF wraps around them."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS = 1
RISCV = 243

Range = tuple[int, bytes]
Note = tuple[bytes, int, bytes]


def core_bytes(
    ranges: Sequence[Range],
    pc: int = 0,
    *,
    word: int = 4,
    order: str = "little",
    machine: int = RISCV,
    notes: Sequence[Note] = (),
    physical: bool = False,
    empty: Sequence[tuple[int, int]] = (),
    signal: int = 0,
) -> bytes:
    """A core whose one thread stands at `pc`, by this signal, with exactly these ranges.

    `physical`: with physical addresses only, as an emulator without an MMU; `empty`: address and size of segments of
    which the file has no bytes.
    """
    mark = "<" if order == "little" else ">"
    body = b"".join(_note(mark, *note) for note in (_status(mark, word, pc, signal), *notes))
    parts = [(PT_NOTE, 0, body, 0), *((PT_LOAD, address, data, len(data)) for address, data in ranges)]
    parts += [(PT_LOAD, address, b"", size) for address, size in empty]
    header, entry = (52, 32) if word == 4 else (64, 56)
    at, headers = header + entry * len(parts), b""
    for kind, address, data, size in parts:
        virtual = 0 if physical else address
        if word == 4:
            headers += struct.pack(mark + "8I", kind, at, virtual, address, len(data), size, 6, 4)
        else:
            headers += struct.pack(mark + "2I6Q", kind, 6, at, virtual, address, len(data), size, 4)
        at += len(data)
    ident = bytes([0x7F, 0x45, 0x4C, 0x46, word // 4, 1 if order == "little" else 2, 1]) + bytes(9)
    sizes = (header, entry, len(parts), 0, 0, 0)
    head = struct.pack(mark + ("HHI3IIHHHHHH" if word == 4 else "HHI3QIHHHHHH"), 4, machine, 1, 0, header, 0, 0, *sizes)
    return ident + head + headers + b"".join(data for _, _, data, _ in parts)


def _status(mark: str, word: int, pc: int, signal: int) -> Note:
    status, registers = (bytearray(204), 72) if word == 4 else (bytearray(376), 112)
    struct.pack_into(mark + "I", status, 0, signal)
    struct.pack_into(mark + "I", status, 24 if word == 4 else 32, 1)  # pr_pid
    struct.pack_into(mark + ("I" if word == 4 else "Q"), status, registers, pc)
    return b"CORE", NT_PRSTATUS, bytes(status)


def _note(mark: str, owner: bytes, kind: int, data: bytes) -> bytes:
    name = owner + b"\0"
    return struct.pack(mark + "III", len(name), len(data), kind) + b"".join(
        part + bytes(-len(part) % 4) for part in (name, data)
    )


def write_core(path: Path, ranges: Sequence[Range], pc: int = 0, **form: object) -> Path:
    """The same as a file; `form` as `core_bytes` takes it."""
    path.write_bytes(core_bytes(ranges, pc, **form))  # type: ignore[arg-type]
    return path


def esp_partition(elf: bytes, *, header: int, sha: bool, chip: int = 5, size: int | None = None) -> bytes:
    """A core dump partition of ESP-IDF: header of 12, 20 or 24 bytes, core, checksum, erased flash up to `size`."""
    minor = {20: 0, 24: 2, 12: 4}[header] + (1 if sha and header != 12 else 0)
    total = header + len(elf) + (32 if sha else 4)
    fields = {12: (0,), 20: (0, 0, 0), 24: (0, 0, 0, 3)}[header]
    body = struct.pack(f"<{2 + len(fields)}I", total, chip << 16 | 1 << 8 | minor, *fields) + elf
    check = hashlib.sha256(body).digest() if sha else struct.pack("<I", zlib.crc32(body))
    return (body + check).ljust(size or 0, b"\xff")


def esp_log(image: bytes, *, prefix: str = "", noise: str = "") -> str:
    """The same as it comes over a serial line: base64 in lines that are encoded one by one, between two marks."""
    pieces = [image[:24], *(image[at : at + 48] for at in range(24, len(image), 48))]
    lines = [prefix + base64.b64encode(piece).decode() for piece in pieces]
    middle = len(lines) // 2
    lines[middle:middle] = [noise] if noise else []
    start = "Print core dump to uart...\r\n================= CORE DUMP START ================="
    return "\r\n".join([f"I (23) boot: hello\r\n{start}", *lines, "================= CORE DUMP END ================="])
